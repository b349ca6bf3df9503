"""One trial of the experiment: a system trained on one set and tested on others, as its setting says; a file a run."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.splits import require_disjoint
from duchenne.errors import EvaluationError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.experiment.cross_validation import TestedFold, joined, joined_training
from duchenne.evaluation.experiment.face_sets import FaceSet, Setting
from duchenne.evaluation.experiment.stage_progress import FractionCallback
from duchenne.evaluation.run_files import write_run
from duchenne.evaluation.runs import Role, RunOrigin, TrainingRecord
from duchenne.evaluation.scored_faces import ScoredFaces, scored_faces, thresholds_on
from duchenne.facs import au_columns
from duchenne.files.json_note import read_note, write_note
from duchenne.measures.intervals import Bootstrap
from duchenne.networks.patch_convolution import Convolution
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.data.checks import teachable
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.recipes.named import Recipe, with_settings
from duchenne.training.run.device import DeviceConfig, Precision
from duchenne.training.run.progress import Progress
from duchenne.training.systems import System, train_system


@dataclass(frozen=True)
class Trial:
    """What is trained and tested, and where that is kept.

    Attributes:
        recipe: The system, with its seed.
        setting: What it is trained and tested on.
        folder: Of the experiment.
        draws: Resamplings for intervals.
        command: To be kept in the runs.
        commit: Likewise.
        threads: Of torch; 0 leaves the choice to torch.
        precision: Of the layers, as `DeviceConfig` has it.
        convolution: How patches are filtered, likewise.
    """

    recipe: Recipe
    setting: Setting
    folder: Path
    draws: int
    command: str = ""
    commit: str | None = None
    threads: int = 0
    precision: Precision = "auto"
    convolution: Convolution = "auto"

    @property
    def name(self) -> str:
        """System and seed."""
        return f"{self.recipe.name}-{self.recipe.seed}"

    @property
    def system_folder(self) -> Path:
        """Where the trained system lies; of several folds, the first."""
        return self.folder_of(self.setting)

    def folder_of(self, fold: Setting) -> Path:
        """Return where the trained system of a fold lies."""
        return self.folder / "systems" / f"{self.name}-{fold.name}"

    def run_path(self, role: Role) -> Path:
        """Return where a run is kept."""
        return self.folder / "runs" / role / f"{self.name}.json"

    @property
    def done(self) -> bool:
        """Whether all its runs are there."""
        return all(self.run_path(role).exists() for role in self.setting.test_sets)


def run_trial(trial: Trial, on_progress: FractionCallback) -> str:
    """Train and test; what was done before is not done again. Return what came out, in a line.

    Raises:
        DuchenneError: The faces cannot teach the system, a subject is on both sides, or the folder cannot be written.
    """
    folds, count = [], len(trial.setting.folds)
    for number, setting in enumerate(trial.setting.folds):
        folds.append(_run_fold(trial, setting, partial(_part_done, on_progress, number, count)))
    training = joined_training([fold.training for fold in folds])
    areas = []
    for role in trial.setting.test_sets:
        tested = joined([fold.tested[role] for fold in folds])
        run = evaluate_faces(
            tested.faces, _origin(trial, role, training), tested.fingerprint, tested.thresholds, Bootstrap(trial.draws)
        )
        write_run(run, trial.run_path(role))
        areas.append(f"{role} AROC {run.mean.curve.aroc}")
    return f"{trial.recipe.name}, seed {trial.recipe.seed}: {', '.join(areas)}"


def _part_done(on_progress: FractionCallback, number: int, count: int, share: float) -> None:
    on_progress((number + share) / count)


@dataclass(frozen=True)
class _Fold:
    training: TrainingRecord
    tested: Mapping[Role, TestedFold]


def _run_fold(trial: Trial, setting: Setting, on_progress: FractionCallback) -> _Fold:
    """Train on one fold and score those whom it tests."""
    train_set, reduction = setting.train_set, trial.recipe.reduction
    train, valid = train_set.part("train", reduction), train_set.part("valid", reduction)
    asked = with_settings(trial.recipe, setting.aus) if setting.aus else trial.recipe
    recipe, left_out = teachable(asked, train)
    system, training = _trained(trial, setting, recipe, train, valid, on_progress)
    thresholds = thresholds_on(scored_faces(system.scores(valid), system.aus, valid))
    tested = {}
    for role, test_set in setting.test_sets.items():
        test = test_set.part("test", reduction)
        learnt = np.unique([*train.subject, *valid.subject]).tolist()
        require_disjoint({"training": learnt, "test": np.unique(test.subject).tolist()})
        faces = _with_poses(scored_faces(system.scores(test), system.aus, test), role, test_set, test)
        tested[role] = TestedFold(faces, thresholds, test.fingerprint)
    return _Fold(replace(training, left_out=left_out), tested)


class _TrainingLog:
    """Validation scores and processor time of a training, kept in its folder over interruptions."""

    def __init__(self, path: Path) -> None:
        before: dict[str, Any] = read_note(path) if path.exists() else {}
        self.path = path
        self.scores: dict[int, float] = {int(step): score for step, score in before.get("scores", {}).items()}
        self._before_s, self._start_s = before.get("cpu_s", 0.0), time.process_time()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def cpu_s(self) -> float:
        """Processor seconds so far."""
        return round(self._before_s + time.process_time() - self._start_s, 1)

    def note(self, progress: Progress) -> None:
        """Take in what the training reports; the score of a validation is repeated until the next."""
        if progress.score is not None and progress.score != next(reversed(self.scores.values()), None):
            self.scores[progress.step] = progress.score
        self.write()

    def write(self) -> None:
        """Write the file.

        Raises:
            EvaluationError: The disk is full or gone.
        """
        try:
            write_note(self.path, {"scores": self.scores, "cpu_s": self.cpu_s})
        except OSError as error:
            raise EvaluationError(f"{self.path} cannot be written ({error.strerror}). Make room, then go on.") from None


def _trained(
    trial: Trial,
    setting: Setting,
    recipe: Recipe,
    train: FaceStore,
    valid: FaceStore,
    on_progress: FractionCallback,
) -> tuple[System, TrainingRecord]:
    """Return the system and what is known of its training."""
    folder = trial.folder_of(setting)
    log = _TrainingLog(folder / "training.json")

    def report(progress: Progress) -> None:
        log.note(progress)
        on_progress(0.9 * progress.step / max(progress.steps, 1))

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # It announces its precision each time.
    device = DeviceConfig(threads=trial.threads, precision=trial.precision, convolution=trial.convolution)
    system = train_system(recipe, train, valid, folder, report, device)
    if isinstance(system, DeepSystem):  # The last validation comes after the last report.
        log.scores[system.metadata["steps"]] = system.metadata["validation_score"]
    log.write()
    on_progress(0.9)
    return system, TrainingRecord(
        len(train),
        train.fingerprint,
        _skew(train, system.aus),
        recipe.epochs if isinstance(recipe, DeepRecipe) else None,
        {step: round(score, 4) for step, score in sorted(log.scores.items())},
        log.cpu_s,
    )


def _skew(faces: FaceStore, aus: tuple[str, ...]) -> dict[str, float]:
    """Return negatives / positives of each AU among the faces."""
    columns = au_columns(aus)
    positives = (faces.occurrence & faces.known)[:, columns].sum(0)
    negatives = (~faces.occurrence & faces.known)[:, columns].sum(0)
    return {name: round(float(a / p), 4) for name, a, p in zip(aus, negatives, positives, strict=True)}


def _origin(trial: Trial, role: Role, training: TrainingRecord) -> RunOrigin:
    train_set, test_set = trial.setting.train_set, trial.setting.test_sets[role]
    data = train_set.name if test_set.name == train_set.name else f"{train_set.name} to {test_set.name}"
    splits = [fold.test_sets[role].split for fold in trial.setting.folds]
    names = " and ".join(split.name for split in splits) if len(splits) < 4 else f"{splits[0].name} to {len(splits)}"
    poses = trial.setting.train_set.train_poses
    trained = f"; trained under poses {' '.join(map(str, poses))}" if poses else ""
    count = sum(len(split.test) for split in splits)
    protocol = f"split {names}: {count} test subjects, who did not train or validate the system that they test{trained}"
    return RunOrigin(
        trial.recipe.name,
        data,
        protocol,
        role,
        trial.recipe.seed,
        trial.command,
        trial.commit,
        training,
        learnt_from=(),
    )


def _with_poses(faces: ScoredFaces, role: Role, test_set: FaceSet, test: FaceStore) -> ScoredFaces:
    """Return, for the poses, the faces in FERA 2017's nine with their numbers; otherwise all faces without numbers."""
    if role != "poses":
        return replace(faces, pose_number=np.zeros_like(faces.pose_number))
    numbers = test_set.pose_numbers(test)
    return replace(faces, pose_number=numbers).of(numbers > 0)
