"""The experiment's real sets: BP4D, and FERA 2017's nine poses, from the folders of their releases.

FERA 2017's training subjects are BP4D's people. Across sets, BP4D's test subjects are therefore left out of FERA
2017's training set; for the nine poses all of that set train, and its validation set is tested on.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions
from duchenne.datasets.splits import make_splits
from duchenne.datasets.store import PreparedStore
from duchenne.errors import UsageError
from duchenne.evaluation.experiment.face_sets import FaceSet, Setting, folds_within, prepare_store, subjects_of
from duchenne.evaluation.experiment.release_check import about_check, check_release
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.poses import POSE_SETS

ABOUT = (
    "BP4D: subjects drawn by seed, 31 of 41 train and validate, 10 are tested on; the paper does not list its "
    "own. FERA 2017: its training set trains and validates, its validation set is tested on. Table 3 is trained "
    "on FERA 2017 without BP4D's test subjects, who are among its training subjects, and tested on these in BP4D. FERA "
    "2017 has no labels of AU02 and AU24, so Table 3 has none either. Landmarks are the detector's. DISFA: three "
    "folds, every third subject by name, since DRML's authors do not list theirs; everybody is tested once."
)
DISFA_AUS = ("AU01", "AU02", "AU04", "AU06", "AU09", "AU12", "AU25", "AU26")
"""The eight of DISFA's twelve that DRML's authors report."""


@dataclass(frozen=True)
class Releases:
    """Where the data sets lie; at least one of them.

    Attributes:
        bp4d: Folder of BP4D.
        fera17: Folder of FERA 2017.
        disfa: Folder of DISFA.
        options: How frames become faces; the paper's sampling by default.
        split_seed: Draws BP4D's test subjects, and who validates.
        split: Of BP4D within the set; one of `splits.SPLITS`. Across sets it is always the holdout.
    """

    bp4d: Path | None = None
    fera17: Path | None = None
    disfa: Path | None = None
    options: PrepareOptions = field(default_factory=lambda: PrepareOptions(sampling="paper", poses="seven"))
    split_seed: int = 1
    split: str = "holdout"

    def __post_init__(self) -> None:
        if self.bp4d is None and self.fera17 is None and self.disfa is None:
            raise UsageError(
                "Real data need a folder: --bp4d DIR gives Table 2, --fera17 DIR Table 4 and Figures 6 and 7, both "
                "together Table 3 too, --disfa DIR three folds with F1 and ICC. docs/datasets.md shows how they "
                "must lie on disk."
            )


def release_settings(releases: Releases, folder: Path, workers: int, on_progress: ProgressCallback) -> list[Setting]:
    """Prepare what was not yet, and return the settings that the releases allow.

    Raises:
        DuchenneError: A folder is not the release that it should be, or holds too few subjects.
    """
    settings, bp4d, seed = [], None, releases.split_seed
    if releases.bp4d is not None:
        store = (_prepared("bp4d", releases.bp4d, releases.options, folder, workers, on_progress),)
        bp4d = FaceSet("BP4D", store, make_splits("holdout", subjects_of(store), seed)[0])
        settings.append(folds_within("bp4d", bp4d, make_splits(releases.split, subjects_of(store), seed)))
    if releases.fera17 is not None:
        store = (_prepared("fera17", releases.fera17, releases.options, folder, workers, on_progress),)
        split = make_splits("fera17", subjects_of(store), seed)[0]
        fera17 = FaceSet("FERA17", store, split, train_poses=POSE_SETS[releases.options.poses])
        settings.append(Setting("fera17", fera17, {"poses": fera17}))
        if bp4d is not None:
            settings.append(Setting("fera17-others", without(fera17, bp4d.split.test), {"across": bp4d}))
    if releases.disfa is not None:
        store = (_prepared("disfa", releases.disfa, _disfa_options(releases.options), folder, workers, on_progress),)
        splits = make_splits("three-fold", subjects_of(store), seed)
        settings.append(folds_within("disfa", FaceSet("DISFA", store, splits[0]), splits, "disfa", DISFA_AUS))
    return settings


def _disfa_options(options: PrepareOptions) -> PrepareOptions:
    """Return the options without what is for the paper's sets alone: its sampling, and poses."""
    return replace(options, sampling="drml" if options.sampling == "drml" else "all", poses="nine")


def about_frames(releases: Releases, folder: Path) -> str:
    """Return how the prepared frames were chosen, and how many they are.

    Args:
        releases: Already prepared.
        folder: Of the stores.
    """
    options, counts = releases.options, []
    for name, kind in _sources(releases):
        report = PreparedStore(folder / f"{kind}.store").report
        counts.append(f"{name} {report['kept']} faces of {report['labelled']} frames")
    views = ""
    if releases.fera17 is not None:
        views = f" FERA 2017 trains under {options.poses} poses; its test set is not sampled and has all nine."
    if releases.disfa is not None and options.sampling == "paper":
        views += " DISFA has no sampling of the paper, so all of its frames are taken."
    return f"Frames: sampling {options.sampling}, step {options.step}, seed {options.seed}: {', '.join(counts)}.{views}"


def about_releases(releases: Releases, folder: Path) -> list[str]:
    """Return what was found of each data set, a paragraph each.

    Args:
        releases: Already prepared.
        folder: Of the stores.
    """
    return [about_check(name, folder / f"{kind}.check.json") for name, kind in _sources(releases)]


def _sources(releases: Releases) -> list[tuple[str, str]]:
    """Return name and kind of the releases that are there."""
    named = (("BP4D", "bp4d"), ("FERA 2017", "fera17"), ("DISFA", "disfa"))
    return [(name, kind) for name, kind in named if getattr(releases, kind) is not None]


def without(faces: FaceSet, subjects: tuple[str, ...]) -> FaceSet:
    """Return the set with these subjects taken out of training and validation.

    Raises:
        DatasetError: No subject is left to train, or to validate.
    """
    split, gone = faces.split, set(subjects)
    train, valid = (tuple(name for name in part if name not in gone) for part in (split.train, split.valid))
    return replace(faces, split=replace(split, train=train, valid=valid))


def _prepared(
    kind: str, source: Path, options: PrepareOptions, folder: Path, workers: int, on_progress: ProgressCallback
) -> Path:
    store, release = folder / f"{kind}.store", load(source, kind)
    for problem in check_release(release, source, folder / f"{kind}.check.json"):
        on_progress(StageProgress(f"faces aligned, {kind}", remark=problem))
    prepare_store([release], store, options, workers, on_progress)
    return store
