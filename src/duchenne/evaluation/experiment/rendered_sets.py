"""The experiment's rendered sets: other people, movements, appearance, light and poses; drawn, then prepared.

In-domain, in BP4D's place: heads within ten degrees of frontal, studio light, movements by ARKit's blendshapes, tones
1-7, ages 18-45. Shifted, in FERA 2017's place: its nine poses, hard light, movements by MPFB2's expression
units, tones 4-10, ages 30-78; people who train show each face under one of the nine, people of the test set show each
under all nine.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions
from duchenne.datasets.samplings import Views
from duchenne.datasets.splits import VALIDATION_PREFIX, make_splits
from duchenne.evaluation.experiment.face_sets import FaceSet, Setting, prepare_store, subjects_of
from duchenne.evaluation.experiment.sizes import ExperimentSize
from duchenne.evaluation.experiment.stage_progress import ProgressCallback, StageProgress
from duchenne.evaluation.runs import Role
from duchenne.poses import POSE_SETS
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.rig.au_map import MapStyle
from duchenne.synthesis.scene.surroundings import Lighting
from duchenne.synthesis.sets.sampling import CoOccurrence
from duchenne.synthesis.sets.shots import Poses
from duchenne.synthesis.sets.stills import StillsPlan, write_stills

ABOUT = (
    "Rendered faces only: no real person, no licensed label. Landmarks are the detector's. Two sets of different "
    "people. The in-domain set stands in BP4D's place: within ten degrees of frontal, soft light, one style of "
    "AU-to-blendshape maps (ARKit's), tones 1-7, ages 18-45. The shifted set stands in FERA 2017's: its nine poses, "
    "hard light, the other style (MPFB2's), tones 4-10, ages 30-78; people who train show each face under one of the "
    "nine poses, those of the test set each under all nine. Table 2: trained and tested in-domain. Table 3: trained on "
    "the shifted set, tested in-domain. Table 4: trained and tested on the shifted set. "
    "Stills do not follow one another, so no chain over time links them: in these tables the FERA 2017 baseline has "
    "landmark geometry alone."
)
RENDERED = "pictures rendered"
_IN_DOMAIN = Person(au_map=MapStyle.ARKIT, tones=(1, 7), ages=(18.0, 45.0))
_SHIFTED = Person(au_map=MapStyle.MPFB, tones=(4, 10), ages=(30.0, 78.0))


@dataclass(frozen=True)
class _Part:
    """A folder of pictures that becomes a store."""

    name: str
    people: int
    plan: Callable[[int], StillsPlan]
    prefix: str = ""


def rendered_settings(
    size: ExperimentSize,
    folder: Path,
    workers: int,
    on_progress: ProgressCallback,
    poses: Views = "seven",
    roles: Collection[Role] = ("within", "across", "poses"),
) -> list[Setting]:
    """Render and prepare what was not yet, and return the settings of the experiment.

    Args:
        size: How many people.
        folder: For pictures and stores.
        workers: Processes side by side.
        on_progress: Called with the state.
        poses: Under which of the nine poses the shifted set trains.
        roles: Experiments that are made; sets that none of them reads are not drawn.

    Raises:
        DuchenneError: A head cannot be drawn, or the folder cannot be written.
    """
    parts = [part for part in _parts(size) if _READ_BY[part.name] & set(roles)]
    _render(parts, folder, workers, on_progress)
    for part in parts:
        options = PrepareOptions(prefix=part.prefix)
        prepare_store([load(folder / part.name)], folder / f"{part.name}.store", options, workers, on_progress)
    drawn = {part.name for part in parts}
    in_domain = _in_domain_set(folder) if "in-domain" in drawn else None
    found = [] if in_domain is None else [Setting("in-domain", in_domain, {"within": in_domain})]
    if "shifted" in drawn:
        shifted = _shifted_set(folder, poses)
        across: dict[Role, FaceSet] = {} if in_domain is None else {"across": in_domain}
        found.append(Setting("shifted", shifted, {**across, "poses": shifted}))
    return found


_READ_BY: dict[str, set[Role]] = {
    "in-domain": {"within", "across"},
    "shifted": {"across", "poses"},
    "shifted-test": {"across", "poses"},
}
"""Which experiments read a set; people of the shifted test set also say who trains on the shifted set."""


def _in_domain_set(folder: Path) -> FaceSet:
    stores = (folder / "in-domain.store",)
    return FaceSet("rendered in-domain", stores, make_splits("holdout", subjects_of(stores))[0], exact_poses=True)


def _shifted_set(folder: Path, poses: Views) -> FaceSet:
    stores = (folder / "shifted.store", folder / "shifted-test.store")
    split = make_splits("fera17", subjects_of(stores))[0]
    return FaceSet("rendered shifted", stores, split, exact_poses=True, train_poses=POSE_SETS[poses])


def _parts(size: ExperimentSize) -> list[_Part]:
    def in_domain(count: int) -> StillsPlan:
        return StillsPlan(count, 901, _IN_DOMAIN, CoOccurrence.PEOPLE, Poses.FRONTAL, _PER_FILE, Lighting.STUDIO)

    def shifted(count: int) -> StillsPlan:
        return StillsPlan(count, 902, _SHIFTED, CoOccurrence.PEOPLE, Poses.ONE_OF_NINE, _PER_FILE, Lighting.HARSH)

    def test(count: int) -> StillsPlan:
        faces = size.faces_shifted_test
        return StillsPlan(count, 903, _SHIFTED, CoOccurrence.PEOPLE, Poses.NINE, _PER_FILE, Lighting.HARSH, faces)

    return [
        _Part("in-domain", size.people_in_domain, in_domain),
        _Part("shifted", size.people_shifted, shifted),
        _Part("shifted-test", size.people_shifted_test, test, VALIDATION_PREFIX),
    ]


_PER_FILE = 2
"""People in a file: small files are soon whole, so that a stop costs little and no worker waits long at the end."""


def _whole(part: _Part) -> StillsPlan:
    return part.plan(part.people * part.plan(1).per_person)


def _render(parts: list[_Part], folder: Path, workers: int, on_progress: ProgressCallback) -> None:
    done, total = 0, sum(_whole(part).count for part in parts)
    for part in parts:
        write_stills(_whole(part), folder / part.name, workers, _counted(on_progress, done, total, part))
        done += _whole(part).count
        on_progress(StageProgress(RENDERED, done, total))


def _counted(on_progress: ProgressCallback, done: int, total: int, part: _Part) -> Callable[[int], None]:
    """Return what counts files as pictures; files that were there from before are counted at the end."""
    drawn = 0

    def count(_: int) -> None:
        nonlocal drawn
        drawn += part.plan(1).per_file
        on_progress(StageProgress(RENDERED, min(done + drawn, total), total))

    return count
