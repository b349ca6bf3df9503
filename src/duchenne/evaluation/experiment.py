"""The paper's experiment on rendered faces: train and judge everybody, write the report; goes on where it stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.datasets.splits import require_disjoint
from duchenne.evaluation.explaining import explain_system
from duchenne.evaluation.judging import Faces, Found, Origin, faces_of, judge, thresholds_on
from duchenne.evaluation.line_up import ENOUGH_GAIN, Level, line_up
from duchenne.evaluation.rendered_sets import AWAY, HOME, RenderedSet, Say, pose_numbers, rendered_set
from duchenne.evaluation.report import write_report
from duchenne.evaluation.runs import commit_here, read_runs, write_run
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap
from duchenne.training.progress import Progress
from duchenne.training.recipes import Recipe
from duchenne.training.systems import System, load_system, train_system

EXPLAINED = "region-49"
ABOUT = (
    "Rendered faces only; no real person and no licensed label. Two sets: 'home' with free poses and one style of "
    "movement recipes, 'away' with other people, the other style, and each face under fifteen poses, of which FERA "
    "2017's nine are judged. Landmarks are the detector's. Table 2: trained and judged at home. Table 3: trained away, "
    "judged at home. Table 4: trained and judged away."
)


def reproduce(level: Level, seeds: int, folder: Path, workers: int, say: Say, command: str = "") -> list[Path]:
    """Run the whole experiment into a folder and return the pages of the report.

    Raises:
        DuchenneError: A set, a system or the folder cannot be used.
    """
    sets = {name: rendered_set(name, level, folder / "sets", workers, say) for name in (HOME, AWAY)}
    for seed in range(seeds):
        for recipe in line_up(level, seed).values():
            for trained_on, tests in ((HOME, ("within",)), (AWAY, ("across", "poses"))):
                _train_and_judge(recipe, sets, trained_on, tests, level, folder, say, command)
    explained = folder / "systems" / f"{EXPLAINED}-0-away"
    if explained.exists():
        say("silencing patches")
        explain_system(load_system(explained), sets[AWAY].part("test", 2), folder / "report", 2000)
    runs = read_runs(folder / "runs")
    return write_report(runs, folder / "report", [ABOUT, budget_of(level, runs)])


def budget_of(level: Level, runs: list[Found]) -> str:
    """Return the budget rule and who was still learning when it was spent."""
    gains = {f"{run['system']}": run["training"]["last_third_gain"] for run in runs}
    learning = sorted(name for name, gain in gains.items() if gain is not None and gain > ENOUGH_GAIN)
    said = f"still learning by that rule: {', '.join(learning)}" if learning else "nobody was still learning"
    return (
        f"Budget ({level.name}): every network sees each training face {level.epochs:g} times, with one optimiser, "
        f"batch and augmentation; classical systems solve to the end. It is called enough when the validation score "
        f"gained at most {ENOUGH_GAIN} in the last third; {said}."
    )


def _train_and_judge(
    recipe: Recipe,
    sets: dict[str, RenderedSet],
    trained_on: str,
    tests: tuple[str, ...],
    level: Level,
    folder: Path,
    say: Say,
    command: str,
) -> None:
    stem = f"{recipe.name}-{recipe.seed}"
    paths = {role: folder / "runs" / role / f"{stem}.json" for role in tests}
    if all(path.exists() for path in paths.values()):
        return
    own = sets[trained_on]
    train, valid = own.part("train", recipe.reduction), own.part("valid", recipe.reduction)
    where = folder / "systems" / f"{stem}-{trained_on.rsplit(maxsplit=1)[-1]}"
    system, training = _trained(recipe, train, valid, where, say)
    thresholds = thresholds_on(faces_of(system.scores(valid), system.aus, valid))
    for role, path in paths.items():
        judged = sets[HOME if role in {"within", "across"} else AWAY]
        test = judged.part("test", recipe.reduction)
        require_disjoint({"train": np.unique(train.subject).tolist(), "test": np.unique(test.subject).tolist()})
        data = trained_on if judged.name == trained_on else f"{trained_on} to {judged.name}"
        origin = Origin(
            recipe.name, data, "subjects held out, 10 of 41", role, recipe.seed, command, commit_here(), training
        )
        run = judge(_nine(faces_of(system.scores(test), system.aus, test), test.pose_deg, role), origin,
                    test.fingerprint, thresholds, Bootstrap(level.draws))  # fmt: skip
        write_run(run, path)
        say(f"{recipe.name}, seed {recipe.seed}, {role}: AROC {run['mean']['aroc']}")


def _trained(recipe: Recipe, train: Any, valid: Any, where: Path, say: Say) -> tuple[System, dict[str, Any]]:
    """Return the system and what is known of its training; the validation scores are kept beside it."""
    kept = where / "validation.json"
    scores: dict[int, float] = {}
    if kept.exists():
        scores = {int(step): score for step, score in json.loads(kept.read_text(encoding="utf-8")).items()}

    def report(progress: Progress) -> None:
        if progress.score is not None:
            scores[progress.step] = progress.score

    say(f"training {recipe.name}, seed {recipe.seed}, on {len(train)} faces")
    where.mkdir(parents=True, exist_ok=True)
    system = train_system(recipe, train, valid, where, report)
    kept.write_text(json.dumps(scores), encoding="utf-8")
    columns = [AU_NAMES.index(name) for name in system.aus]
    positives = (train.occurrence & train.known)[:, columns].sum(0)
    negatives = (~train.occurrence & train.known)[:, columns].sum(0)
    skew = {name: round(float(n / p), 4) for name, n, p in zip(system.aus, negatives, positives, strict=True)}
    return system, {
        "faces": len(train),
        "fingerprint": train.fingerprint,
        "skew": skew,
        "epochs": getattr(recipe, "epochs", None),
        "last_third_gain": last_third_gain(scores),
    }


def last_third_gain(scores: dict[int, float]) -> float | None:
    """Return how far the best validation score of the last third lies above the best before it; None with too few."""
    steps = sorted(scores)
    early = [scores[step] for step in steps if step <= steps[-1] * 2 / 3]
    late = [scores[step] for step in steps if step > steps[-1] * 2 / 3]
    return round(max(late) - max(early), 4) if early and late else None


def _nine(faces: Faces, pose_deg: np.ndarray, role: str) -> Faces:
    """Return the faces in FERA 2017's nine poses, for the experiment over poses."""
    if role != "poses":
        return faces
    numbers = pose_numbers(np.asarray(pose_deg))
    return replace(faces, pose_number=numbers).of(numbers > 0)
