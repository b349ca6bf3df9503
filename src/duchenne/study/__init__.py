"""From results to findings: what a study does with the files of `duchenne detect`, on data frames (docs/study.md).

The functions are imported when they are first asked for; modules have other names than functions, so that neither
hides the other.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duchenne.study.results import read_results

__all__ = ["read_results"]

_HOMES = {
    "read_results": "duchenne.study.results",
}


def __getattr__(name: str) -> Any:
    """Import a public function when it is first asked for, so that `--help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'duchenne.study' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
