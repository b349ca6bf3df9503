"""The features of many faces: in memory while they fit there, else in a file that is mapped into memory.

Histograms of 415,000 faces are 10 GB; in the file they take half, since their values lie between 0 and 1 and have
three digits that count.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.errors import TrainingError

KEEP_BYTES = 1 << 30
"""Features are kept in memory up to here."""
PART = 4096
"""Faces that are worked on at once where features lie in a file."""


@dataclass(frozen=True)
class FeatureRoom:
    """Where features lie.

    Attributes:
        folder: For files.
        keep_bytes: Size up to which they stay in memory.
    """

    folder: Path
    keep_bytes: int = KEEP_BYTES

    def keep(self, batches: Iterable[Float[np.ndarray, "b ..."]], count: int, name: str) -> Float[np.ndarray, "n ..."]:
        """Return features, read batch after batch: float32 in memory, or float16 in a file that is mapped.

        Args:
            batches: Of features.
            count: Faces in all of them.
            name: Of the file.

        Raises:
            TrainingError: The file cannot be written.
        """
        batches = iter(batches)
        first = next(batches)
        if first.nbytes / len(first) * count <= self.keep_bytes:
            return np.concatenate([first, *batches])
        path = self.folder / f"{name}.features"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:  # Not through the map: a full disk would end the process.
                for batch in chain([first], batches):  # one after the other: all of them do not fit in memory
                    file.write(batch.astype(np.float16).tobytes())
        except OSError as error:
            path.unlink(missing_ok=True)
            needed = first.size / len(first) * count * 2 / 1e9
            raise TrainingError(
                f"The features of {count} faces need {needed:.1f} GB in {self.folder}: {error.strerror}. Make room, "
                "name another --out, or use fewer faces with --max-faces."
            ) from error
        return np.memmap(path, np.float16, "r", shape=(count, *first.shape[1:]))

    def clear(self) -> None:
        """Remove the files."""
        for path in self.folder.glob("*.features"):
            path.unlink(missing_ok=True)


def parts_of(count: int) -> Iterator[slice]:
    """Yield slices of rows, each of `PART` or fewer."""
    for start in range(0, count, PART):
        yield slice(start, min(start + PART, count))


def lies_in_a_file(features: np.ndarray) -> bool:
    """Return whether features were too many for memory."""
    return isinstance(features, np.memmap)
