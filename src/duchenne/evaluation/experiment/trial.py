"""One trial of the experiment: a system trained on one set and judged wherever its arm says; each run in a file."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.splits import require_disjoint
from duchenne.evaluation.evaluate import Faces, Origin, faces_of, judge, thresholds_on
from duchenne.evaluation.experiment.face_sets import Arm, FaceSet
from duchenne.evaluation.runs import write_run
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.recipes.classical import ClassicalRecipe
from duchenne.training.recipes.deep import DeepRecipe, Recipe
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import Progress
from duchenne.training.systems import System, train_system

Share = Callable[[float], None]
"""Told how much of a trial is done, 0-1."""


@dataclass(frozen=True)
class Trial:
    """What is trained and judged, and where that is kept.

    Attributes:
        recipe: The system, with its seed.
        arm: Where it learns and where it is judged.
        folder: Of the experiment.
        draws: Resamplings for intervals.
        command: To be kept in the runs.
        commit: Likewise.
        threads: Of torch; 0 leaves the choice to torch.
    """

    recipe: Recipe
    arm: Arm
    folder: Path
    draws: int
    command: str = ""
    commit: str | None = None
    threads: int = 0

    @property
    def name(self) -> str:
        """System and seed."""
        return f"{self.recipe.name}-{self.recipe.seed}"

    @property
    def system_folder(self) -> Path:
        """Where the trained system lies."""
        return self.folder / "systems" / f"{self.name}-{self.arm.name}"

    def run_path(self, role: str) -> Path:
        """Return where a run is kept."""
        return self.folder / "runs" / role / f"{self.name}.json"

    @property
    def done(self) -> bool:
        """Whether all its runs are there."""
        return all(self.run_path(role).exists() for role in self.arm.tests)


def run_trial(trial: Trial, share: Share) -> str:
    """Train and judge; what was done before is not done again. Return what came out, in a line.

    Raises:
        DuchenneError: The faces cannot teach the system, a subject is on both sides, or the folder cannot be written.
    """
    learn, own = trial.arm.learn, trial.recipe.reduction
    train, valid = learn.part("train", own), learn.part("valid", own)
    recipe, left_out = teachable(trial.recipe, train)
    system, training = _trained(trial, recipe, train, valid, share)
    training |= {"left_out": list(left_out)}
    thresholds = thresholds_on(faces_of(system.scores(valid), system.aus, valid))
    said = []
    for role, judged in trial.arm.tests.items():
        test = judged.part("test", own)
        learnt = np.unique([*train.subject, *valid.subject]).tolist()
        require_disjoint({"training": learnt, "test": np.unique(test.subject).tolist()})
        faces = faces_of(system.scores(test), system.aus, test)
        faces = _by_pose(faces, judged, test) if role == "poses" else replace(faces, pose_number=faces.pose_number * 0)
        run = judge(faces, _origin(trial, role, training), test.fingerprint, thresholds, Bootstrap(trial.draws))
        write_run(run, trial.run_path(role))
        said.append(f"{role} AROC {run['mean']['aroc']}")
    return f"{recipe.name}, seed {recipe.seed}: {', '.join(said)}"


def teachable(recipe: Recipe, train: FaceStore) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe for the AUs that some training faces show and others do not, and the AUs that were left out."""
    known = np.asarray(train.known)
    both = (train.occurrence & known).any(0) & (~train.occurrence & known).any(0)
    aus = tuple(name for name in recipe.aus if both[AU_NAMES.index(name)])
    left_out = tuple(name for name in recipe.aus if name not in aus)
    if not left_out or not aus:
        return recipe, ()
    if isinstance(recipe, ClassicalRecipe):
        return replace(recipe, aus=aus), left_out
    return replace(recipe, network=replace(recipe.network, aus=aus)), left_out


def _trained(
    trial: Trial, recipe: Recipe, train: FaceStore, valid: FaceStore, share: Share
) -> tuple[System, dict[str, Any]]:
    """Return the system and what is known of its training; validation scores and time are kept beside it."""
    kept = trial.system_folder / "training.json"
    before: dict[str, Any] = (
        json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {"scores": {}, "cpu_s": 0.0}
    )
    scores = {int(step): score for step, score in before["scores"].items()}
    start_s = time.process_time()

    def report(progress: Progress) -> None:
        if progress.score is not None and progress.score != next(reversed(scores.values()), None):
            scores[progress.step] = progress.score  # The score of the last validation is told until the next.
        share(0.9 * progress.step / max(progress.steps, 1))
        metadata = {"scores": scores, "cpu_s": round(before["cpu_s"] + time.process_time() - start_s, 1)}
        kept.write_text(json.dumps(metadata), encoding="utf-8")

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # It announces its precision each time.
    trial.system_folder.mkdir(parents=True, exist_ok=True)
    system = train_system(recipe, train, valid, trial.system_folder, report, DeviceConfig(threads=trial.threads))
    if isinstance(system, DeepSystem):  # The last validation comes after the last report.
        scores[system.metadata["steps"]] = system.metadata["validation_score"]
    report(Progress(1, 1))
    columns = [AU_NAMES.index(name) for name in system.aus]
    positives = (train.occurrence & train.known)[:, columns].sum(0)
    negatives = (~train.occurrence & train.known)[:, columns].sum(0)
    return system, {
        "faces": len(train),
        "fingerprint": train.fingerprint,
        "skew": {n: round(float(a / p), 4) for n, a, p in zip(system.aus, negatives, positives, strict=True)},
        "epochs": recipe.epochs if isinstance(recipe, DeepRecipe) else None,
        "validation": {str(step): round(score, 4) for step, score in sorted(scores.items())},
        "cpu_s": json.loads(kept.read_text(encoding="utf-8"))["cpu_s"],
    }


def _origin(trial: Trial, role: str, training: dict[str, Any]) -> Origin:
    learn, judged = trial.arm.learn, trial.arm.tests[role]
    data = learn.name if judged.name == learn.name else f"{learn.name} to {judged.name}"
    protocol = f"split {judged.split.name}: {len(judged.split.test)} subjects are judged, who did not train or validate"
    return Origin(trial.recipe.name, data, protocol, role, trial.recipe.seed, trial.command, trial.commit, training)


def _by_pose(faces: Faces, judged: FaceSet, store: FaceStore) -> Faces:
    """Return the faces in FERA 2017's nine poses, with their numbers."""
    numbers = judged.pose_numbers(store)
    return replace(faces, pose_number=numbers).of(numbers > 0)
