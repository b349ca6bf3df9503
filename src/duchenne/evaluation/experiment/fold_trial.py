"""One recipe on prepared faces of any data set, trained once for each fold of a split and tested on everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duchenne.datasets.splits import make_splits
from duchenne.evaluation.experiment.face_sets import FaceSet, folds_within, subjects_of
from duchenne.evaluation.experiment.stage_progress import FractionCallback
from duchenne.evaluation.experiment.trial import Trial, run_trial
from duchenne.evaluation.run_files import commit_here, read_run
from duchenne.evaluation.runs import Run
from duchenne.training.recipes.named import Recipe


@dataclass(frozen=True)
class CrossValidation:
    """What is trained and tested.

    Attributes:
        recipe: The system.
        data: Folders of prepared stores.
        split: One of `splits.SPLITS`.
        folder: For the systems and the run.
        subjects: Who takes part; everybody unless any are named.
        draws: Resamplings for intervals.
        command: To be kept in the run.
    """

    recipe: Recipe
    data: tuple[Path, ...]
    split: str
    folder: Path
    subjects: tuple[str, ...] = ()
    draws: int = 1000
    command: str = ""


def cross_validate(asked: CrossValidation, on_progress: FractionCallback) -> tuple[Run, Path]:
    """Train a system for each fold and return the run of all tested faces, with its file.

    Nobody is tested by a system that learnt from them. What was trained before in the folder is not trained again.

    Raises:
        UsageError: There is no such split.
        DuchenneError: The faces cannot teach the system, or the folder cannot be written.
    """
    names: Sequence[str] = subjects_of(asked.data)
    if asked.subjects:
        names = [name for name in names if name in asked.subjects]
    splits = make_splits(asked.split, names)
    faces = FaceSet(" + ".join(folder.name for folder in asked.data), asked.data, splits[0])
    setting = folds_within(asked.split, faces, splits)
    trial = Trial(asked.recipe, setting, asked.folder, asked.draws, asked.command, commit_here())
    run_trial(trial, on_progress)
    path = trial.run_path("within")
    return read_run(path), path
