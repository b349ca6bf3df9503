"""The experiment's rendered sets: other people, movement recipes, appearance, light and poses; drawn, then prepared.

home    in BP4D's place: heads within ten degrees of frontal, studio light, ARKit-style recipes, tones 1-7, ages 18-45
away    in FERA 2017's place: its nine poses, hard light, MPFB2-style recipes, tones 4-10, ages 30-78; people who train
        show each face under one of the nine, people who are judged show each under all nine
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duchenne.datasets.loaders import load
from duchenne.datasets.prepare import PrepareOptions, done_frames, prepare
from duchenne.datasets.splits import VALIDATION_PREFIX, make_splits
from duchenne.evaluation.experiment.baselines import Level
from duchenne.evaluation.experiment.face_sets import Arm, FaceSet, ProgressCallback, Stage, subjects_of
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.rig.au_map import MapStyle
from duchenne.synthesis.scene.surroundings import Lighting
from duchenne.synthesis.sets.sampling import CoOccurrence
from duchenne.synthesis.sets.shots import Poses
from duchenne.synthesis.sets.stills import StillsPlan, write_stills

ABOUT = (
    "Rendered faces only: no real person, no licensed label. Landmarks are the detector's. Two sets of different "
    "people. 'Home' stands in BP4D's place: within ten degrees of frontal, soft light, one style of movement recipes "
    "(ARKit's), tones 1-7, ages 18-45. 'Away' stands in FERA 2017's: its nine poses, hard light, the other style "
    "(MPFB2's), tones 4-10, ages 30-78; people who train show each face under one of the nine poses, those who are "
    "judged each under all nine. Table 2: trained and judged at home. Table 3: trained away, judged at home. Table 4: "
    "trained and judged away."
)
_AT_HOME = Person(au_map=MapStyle.ARKIT, tones=(1, 7), ages=(18.0, 45.0))
_FROM_AWAY = Person(au_map=MapStyle.MPFB, tones=(4, 10), ages=(30.0, 78.0))


@dataclass(frozen=True)
class _Part:
    """A folder of pictures that becomes a store."""

    name: str
    people: int
    plan: Callable[[int], StillsPlan]
    prefix: str = ""


def rendered_arms(level: Level, folder: Path, workers: int, tell: ProgressCallback) -> list[Arm]:
    """Draw and prepare what was not yet, and return the arms of the experiment.

    Raises:
        DuchenneError: A head cannot be drawn, or the folder cannot be written.
    """
    parts = _parts(level)
    done, total = 0, sum(_whole(part).count for part in parts)
    for part in parts:
        write_stills(_whole(part), folder / part.name, workers, _counted(tell, "pictures drawn", done, total, part))
        done += _whole(part).count
        tell(Stage("pictures drawn", done, total))
    stores = [_prepared(part, folder, workers, tell) for part in parts]
    at_home, from_away = (stores[0],), (stores[1], stores[2])
    home = FaceSet("rendered home", at_home, make_splits("holdout", subjects_of(at_home))[0], exact_poses=True)
    away = FaceSet("rendered away", from_away, make_splits("fera17", subjects_of(from_away))[0], exact_poses=True)
    return [Arm("home", home, {"within": home}), Arm("away", away, {"across": home, "poses": away})]


def _parts(level: Level) -> list[_Part]:
    def home(count: int) -> StillsPlan:
        return StillsPlan(count, 901, _AT_HOME, CoOccurrence.PEOPLE, Poses.FRONTAL, _PER_FILE, Lighting.STUDIO)

    def away(count: int) -> StillsPlan:
        return StillsPlan(count, 902, _FROM_AWAY, CoOccurrence.PEOPLE, Poses.ONE_OF_NINE, _PER_FILE, Lighting.HARSH)

    def judged(count: int) -> StillsPlan:
        return StillsPlan(
            count, 903, _FROM_AWAY, CoOccurrence.PEOPLE, Poses.NINE, _PER_FILE, Lighting.HARSH, level.faces_judged
        )

    return [
        _Part("home", level.people_home, home),
        _Part("away", level.people_away, away),
        _Part("away-judged", level.people_judged, judged, VALIDATION_PREFIX),
    ]


_PER_FILE = 2
"""People in a file: small files are soon whole, so that a stop costs little and no worker waits long at the end."""


def _whole(part: _Part) -> StillsPlan:
    return part.plan(part.people * part.plan(1).per_person)


def _counted(tell: ProgressCallback, what: str, done: int, total: int, part: _Part) -> Callable[[int], None]:
    """Return what counts files as pictures; files that were there from before are counted at the end."""
    drawn = 0

    def count(_: int) -> None:
        nonlocal drawn
        drawn += part.plan(1).per_file
        tell(Stage(what, min(done + drawn, total), total))

    return count


def _prepared(part: _Part, folder: Path, workers: int, tell: ProgressCallback) -> Path:
    store, releases, options = (
        folder / f"{part.name}.store",
        [load(folder / part.name)],
        PrepareOptions(prefix=part.prefix),
    )
    what = f"faces aligned, {part.name}"
    done, total = done_frames(releases, store, options)
    tell(Stage(what, done, total))

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        tell(Stage(what, done, total))

    prepare(releases, store, options, workers=workers, on_frames=count)
    return store
