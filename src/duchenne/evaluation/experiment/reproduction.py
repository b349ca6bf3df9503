"""The paper's experiment: train and test every system, write the report; goes on where it stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from duchenne.datasets.samplings import Views
from duchenne.errors import DuchenneError, EvaluationError, UsageError
from duchenne.evaluation.experiment.baselines import EXPLAINED, experiment_recipes
from duchenne.evaluation.experiment.budget import budget_of
from duchenne.evaluation.experiment.face_sets import Setting
from duchenne.evaluation.experiment.paper_figures import draw_paper_figures
from duchenne.evaluation.experiment.release_sets import (
    ABOUT,
    Releases,
    about_frames,
    about_releases,
    release_settings,
)
from duchenne.evaluation.experiment.sizes import ExperimentSize
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.evaluation.experiment.trial import Trial
from duchenne.evaluation.experiment.trial_pool import run_trials
from duchenne.evaluation.explain.significance_files import explain_system
from duchenne.evaluation.report.pages import write_report
from duchenne.evaluation.run_files import commit_here, read_runs
from duchenne.evaluation.runs import Role
from duchenne.files.json_note import read_note, write_note
from duchenne.networks.patch_convolution import Convolution
from duchenne.training.run.device import Precision
from duchenne.training.systems import load_system

NOTE = "experiment.json"
FORMER_PROTOCOL = {"split": "holdout", "poses": "nine"}
"""Of folders whose note does not say."""


@dataclass(frozen=True)
class Outcome:
    """What an experiment left.

    Attributes:
        pages: Of the report.
        failures: What could not be trained or tested, and why.
    """

    pages: tuple[Path, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Experiment:
    """What is asked for.

    Attributes:
        size: How large it is, and which systems take part.
        folder: For sets, systems, runs and report.
        seeds: How often every system is trained.
        workers: Processes side by side.
        roles: Experiments that are made: within, across and poses of the paper, clips of rendered faces, DISFA.
        command: To be kept in the runs.
        precision: Of networks' layers, as `DeviceConfig` has it.
        poses: Under which poses rendered faces train; of releases, their own options say it.
        convolution: How networks filter patches on a processor, as `DeviceConfig` has it.
    """

    size: ExperimentSize
    folder: Path
    seeds: int = 1
    workers: int = 1
    roles: tuple[Role, ...] = ("within", "across", "poses", "clips", "disfa")
    command: str = ""
    poses: Views = "seven"
    precision: Precision = "auto"
    convolution: Convolution = "auto"

    def claim(self, data: str, protocol: Mapping[str, str] | None = None) -> None:
        """Take the folder for this experiment.

        Args:
            data: "rendered" or "releases".
            protocol: How faces are split and chosen; what an earlier note does not name is as in `FORMER_PROTOCOL`.

        Raises:
            UsageError: It holds one of another size or of other data, or a system is asked for that takes no part.
            EvaluationError: It cannot be written.
        """
        experiment_recipes(self.size, 0)
        note, wanted = self.folder / NOTE, {"data": data, **self.size.settled(), **(protocol or {})}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if note.exists():
                found = FORMER_PROTOCOL | read_note(note)
                if changed := sorted(key for key in wanted if found.get(key) != wanted[key]):
                    raise UsageError(
                        f"{self.folder} holds another experiment (it differs in {', '.join(changed)}). Name another "
                        "--out."
                    )
            write_note(note, wanted)
        except OSError as error:
            raise EvaluationError(f"{self.folder} cannot be written: {error.strerror}. Name another --out.") from error


def reproduce_rendered(experiment: Experiment, on_progress: ProgressCallback) -> Outcome:
    """Run the experiment on rendered faces, from nothing.

    Raises:
        DuchenneError: A set cannot be drawn, or the folder cannot be used.
    """
    from duchenne.evaluation.experiment.rendered_clips import ABOUT as CLIPS
    from duchenne.evaluation.experiment.rendered_clips import OVER_TIME, clips_setting
    from duchenne.evaluation.experiment.rendered_sets import ABOUT as RENDERED
    from duchenne.evaluation.experiment.rendered_sets import rendered_settings

    experiment.claim("rendered", {"poses": experiment.poses})
    sets, workers = experiment.folder / "sets", experiment.workers
    settings = rendered_settings(experiment.size, sets, workers, on_progress, experiment.poses, experiment.roles)
    about = [RENDERED]
    if "clips" in experiment.roles and set(OVER_TIME) & set(experiment_recipes(experiment.size, 0)):
        settings.append(clips_setting(experiment.size, sets, workers, on_progress))
        about.append(CLIPS)
    return run_experiment(experiment, settings, about, on_progress)


def reproduce_releases(experiment: Experiment, releases: Releases, on_progress: ProgressCallback) -> Outcome:
    """Run the experiment on BP4D and FERA 2017, as far as they are there.

    Raises:
        DuchenneError: A folder is not the release that it should be, or the experiment's folder cannot be used.
    """
    experiment.claim("releases", {"split": releases.split, "poses": releases.options.poses})
    settings = release_settings(releases, experiment.folder / "sets", experiment.workers, on_progress)
    sets = experiment.folder / "sets"
    about = [ABOUT, about_frames(releases, sets), *about_releases(releases, sets)]
    return run_experiment(experiment, settings, about, on_progress)


def run_experiment(
    experiment: Experiment, settings: Sequence[Setting], about: Sequence[str], on_progress: ProgressCallback
) -> Outcome:
    """Train and test every system in every setting, explain one network, write the report.

    A system that cannot be trained is named in the outcome; the others go on.

    Raises:
        EvaluationError: Not one system could be tested, or the folder cannot be written.
    """
    trials = trials_of(experiment, settings)
    failures = run_trials(trials, experiment.workers, on_progress)
    report = experiment.folder / "report"
    failures += [*draw_paper_figures(report), *_explain(trials, report, on_progress)]
    runs = read_runs(experiment.folder / "runs")
    paragraphs = [
        *about,
        budget_of(experiment.size, runs),
        *([f"Not done: {'; '.join(failures)}."] if failures else []),
    ]
    return Outcome(tuple(write_report(runs, report, paragraphs)), tuple(failures))


def trials_of(experiment: Experiment, settings: Sequence[Setting]) -> list[Trial]:
    """Return the trials: all systems with the first seed, then all with the next."""
    commit, threads = commit_here(), 1 if experiment.workers > 1 else 0
    wanted = [
        replace(setting, test_sets={role: s for role, s in setting.test_sets.items() if role in experiment.roles})
        for setting in settings
    ]
    return [
        Trial(
            recipe,
            setting,
            experiment.folder,
            experiment.size.draws,
            experiment.command,
            commit,
            threads,
            experiment.precision,
            experiment.convolution,
        )
        for seed in range(experiment.seeds)
        for recipe in experiment_recipes(experiment.size, seed).values()
        for setting in wanted
        if setting.test_sets and (not setting.systems or recipe.name in setting.systems)
    ]


def _explain(trials: Sequence[Trial], report: Path, on_progress: ProgressCallback) -> list[str]:
    """Draw Figure 3 of the first network with all patches that learnt from many poses; return why, if it fails."""
    found = [trial for trial in trials if trial.recipe.name == EXPLAINED and trial.done]
    found.sort(key=lambda trial: "poses" not in trial.setting.test_sets)
    if not found or (report / "figure3.svg").exists():
        return []
    on_progress(StageProgress("patches silenced", 0, 1))
    try:
        setting = found[0].setting
        test_set = setting.test_sets.get("poses", setting.train_set)
        faces = test_set.part("test", found[0].recipe.reduction)
        explain_system(load_system(found[0].system_folder), faces, report)
    except DuchenneError as error:
        return [f"Figure 3: {error}".rstrip(".")]
    on_progress(StageProgress("patches silenced", 1, 1))
    return []
