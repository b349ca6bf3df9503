"""Files of arrays that trainings make and read again: columns (.npz) and rows that stay on the disk (.npy)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from duchenne.errors import TrainingError


def read_columns(path: Path, mend: str = "Remove it and make it anew.") -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name.

    Args:
        path: The file.
        mend: What to do about one that cannot be read.

    Raises:
        TrainingError: It is missing or damaged.
    """
    with _explained(path, mend), np.load(path, allow_pickle=False) as table:
        return {name: table[name] for name in table.files}


def open_rows(path: Path, mend: str = "Remove it and make it anew.") -> np.ndarray:
    """Return the array of an .npy file, whose rows are read from the disk when they are asked for.

    Args:
        path: The file.
        mend: What to do about one that cannot be read.

    Raises:
        TrainingError: It is missing or damaged.
    """
    with _explained(path, mend):
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(rows, np.ndarray):
            raise ValueError("it is not a .npy file")
        return rows


@contextmanager
def _explained(path: Path, mend: str) -> Iterator[None]:
    """Turn whatever numpy and zipfile raise on damaged files, which is of many types, into a TrainingError."""
    try:
        yield
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error or type(error).__name__}). {mend}") from None
