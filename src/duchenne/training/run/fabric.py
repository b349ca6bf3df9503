"""What is used of Lightning Fabric, imported so that torch leaves no folder behind.

Fabric imports torch's compiler, and that makes a folder for compiled code in the system's temporary folder, although
nothing here is compiled by it. While it is imported, that folder is the temporary folder itself, which is there.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Fabric", "Precision"]
_CACHE = "TORCHINDUCTOR_CACHE_DIR"


@contextmanager
def _no_folder_for_compiled_code() -> Iterator[None]:
    if _CACHE in os.environ:
        yield
        return
    os.environ[_CACHE] = tempfile.gettempdir()
    try:
        yield
    finally:
        os.environ.pop(_CACHE, None)


with _no_folder_for_compiled_code():
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.precision import Precision
