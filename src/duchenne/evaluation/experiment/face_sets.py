"""Prepared faces with their split, and which of them train and test: the settings of the paper's experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.preparing.prepare import PrepareOptions, done_frames, prepare
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
        train_poses: Numbers of the poses that train and validate; empty for all faces, those without number too.
    """

    name: str
    folders: tuple[Path, ...]
    split: Split
    exact_poses: bool = False
    train_poses: tuple[int, ...] = ()

    def part(self, which: str, reduction: int = 1) -> FaceDataset:
        """Return the faces that "train", "valid" or "test"; crops stay in memory once they were read."""
        store = FaceDataset([PreparedStore(folder, reduction) for folder in self.folders])
        rows = self.split.rows(store.subject)[which]
        if self.train_poses and which != "test":
            rows = rows & np.isin(self.pose_numbers(store), self.train_poses)
        return store.subset(rows)

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
        further: Further folds of a cross-validation: a system each, all their scores in one run.
        systems: Those that take part; empty for all.
        aus: That they learn; empty for each recipe's own.
    """

    name: str
    train_set: FaceSet
    test_sets: Mapping[Role, FaceSet]
    further: tuple["Setting", ...] = ()
    systems: tuple[str, ...] = ()
    aus: tuple[str, ...] = ()

    @property
    def folds(self) -> tuple["Setting", ...]:
        """The first fold and the further ones."""
        return (self, *self.further)


def folds_within(
    name: str, faces: FaceSet, splits: Sequence[Split], role: Role = "within", aus: tuple[str, ...] = ()
) -> Setting:
    """Return the setting that trains and tests within a set, one fold for each split.

    Args:
        name: Of the folders of its systems; the number of the fold is added where there are several.
        faces: The set; its own split is not used.
        splits: At least one.
        role: Of the runs.
        aus: That systems learn; empty for each recipe's own.
    """
    folds = []
    for number, split in enumerate(splits, 1):
        part = replace(faces, split=split)
        folds.append(Setting(name if len(splits) == 1 else f"{name}-fold{number}", part, {role: part}, aus=aus))
    return replace(folds[0], further=tuple(folds[1:]))


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
