"""The experiment's real sets: BP4D, and FERA 2017's nine poses, from the folders of their releases.

FERA 2017's training subjects are BP4D's people. Across sets, BP4D's test subjects are therefore left out of what is
learnt from FERA 2017; for the nine poses everybody in its training set trains, and its validation set is judged.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from duchenne.datasets.loaders import load
from duchenne.datasets.prepare import PrepareOptions, done_frames, prepare
from duchenne.datasets.splits import make_splits
from duchenne.errors import UsageError
from duchenne.evaluation.experiment.face_sets import Arm, FaceSet, ProgressCallback, Stage, subjects_of

ABOUT = (
    "BP4D: subjects drawn by seed, 31 of 41 train and validate, 10 are judged; the paper does not list its own. "
    "FERA 2017: its training set trains and validates, its validation set is judged. Table 3 is learnt from FERA 2017 "
    "without BP4D's test subjects, who are among its training subjects, and judged on these in BP4D. FERA 2017 has no "
    "labels of AU02 and AU24, so Table 3 has none either. Landmarks are the detector's."
)


@dataclass(frozen=True)
class Releases:
    """Where the data sets lie; at least one of them.

    Attributes:
        bp4d: Folder of BP4D.
        fera17: Folder of FERA 2017.
        options: How frames become faces; the paper's sampling by default.
        split_seed: Draws BP4D's test subjects, and who validates.
    """

    bp4d: Path | None = None
    fera17: Path | None = None
    options: PrepareOptions = field(default_factory=lambda: PrepareOptions(sampling="paper"))
    split_seed: int = 1

    def __post_init__(self) -> None:
        if self.bp4d is None and self.fera17 is None:
            raise UsageError(
                "Real data need a folder: --bp4d DIR gives Table 2, --fera17 DIR Table 4 and Figures 6 and 7, both "
                "together Table 3 too. docs/datasets.md shows how they must lie on disk."
            )


def release_arms(releases: Releases, folder: Path, workers: int, tell: ProgressCallback) -> list[Arm]:
    """Prepare what was not yet, and return the arms that the releases allow.

    Raises:
        DuchenneError: A folder is not the release that it should be, or holds too few subjects.
    """
    arms, bp4d, seed = [], None, releases.split_seed
    if releases.bp4d is not None:
        store = (_prepared("bp4d", releases.bp4d, releases.options, folder, workers, tell),)
        bp4d = FaceSet("BP4D", store, make_splits("holdout", subjects_of(store), seed)[0])
        arms.append(Arm("bp4d", bp4d, {"within": bp4d}))
    if releases.fera17 is not None:
        store = (_prepared("fera17", releases.fera17, releases.options, folder, workers, tell),)
        fera17 = FaceSet("FERA17", store, make_splits("fera17", subjects_of(store), seed)[0])
        arms.append(Arm("fera17", fera17, {"poses": fera17}))
        if bp4d is not None:
            arms.append(Arm("fera17-others", without(fera17, bp4d.split.test), {"across": bp4d}))
    return arms


def without(faces: FaceSet, subjects: tuple[str, ...]) -> FaceSet:
    """Return the set with these subjects taken out of training and validation.

    Raises:
        DatasetError: Nobody is left to train, or to validate.
    """
    split, gone = faces.split, set(subjects)
    train, valid = (tuple(name for name in part if name not in gone) for part in (split.train, split.valid))
    return replace(faces, split=replace(split, train=train, valid=valid))


def _prepared(
    kind: str, source: Path, options: PrepareOptions, folder: Path, workers: int, tell: ProgressCallback
) -> Path:
    store, what = folder / f"{kind}.store", f"faces aligned, {kind}"
    release = load(source, kind)
    for problem in release.problems:
        if problem.severe:
            tell(Stage(what, remark=f"{problem.where}: {problem.what}"))
    done, total = done_frames([release], store, options)
    tell(Stage(what, done, total))

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        tell(Stage(what, done, total))

    prepare([release], store, options, workers=workers, on_frames=count)
    return store
