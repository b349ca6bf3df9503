"""Rows of three numbers out of the package's JSON files: the mean face, the pose correction."""

import json

import numpy as np
from jaxtyping import Float

from duchenne.errors import WeightsError
from duchenne.weights import whole_weights


def stored_points(name: str, key: str, rows: int) -> Float[np.ndarray, "n 3"]:
    """Return what a file of `WEIGHT_FILES` holds under a key.

    Example:
        >>> stored_points("mean_face.json", "points", 49).shape
        (49, 3)

    Args:
        name: Of the file.
        key: In it.
        rows: How many there must be.

    Raises:
        WeightsError: The file is missing or garbled.
    """
    path = whole_weights(name)
    try:
        return np.array(json.loads(path.read_text(encoding="utf-8"))[key], float).reshape(rows, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} holds no {key} of {rows} points ({error}). Install the package again.") from error
