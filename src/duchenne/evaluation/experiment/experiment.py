"""The paper's experiment: train and judge everybody, write the report; goes on where it stopped."""

import json
import multiprocessing
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from duchenne.errors import DuchenneError, EvaluationError, UsageError
from duchenne.evaluation.evaluate import Found
from duchenne.evaluation.experiment.baselines import ENOUGH_GAIN, EXPLAINED, Level, line_up
from duchenne.evaluation.experiment.face_sets import Arm, ProgressCallback, Stage
from duchenne.evaluation.experiment.release_sets import ABOUT, Releases, release_arms
from duchenne.evaluation.experiment.trial import Trial, run_trial
from duchenne.evaluation.explain.explain import explain_system
from duchenne.evaluation.report.claims import learnt
from duchenne.evaluation.report.report import write_report
from duchenne.evaluation.runs import commit_here, read_runs
from duchenne.training.systems import load_system
from duchenne.workers import end_with_parent

TRAINED = "systems trained and judged"
EXPLAINED_FACES = 2000
NOTE = "experiment.json"


@dataclass(frozen=True)
class Outcome:
    """What an experiment left.

    Attributes:
        pages: Of the report.
        failures: What could not be trained or judged, and why.
    """

    pages: tuple[Path, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """What is asked for.

    Attributes:
        level: How large it is, and who takes part.
        folder: For sets, systems, runs and report.
        seeds: How often every system is trained.
        workers: Processes side by side.
        roles: Experiments of the paper that are made: within, across, poses.
        command: To be kept in the runs.
    """

    level: Level
    folder: Path
    seeds: int = 1
    workers: int = 1
    roles: tuple[str, ...] = ("within", "across", "poses")
    command: str = ""

    def claim(self, data: str) -> None:
        """Take the folder for this experiment.

        Raises:
            UsageError: It holds one of another size or of other data, or somebody is asked for who takes no part.
            EvaluationError: It cannot be written.
        """
        line_up(self.level, 0)
        note, wanted = self.folder / NOTE, {"data": data, **self.level.settled()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if note.exists():
                found = json.loads(note.read_text(encoding="utf-8"))
                if changed := sorted(key for key in wanted if found.get(key) != wanted[key]):
                    raise UsageError(
                        f"{self.folder} holds another experiment (it differs in {', '.join(changed)}). Name another "
                        "--out."
                    )
            note.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise EvaluationError(f"{self.folder} cannot be written: {error.strerror}. Name another --out.") from error


def reproduce_rendered(experiment: Experiment, tell: ProgressCallback) -> Outcome:
    """Run the experiment on rendered faces, from nothing.

    Raises:
        DuchenneError: A set cannot be drawn, or the folder cannot be used.
    """
    from duchenne.evaluation.experiment.rendered_sets import ABOUT as RENDERED
    from duchenne.evaluation.experiment.rendered_sets import rendered_arms

    experiment.claim("rendered")
    arms = rendered_arms(experiment.level, experiment.folder / "sets", experiment.workers, tell)
    return run_experiment(experiment, arms, [RENDERED], tell)


def reproduce_releases(experiment: Experiment, releases: Releases, tell: ProgressCallback) -> Outcome:
    """Run the experiment on BP4D and FERA 2017, as far as they are there.

    Raises:
        DuchenneError: A folder is not the release that it should be, or the experiment's folder cannot be used.
    """
    experiment.claim("releases")
    arms = release_arms(releases, experiment.folder / "sets", experiment.workers, tell)
    return run_experiment(experiment, arms, [ABOUT], tell)


def run_experiment(
    experiment: Experiment, arms: Sequence[Arm], about: Sequence[str], tell: ProgressCallback
) -> Outcome:
    """Train and judge everybody in every arm, explain one network, write the report.

    A system that cannot be trained is named in the outcome; the others go on.

    Raises:
        EvaluationError: Not one system could be judged, or the folder cannot be written.
    """
    trials = trials_of(experiment, arms)
    failures = _run(trials, experiment.workers, tell)
    report = experiment.folder / "report"
    failures += _explain(trials, report, tell)
    runs = read_runs(experiment.folder / "runs")
    said = [*about, budget_of(experiment.level, runs), *([f"Not done: {'; '.join(failures)}."] if failures else [])]
    return Outcome(tuple(write_report(runs, report, said)), tuple(failures))


def trials_of(experiment: Experiment, arms: Sequence[Arm]) -> list[Trial]:
    """Return the trials: all systems with the first seed, then all with the next."""
    commit, threads = commit_here(), 1 if experiment.workers > 1 else 0
    wanted = [
        Arm(arm.name, arm.learn, {role: judged for role, judged in arm.tests.items() if role in experiment.roles})
        for arm in arms
    ]
    return [
        Trial(recipe, arm, experiment.folder, experiment.level.draws, experiment.command, commit, threads)
        for seed in range(experiment.seeds)
        for recipe in line_up(experiment.level, seed).values()
        for arm in wanted
        if arm.tests
    ]


def budget_of(level: Level, runs: Sequence[Found]) -> str:
    """Return the budget rule and who was still learning when it was spent."""
    gains: dict[str, list[float]] = {}
    for run in runs:
        if (gain := last_third_gain(run)) is not None:
            gains.setdefault(run["system"], []).append(gain)
    means = {name: sum(values) / len(values) for name, values in gains.items()}
    learning = sorted(f"{name} (+{gain:.3f})" for name, gain in means.items() if gain > ENOUGH_GAIN)
    said = f"still learning by that rule: {', '.join(learning)}" if learning else "nobody was still learning"
    if lost := sorted({run["system"] for run in runs if not learnt(run)}):
        said += f"; never left chance, so that the budget was too small for them: {', '.join(lost)}"
    shared = "in the same batches and with the same augmentation"
    if level.size == "paper":
        shared = "at most, with its own recipe's optimiser and batch, and stops when validation no longer gains"
    return (
        f"Budget ({level.name}): every network sees each training face {level.epochs:g} times, {shared}; "
        "classical systems solve to the end. It is called enough when the validation score "
        f"gained at most {ENOUGH_GAIN} in the last third, in the mean over trainings; {said}."
    )


def last_third_gain(run: Found) -> float | None:
    """Return how far the best validation score of the last third lies above the best before it; None with too few."""
    by_step = {int(step): score for step, score in run["training"].get("validation", {}).items()}
    scores = [by_step[step] for step in sorted(by_step)]
    third = len(scores) // 3
    return max(scores[-third:]) - max(scores[:-third]) if third else None


def _run(trials: Sequence[Trial], workers: int, tell: ProgressCallback) -> list[str]:
    """Run the trials that are not done; return the failures."""
    shares = {number: float(trial.done) for number, trial in enumerate(trials)}
    failures: list[str] = []

    def moved(number: int, share: float, remark: str = "") -> None:
        shares[number] = share
        tell(Stage(TRAINED, sum(shares.values()), len(trials), remark))

    tell(Stage(TRAINED, sum(shares.values()), len(trials)))
    left = [number for number, share in shares.items() if share < 1]
    for number, finish in _beside(trials, left, workers, moved) if workers > 1 else _in_turn(trials, left, moved):
        try:
            remark = finish()
        except DuchenneError as error:
            remark = f"{trials[number].name}, {trials[number].arm.name}: {error}"
            failures.append(remark.rstrip("."))
        moved(number, 1.0, remark)
    return failures


Moved = Callable[[int, float], None]
Finish = Callable[[], str]


def _in_turn(trials: Sequence[Trial], left: Sequence[int], moved: Moved) -> Iterator[tuple[int, Finish]]:
    for number in left:
        yield number, partial(run_trial, trials[number], partial(moved, number))


def _beside(trials: Sequence[Trial], left: Sequence[int], workers: int, moved: Moved) -> Iterator[tuple[int, Finish]]:
    context = multiprocessing.get_context("spawn")
    channel = context.Queue()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(channel,))
    try:
        jobs: dict[Future[str], int] = {pool.submit(_work, number, trials[number]): number for number in left}
        while jobs:
            finished, _ = wait(jobs, timeout=0.5, return_when=FIRST_COMPLETED)
            while True:
                try:
                    moved(*channel.get_nowait())
                except queue.Empty:
                    break
            for job in finished:
                yield jobs.pop(job), partial(_result, job)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(job: Future[str]) -> str:
    try:
        return job.result()
    except BrokenProcessPool as error:
        raise EvaluationError(
            "A worker was ended from outside, perhaps for lack of memory. What is whole stays; run the same command "
            "again to go on, with fewer --workers."
        ) from error


_channel: Any = None


def _begin(channel: Any) -> None:
    """Prepare a worker: it ends with its parent, and takes one core."""
    global _channel  # noqa: PLW0603
    _channel = channel
    end_with_parent()
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _work(number: int, trial: Trial) -> str:
    return run_trial(trial, lambda share: _channel.put((number, share)))


def _explain(trials: Sequence[Trial], report: Path, tell: ProgressCallback) -> list[str]:
    """Draw Figure 3 of the first network with all patches that learnt from many poses; return why, if it fails."""
    found = [trial for trial in trials if trial.recipe.name == EXPLAINED and trial.done]
    found.sort(key=lambda trial: "poses" not in trial.arm.tests)
    if not found or (report / "figure3.svg").exists():
        return []
    tell(Stage("patches silenced", 0, 1))
    try:
        judged = found[0].arm.tests.get("poses", found[0].arm.learn)
        faces = judged.part("test", found[0].recipe.reduction)
        explain_system(load_system(found[0].system_folder), faces, report, EXPLAINED_FACES)
    except DuchenneError as error:
        return [f"Figure 3: {error}".rstrip(".")]
    tell(Stage("patches silenced", 1, 1))
    return []
