"""Prepared faces with their split, and which of them train and test: the settings of the paper's experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.prepare import PrepareOptions, done_frames, prepare
from duchenne.datasets.recording import Release
from duchenne.datasets.splits import Split
from duchenne.datasets.store import PreparedStore
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.evaluation.runs import Role
from duchenne.poses import pose_numbers
from duchenne.training.data.dataset import FaceDataset


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
class Setting:
    """A set that systems are trained on, and the sets that they are tested on then.

    Attributes:
        name: Of the folders of its systems.
        train_set: Its train and valid parts are used.
        test_sets: By role; their test parts are used.
    """

    name: str
    train_set: FaceSet
    test_sets: Mapping[Role, FaceSet]


def subjects_of(folders: tuple[Path, ...]) -> list[str]:
    """Return the names of the subjects of prepared stores."""
    return sorted({name for folder in folders for name in np.unique(PreparedStore(folder).subject).tolist()})


def prepare_store(
    releases: Sequence[Release], store: Path, options: PrepareOptions, workers: int, on_progress: ProgressCallback
) -> None:
    """Prepare what was not yet.

    Raises:
        DuchenneError: There is no face, or the folder cannot be written.
    """
    stage = f"faces aligned, {store.stem}"
    done, total = done_frames(releases, store, options)
    on_progress(StageProgress(stage, done, total))

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        on_progress(StageProgress(stage, done, total))

    prepare(releases, store, options, workers=workers, on_frames=count)
