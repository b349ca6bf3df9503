"""What is installed, whether the weights are whole, and whether a rendered face gives its known action units."""

import importlib.util
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from duchenne.alignment import eye_span_px
from duchenne.detector import AUDetector
from duchenne.errors import DuchenneError
from duchenne.weights import FOLDER, WEIGHT_FILES, expected_hashes, sha256_of

SAMPLE = Path(__file__).parent / "samples" / "face.jpg"
"""A rendered face that is part of the package; `face.json` beside it holds its truth."""
_LIBRARIES = ("numpy", "onnxruntime", "pillow", "av", "cyclopts", "rich")
_EXTRAS = {
    "parquet": ("pyarrow",),
    "pandas": ("pandas",),
    "synthesis": ("numba", "scipy", "cv2"),
    "train": ("torch", "onnx", "safetensors"),
}
_LANDMARK_TOLERANCE = 0.08
"""Mean landmark error over the eye span that the self-check accepts."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `ok` is None for what is neither right nor wrong."""

    what: str
    found: str
    ok: bool | None


def diagnose() -> list[Finding]:
    """Return every finding, the self-check last."""
    return [*_software(), *_extras(), *_weights(), _self_check()]


def _software() -> Iterator[Finding]:
    yield Finding("duchenne", version("duchenne"), True)
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", True)
    for name in _LIBRARIES:
        try:
            yield Finding(name, version(name), True)
        except PackageNotFoundError:
            yield Finding(name, "missing; install the package again: pip install duchenne", False)


def _extras() -> Iterator[Finding]:
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        found = "installed" if not missing else f"not installed (pip install 'duchenne[{extra}]'); not needed to detect"
        yield Finding(f"extra {extra}", found, None)


def _weights() -> Iterator[Finding]:
    expected = expected_hashes()
    for name in WEIGHT_FILES:
        path = FOLDER / name
        if not path.is_file():
            yield Finding(name, "missing; install the package again: pip install duchenne", False)
            continue
        digest, size = sha256_of(path), path.stat().st_size / 1e6
        whole = digest == expected.get(name)
        remark = "" if whole else ", altered: not the file that was released"
        yield Finding(name, f"sha256 {digest[:16]}, {size:.{2 if size >= 0.1 else 3}f} MB{remark}", whole)


def _self_check() -> Finding:
    """Return whether the pretrained rendered face gives its own landmarks and action units."""
    truth = json.loads(SAMPLE.with_suffix(".json").read_text(encoding="utf-8"))
    start_s = time.perf_counter()
    try:
        faces = AUDetector().detect(SAMPLE)
    except DuchenneError as failure:
        return Finding("self-check", str(failure), False)
    took_ms = 1000 * (time.perf_counter() - start_s)
    if len(faces) != 1:
        return Finding("self-check", f"{len(faces)} faces in a picture of one", False)
    points = np.array(truth["landmarks"])
    error = np.linalg.norm(faces[0].landmarks.points - points, axis=1).mean() / eye_span_px(points)
    smile = faces[0].probability_of("AU12")
    found = f"one face, landmark error {error:.3f} of the eye span, AU12 {smile:.2f}, {took_ms:.0f} ms with loading"
    return Finding("self-check", found, bool(error <= _LANDMARK_TOLERANCE and smile >= 0.5))
