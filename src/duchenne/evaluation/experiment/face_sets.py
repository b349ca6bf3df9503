"""Prepared faces with their split, and what is done with them: the arms of the paper's experiment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.splits import Split
from duchenne.datasets.store import PreparedStore
from duchenne.poses import pose_numbers
from duchenne.training.data.dataset import FaceDataset


@dataclass(frozen=True)
class Stage:
    """How far a part of the experiment is.

    Attributes:
        what: Its name.
        done: In any unit.
        total: In the same.
        remark: Something worth a line of its own.
    """

    what: str
    done: float = 0.0
    total: float = 0.0
    remark: str = ""


ProgressCallback = Callable[[Stage], None]


@dataclass(frozen=True)
class FaceSet:
    """A prepared set.

    Attributes:
        name: As reports call it.
        folders: Of its stores.
        split: Who trains, validates and tests.
        exact_poses: Whether poses are a renderer's, so that numbers of poses follow from angles.
    """

    name: str
    folders: tuple[Path, ...]
    split: Split
    exact_poses: bool = False

    def part(self, which: str, reduction: int = 1) -> FaceDataset:
        """Return the faces that "train", "valid" or "test"; crops stay in memory once they were read."""
        store = FaceDataset([PreparedStore(folder, reduction) for folder in self.folders])
        return store.subset(self.split.rows(store.subject)[which])

    def pose_numbers(self, faces: FaceStore) -> Int[np.ndarray, " n"]:
        """Return FERA 2017's number of each face's pose, or 0."""
        return pose_numbers(np.asarray(faces.pose_deg)) if self.exact_poses else np.asarray(faces.pose_number)


@dataclass(frozen=True)
class Arm:
    """A set that systems learn from, and the sets that they are judged on then.

    Attributes:
        name: Of the folders of its systems.
        learn: Its train and valid parts are used.
        tests: By role ("within", "across", "poses"); their test parts are used.
    """

    name: str
    learn: FaceSet
    tests: Mapping[str, FaceSet]


def subjects_of(folders: tuple[Path, ...]) -> list[str]:
    """Return the names of the subjects of prepared stores."""
    return sorted({name for folder in folders for name in np.unique(PreparedStore(folder).subject).tolist()})
