"""What needs an extra of the package: which library is in which, and Parquet files."""

from duchenne.extras.libraries import EXTRA_OF, extras_named, missing, needed

__all__ = ["EXTRA_OF", "extras_named", "missing", "needed"]
