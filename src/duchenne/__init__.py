"""Duchenne: facial action units from pictures and video, from any angle."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duchenne.detector import AUDetector, DetectionOptions
    from duchenne.results import FaceAUs, to_dataframe, write_table

__all__ = ["AUDetector", "DetectionOptions", "FaceAUs", "to_dataframe", "write_table"]

_HOMES = {
    "AUDetector": "duchenne.detector",
    "DetectionOptions": "duchenne.detector",
    "FaceAUs": "duchenne.results",
    "to_dataframe": "duchenne.results",
    "write_table": "duchenne.results",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first asked for, so that `--help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'duchenne' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
