"""Duchenne: facial action units from pictures and video, from any angle."""

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duchenne import errors
    from duchenne.datasets.preparing.source_preparation import prepare
    from duchenne.detector import AUDetector
    from duchenne.detector.face_stream import FaceStream
    from duchenne.evaluation.evaluated_run import evaluate
    from duchenne.results import FaceAUs, to_dataframe, to_row, write_table
    from duchenne.smoothing import LandmarkSmoother, SmoothingRule
    from duchenne.synthesis.rendering import render
    from duchenne.tracking import FaceTracker
    from duchenne.training.recipes.named import RECIPES
    from duchenne.training.trained_system import load_system, train

    __version__: str

__all__ = [
    "RECIPES",
    "AUDetector",
    "FaceAUs",
    "FaceStream",
    "FaceTracker",
    "LandmarkSmoother",
    "SmoothingRule",
    "__version__",
    "errors",
    "evaluate",
    "load_system",
    "prepare",
    "render",
    "to_dataframe",
    "to_row",
    "train",
    "write_table",
]

_HOMES = {
    "RECIPES": "duchenne.training.recipes.named",
    "AUDetector": "duchenne.detector",
    "FaceAUs": "duchenne.results",
    "FaceStream": "duchenne.detector.face_stream",
    "FaceTracker": "duchenne.tracking",
    "LandmarkSmoother": "duchenne.smoothing",
    "SmoothingRule": "duchenne.smoothing",
    "evaluate": "duchenne.evaluation.evaluated_run",
    "load_system": "duchenne.training.trained_system",
    "prepare": "duchenne.datasets.preparing.source_preparation",
    "render": "duchenne.synthesis.rendering",
    "to_dataframe": "duchenne.results",
    "to_row": "duchenne.results",
    "train": "duchenne.training.trained_system",
    "write_table": "duchenne.results",
}
_TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"

# ONNX Runtime reads this once, when it is imported: without it, it looks up a vendor's event server and keeps a device
# number and a queue of events in the user's cache folder. Every module of the package comes after this line, and worker
# processes inherit it.
if "onnxruntime" in sys.modules and os.environ.get(_TELEMETRY_OFF) != "1":
    warnings.warn(
        f"onnxruntime was imported before duchenne, so its telemetry is on. Import duchenne first, or set "
        f"{_TELEMETRY_OFF}=1 in the environment.",
        stacklevel=2,
    )
os.environ[_TELEMETRY_OFF] = "1"


def __getattr__(name: str) -> Any:
    """Import the public names when they are first asked for, so that `--help` stays quick."""
    import importlib

    if name == "__version__":
        return importlib.import_module("duchenne.results.result_record").package_version()
    if name == "errors":
        return importlib.import_module("duchenne.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'duchenne' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return what there is, whether it was imported already or not."""
    return sorted({*globals(), *__all__})
