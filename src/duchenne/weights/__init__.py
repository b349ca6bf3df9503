"""The networks inside the package, with the hash that each must have.

`hashes.json` beside the files is written by `write_hashes` after an export and read by `weights_path` users that want
to be certain (`duchenne doctor`).
"""

import hashlib
import json
from pathlib import Path

from duchenne.errors import WeightsError

FOLDER = Path(__file__).parent
NETWORKS = ("face_detector.onnx", "landmarker.onnx", "au_compact.onnx")


def weights_path(name: str) -> Path:
    """Return the path of a network of the package.

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
    """Return the hash that each network must have, by file name."""
    return json.loads((FOLDER / "hashes.json").read_text(encoding="utf-8"))


def write_hashes() -> None:
    """Record the hashes of the networks that lie in the package now; run as `python -m duchenne.weights`."""
    hashes = {name: sha256_of(weights_path(name)) for name in NETWORKS}
    (FOLDER / "hashes.json").write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
