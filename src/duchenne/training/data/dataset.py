"""The faces that a run learns from and those that say when to stop, from folders that `duchenne prepare` wrote."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, Shaped, UInt8

from duchenne.datasets.store import PreparedStore
from duchenne.errors import TrainingError, UsageError
from duchenne.geometry import Transform

KEEP_BYTES = 4 << 30
"""Decoded crops are kept in memory up to here; above it they are decoded each time."""


class FaceDataset:
    """Several prepared stores as one `FaceStore`, with decoded crops kept in memory while they fit.

    Args:
        parts: The stores, of one reduction.
        keep_bytes: For decoded crops.
    """

    def __init__(self, parts: Sequence[PreparedStore], keep_bytes: int = KEEP_BYTES) -> None:
        self.parts = tuple(parts)
        self._starts = np.cumsum([0, *map(len, self.parts)])
        self.points = self._joined("points")
        self.occurrence, self.known = self._joined("occurrence"), self._joined("known")
        self.intensity, self.intensity_known = self._joined("intensity"), self._joined("intensity_known")
        self.sides_known = self._joined("sides_known")
        self.subject, self.sequence = self._joined("subject"), self._joined("sequence")
        self.in_time = self._joined("in_time")
        self.frame, self.pose_number, self.pose_deg = map(self._joined, ("frame", "pose_number", "pose_deg"))
        names = [set(part.extra_names) for part in self.parts]
        self.extra_names: tuple[str, ...] = tuple(sorted(set.intersection(*names)))
        fits = len(self) * self.parts[0].side_px ** 2 * 3 <= keep_bytes
        self._kept: dict[int, np.ndarray] | None = {} if fits else None

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def crop_from_stored(self) -> Transform:
        """The similarity from pixels of what `crops` returns to pixels of the 200 x 200 crop."""
        return self.parts[0].crop_from_stored

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change with the faces, their labels or their order."""
        if len(self.parts) == 1:
            return self.parts[0].fingerprint
        return hashlib.sha256(" ".join(part.fingerprint for part in self.parts).encode()).hexdigest()[:16]

    def crops(self, rows: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k s s 3"]:
        """Return aligned faces with a margin, RGB."""
        return np.stack([self._crop(int(row)) for row in rows])

    def extra(self, name: str) -> Shaped[np.ndarray, "n ..."]:
        """Return a further column that every part has."""
        return np.concatenate([part.extra(name) for part in self.parts])

    def subset(self, rows: Shaped[np.ndarray, " k"]) -> "FaceDataset":
        """Return a store of these rows (numbers or a mask), part after part and in this order within each."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        part_of = np.searchsorted(self._starts, rows, side="right") - 1
        chosen = [
            part.subset(rows[part_of == k] - self._starts[k])
            for k, part in enumerate(self.parts)
            if (part_of == k).any()
        ]
        return FaceDataset(chosen)

    def _crop(self, row: int) -> np.ndarray:
        if self._kept is not None and row in self._kept:
            return self._kept[row]
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        crop = self.parts[part].crops(np.array([row - self._starts[part]]))[0]
        if self._kept is not None:
            self._kept[row] = crop
        return crop

    def _joined(self, name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in self.parts])


def with_validation(
    whole: FaceDataset, valid: Sequence[Path] | None, valid_share: float, seed: int, reduction: int = 1
) -> tuple[FaceDataset, FaceDataset]:
    """Return the faces to learn from, and those that say when to stop.

    Args:
        whole: Faces of prepared stores.
        valid: Folders of those for validation; None to keep a share of the subjects.
        valid_share: That share.
        seed: Of the choice of subjects.
        reduction: Crops are read at 1 / reduction.

    Raises:
        UsageError: The share is not between 0 and 1.
        TrainingError: There are fewer than two subjects to part.
        DatasetError: A folder holds no prepared store.
    """
    if valid:
        return whole, FaceDataset([PreparedStore(folder, reduction) for folder in valid])
    if not 0 < valid_share < 1:
        raise UsageError(f"The share of subjects for validation lies between 0 and 1; got {valid_share:g}.")
    kept = validation_subjects(whole.subject, valid_share, seed)
    is_kept = np.isin(whole.subject, kept)
    return whole.subset(~is_kept), whole.subset(is_kept)


def validation_subjects(subjects: Shaped[np.ndarray, " n"], share: float, seed: int) -> Shaped[np.ndarray, " m"]:
    """Return a share of the subjects, at least one, drawn by the seed.

    Raises:
        TrainingError: There are fewer than two.
    """
    names = np.unique(subjects)
    if len(names) < 2:
        raise TrainingError("There is one subject only, so none can be kept for validation. Name --valid.")
    count = min(len(names) - 1, max(1, round(share * len(names))))
    return np.sort(np.random.default_rng(seed).permutation(names)[:count])
