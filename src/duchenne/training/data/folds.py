"""Faces to learn from and faces that say when to stop, by one fold of a split of the subjects."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duchenne.datasets.splits import VALID_SHARE, Split, make_splits
from duchenne.datasets.store import PreparedStore
from duchenne.errors import UsageError
from duchenne.training.data.dataset import FaceDataset, with_validation


def only_subjects(faces: FaceDataset, subjects: Sequence[str]) -> FaceDataset:
    """Return the faces of these subjects; all faces if none are named.

    Raises:
        UsageError: A subject has no face among them.
    """
    if not subjects:
        return faces
    if unknown := sorted(set(subjects) - set(faces.subject.tolist())):
        raise UsageError(
            f"There is no face of {', '.join(unknown[:5])}{' and others' if len(unknown) > 5 else ''}. Name subjects "
            "as the data set does."
        )
    return faces.subset(np.isin(faces.subject, list(subjects)))


def fold_of(name: str, number: int, subjects: Sequence[str], valid_share: float = VALID_SHARE) -> Split:
    """Return one fold of a split (`splits.make_splits`), always the same; folds are counted from 1.

    Example:
        >>> fold_of("leave-one-out", 2, ["F001", "F002", "M001"]).test
        ('F002',)

    Raises:
        UsageError: There is no such split, or no such fold.
        DatasetError: There are too few subjects.
    """
    splits = make_splits(name, subjects, valid_share=valid_share)
    if not 1 <= number <= len(splits):
        raise UsageError(f"There is no fold {number} of {name}; these subjects give {len(splits)}, counted from 1.")
    return splits[number - 1]


def read_faces(data: Sequence[Path], reduction: int = 1, subjects: Sequence[str] = ()) -> FaceDataset:
    """Return the faces of prepared stores, or those of some subjects.

    Raises:
        UsageError: A subject has no face among them.
        DatasetError: A folder holds no prepared store.
    """
    return only_subjects(FaceDataset([PreparedStore(folder, reduction) for folder in data]), subjects)


@dataclass(frozen=True)
class FacesChoice:
    """Which faces of prepared stores train and say when to stop.

    Attributes:
        valid: Folders of those that say when to stop; a share of the subjects unless any are named.
        valid_share: That share.
        split: One of `splits.SPLITS`, whose test subjects take no part; None for no split.
        fold: Its number, from 1.
        subjects: Who takes part; everybody unless any are named.
    """

    valid: tuple[Path, ...] = ()
    valid_share: float = 0.2
    split: str | None = None
    fold: int = 1
    subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.split is not None and self.valid:
            raise UsageError("A --split says who validates, so it goes without --valid.")


def read_training_faces(
    data: Sequence[Path], choice: FacesChoice, seed: int, reduction: int = 1
) -> tuple[FaceDataset, FaceDataset, tuple[str, ...]]:
    """Return the faces to learn from, those that say when to stop, and the subjects that stay out for testing.

    Args:
        data: Folders of prepared stores.
        choice: Which of their faces.
        seed: Of the choice of subjects that validate, without a split.
        reduction: Crops are read at 1 / reduction.

    Raises:
        UsageError: There is no such split, fold or subject, or the share is not between 0 and 1.
        TrainingError: There are fewer than two subjects to part.
        DatasetError: A folder holds no prepared store, or there are too few subjects for the split.
    """
    faces = read_faces(data, reduction, choice.subjects)
    if choice.split is None:
        return *with_validation(faces, choice.valid, choice.valid_share, seed, reduction), ()
    split = fold_of(choice.split, choice.fold, faces.subject.tolist(), choice.valid_share)
    rows = split.rows(faces.subject)
    return faces.subset(rows["train"]), faces.subset(rows["valid"]), split.test
