"""The networks inside the package and what pose rests on, with the hash that each file must have.

`hashes.json` beside the files is written by `write_hashes` after an export and read by `weights_path` users that want
to be certain (`duchenne doctor`).
"""

import hashlib
import json
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


def sha256_of(path: Path) -> str:
    """Return the hash of a file as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expected_hashes() -> dict[str, str]:
    """Return the hash that each of `WEIGHT_FILES` must have, by name."""
    return json.loads((FOLDER / "hashes.json").read_text(encoding="utf-8"))


def write_hashes() -> None:
    """Record the hashes of the files that lie in the package now: `duchenne dev write-hashes`."""
    hashes = {name: sha256_of(weights_path(name)) for name in WEIGHT_FILES}
    (FOLDER / "hashes.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
