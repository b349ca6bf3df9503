"""What is installed, whether the weights are whole, and whether a rendered face gives its known action units.

Every finding is made in spite of the others: a damaged file or library is one line of the report, not the end of it. So
nothing is imported here that may be damaged, and the self-check runs in a process of its own.
"""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from duchenne.errors import DuchenneError
from duchenne.extras.runtimes import installed_runtimes
from duchenne.weights import FOLDER, WEIGHT_FILES, expected_hashes, sha256_of

SAMPLE = Path(__file__).parent / "samples" / "face.jpg"
"""A rendered face that is part of the package; `face.json` beside it holds its truth."""
_LIBRARIES = ("numpy", "pillow", "av", "cyclopts", "rich")
_EXTRAS = {
    "heif": ("pi_heif",),
    "parquet": ("pyarrow",),
    "pandas": ("pandas",),
    "synthesis": ("numba", "scipy", "cv2"),
    "train": ("torch", "onnx", "safetensors"),
    "baselines": ("torch", "skglm", "pycrfsuite"),
    "report": ("matplotlib", "scipy"),
    "study": ("pyarrow", "pandas", "pympi", "jinja2", "matplotlib"),
    "review": ("pyarrow", "pandas", "pympi", "starlette", "uvicorn"),
    "cluster": ("ray", "fsspec", "s3fs"),
}
_LANDMARK_TOLERANCE = 0.08
"""Mean landmark error over the eye span that the self-check accepts."""
_MOST_SECONDS = 300
"""Of the self-check."""
_AGAIN = "install the package again: pip install --force-reinstall duchenne"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `ok` is None for what is neither right nor wrong."""

    what: str
    found: str
    ok: bool | None


def diagnose() -> list[Finding]:
    """Return every finding, the self-check last."""
    return [*_software(), _runtime(), *_extras(), *_weights(), *_checked_apart()]


def _software() -> Iterator[Finding]:
    try:
        yield Finding("duchenne", version("duchenne"), True)
    except PackageNotFoundError:
        yield Finding("duchenne", "runs from a folder; it is not installed", None)
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}", True)
    for name in _LIBRARIES:
        try:
            yield Finding(name, version(name), True)
        except PackageNotFoundError:
            yield Finding(name, "missing; install the package again: pip install duchenne", False)


def _runtime() -> Finding:
    """Return which package brings ONNX Runtime; of several, one has written over the other."""
    found = installed_runtimes()
    if not found:
        return Finding("onnxruntime", "missing; install the package again: pip install duchenne", False)
    if len(found) == 1:
        ((name, number),) = found.items()
        return Finding(name, number, True)
    names = " ".join(found)
    remark = (
        f"{' and '.join(found)} lie in one folder; keep one: pip uninstall --yes {names}, then pip install --no-deps"
    )
    return Finding("onnxruntime", f"{remark} the one for your device (docs/devices.md)", False)


def _extras() -> Iterator[Finding]:
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if not _is_there(name)]
        found = "installed" if not missing else f"not installed (pip install 'duchenne[{extra}]'); not needed to detect"
        yield Finding(f"extra {extra}", found, None)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _weights() -> Iterator[Finding]:
    try:
        expected = expected_hashes()
    except DuchenneError as error:
        expected = {}
        yield Finding("hashes.json", str(error), False)
    for name in WEIGHT_FILES:
        path = FOLDER / name
        try:
            digest, size = sha256_of(path), path.stat().st_size / 1e6
        except FileNotFoundError:
            yield Finding(name, f"missing; {_AGAIN}", False)
            continue
        except OSError as error:
            yield Finding(name, f"cannot be read ({error.strerror}); {_AGAIN}", False)
            continue
        whole = digest == expected.get(name)
        remark = "" if whole else f", altered: not the file that was released; {_AGAIN}"
        yield Finding(name, f"sha256 {digest[:16]}, {size:.{2 if size >= 0.1 else 3}f} MB{remark}", whole)


def _checked_apart() -> list[Finding]:
    """Return what the checks of devices and `self_check` find in a process of its own, or how that ended."""
    words = [sys.executable, "-P", "-m", __name__]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return [Finding("self-check", f"does not come to an end within {_MOST_SECONDS} s; {_AGAIN}", False)]
    try:
        return [Finding(str(one["what"]), str(one["found"]), bool(one["ok"])) for one in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        return [Finding("self-check", f"its process ended with {done.returncode} ({last}); {_AGAIN}", False)]


def devices() -> Finding:
    """Return which devices can compute networks here, and which of them "auto" takes."""
    from duchenne.devices import DEVICES, device_for, fault_of

    taken = device_for("auto")
    usable = [name for name in DEVICES if fault_of(name) is None]
    others = [name for name in DEVICES if name not in usable]
    text = f"auto takes {taken.name} ({taken.provider}); usable: {', '.join(usable)}; not here: {', '.join(others)}"
    return Finding("devices", f"{text}. {taken.note}".rstrip(". "), not taken.note)


def hardware_decoding() -> Finding:
    """Return which devices can decode videos here; without any, the processor does."""
    from duchenne.media.hardware_decoding import hardware_fault, offered_hardware

    faults = {name: hardware_fault(name) for name in offered_hardware()}
    usable = [name for name, fault in faults.items() if fault is None]
    text = f"usable: {', '.join(usable) or 'none'}; off unless asked for (--hardware-decoding)"
    return Finding("hardware decoding", ". ".join([text, " ".join(filter(None, faults.values()))]).rstrip(". "), True)


def self_check() -> Finding:
    """Return whether the pretrained networks find the landmarks and action units of the rendered face."""
    import numpy as np

    from duchenne.alignment import eye_span_px
    from duchenne.detector import AUDetector

    start_s = time.perf_counter()
    try:
        faces = AUDetector().detect(SAMPLE)
        points = np.array(json.loads(SAMPLE.with_suffix(".json").read_text(encoding="utf-8"))["landmarks"], float)
        error = np.linalg.norm(faces[0].landmarks.points - points, axis=1).mean() / eye_span_px(points)
    except DuchenneError as failure:
        return Finding("self-check", str(failure), False)
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError) as damage:
        return Finding("self-check", f"{len(faces)} faces; {SAMPLE.with_suffix('.json')}: {damage!r}; {_AGAIN}", False)
    took_ms = 1000 * (time.perf_counter() - start_s)
    smile = faces[0].probability_of("AU12")
    found = f"one face, landmark error {error:.3f} of the eye span, AU12 {smile:.2f}, {took_ms:.0f} ms with loading"
    return Finding("self-check", found, bool(len(faces) == 1 and error <= _LANDMARK_TOLERANCE and smile >= 0.5))


def main() -> None:
    """Print them as JSON: what `_checked_apart` reads."""
    found = []
    for what, check in (("devices", devices), ("hardware decoding", hardware_decoding), ("self-check", self_check)):
        try:
            found.append(check())
        except Exception as damage:  # Whatever a damaged library raises.
            found.append(Finding(what, f"{type(damage).__name__}: {damage}; {_AGAIN}", False))
    print(json.dumps([asdict(one) for one in found]))


if __name__ == "__main__":
    main()
