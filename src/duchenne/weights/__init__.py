"""The networks inside the package and what pose rests on, with the hash that each file must have.

`hashes.json` beside the files is written by `write_hashes` after an export; `whole_weights` holds a file against it
before it is loaded.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from duchenne.errors import WeightsError

FOLDER = Path(__file__).parent
MEAN_FACE_NAME, POSE_CORRECTION_NAME = "mean_face.json", "pose_correction.json"
LOCATION_FILES = ("face_detector.onnx", "landmarker.onnx", MEAN_FACE_NAME, POSE_CORRECTION_NAME)
"""What boxes, landmarks and head poses depend on."""
AU_NETWORKS = {"real": "au_real.onnx", "rendered": "au_rendered.onnx"}
"""The AU networks by what they learnt from: real and rendered faces, or rendered faces alone."""
DEFAULT_AU_NETWORK = "real"
WEIGHT_FILES = (*LOCATION_FILES, *AU_NETWORKS.values())
"""What the numbers of a detection depend on, beside the code."""


def weights_path(name: str) -> Path:
    """Return the path of one of `WEIGHT_FILES`.

    Raises:
        WeightsError: The file is missing.
    """
    path = FOLDER / name
    if not path.is_file():
        raise WeightsError(
            f"The weights {name} are missing from {FOLDER}. Install the package again: pip install duchenne."
        )
    return path


def whole_weights(name: str) -> Path:
    """Return the path of one of `WEIGHT_FILES` whose content is that which was released.

    Raises:
        WeightsError: The file is missing or altered, or `hashes.json` is.
    """
    path = weights_path(name)
    if not is_of_the_package(path):
        raise WeightsError(
            f"The weights {name} in {FOLDER} are altered or damaged: their hash is not the one in hashes.json. Install "
            "the package again: pip install --force-reinstall duchenne; after an export: duchenne dev write-hashes."
        )
    return path


def is_of_the_package(path: Path) -> bool:
    """Return whether a file, wherever it lies, is a copy of one of `WEIGHT_FILES`.

    Raises:
        WeightsError: `hashes.json` is missing or damaged.
    """
    state = path.stat()
    return _sha256_of_state(path, state.st_size, state.st_mtime_ns) in expected_hashes().values()


@lru_cache(maxsize=32)
def _sha256_of_state(path: Path, size: int, changed_ns: int) -> str:
    """Return the hash of a file; one that did not change is not read again."""
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """Return the hash of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expected_hashes() -> dict[str, str]:
    """Return the hash that each of `WEIGHT_FILES` must have, by name.

    Raises:
        WeightsError: `hashes.json` is missing or damaged.
    """
    path = FOLDER / "hashes.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path} cannot be read ({error}). Install the package again: pip install duchenne."
        ) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise WeightsError(f"{path} holds no hashes by name. Install the package again: pip install duchenne.")
    return found


def write_hashes() -> None:
    """Record the hashes of the files that lie in the package now: `duchenne dev write-hashes`."""
    hashes = {name: sha256_of(weights_path(name)) for name in WEIGHT_FILES}
    (FOLDER / "hashes.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
