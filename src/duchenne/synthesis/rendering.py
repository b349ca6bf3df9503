"""Heads with known action units into a folder, in one call: what `duchenne render` runs. Imports nothing heavy."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duchenne.errors import UsageError
from duchenne.extras import extras_named

if TYPE_CHECKING:
    from duchenne.synthesis.person.identity import Person
    from duchenne.synthesis.sets.stills import StillsPlan

ProtocolName = Literal["stills", "bp4d", "fera17", "interviews", "gallery"]
SexName = Literal["female", "male"]
AUMapName = Literal["arkit", "mpfb", "mixed"]
CoOccurrenceName = Literal[
    "mix", "training", "prototypes", "prototype-pairs", "independent", "people", "single", "neutral", "pairs"
]
GradesName = Literal["uniform", "faint"]
PosesName = Literal["free", "frontal", "tilted", "grid", "nine", "one-of-nine"]
LightingName = Literal["any", "studio", "harsh"]
OnProgress = Callable[[int, int], None]
"""Told how many pictures, clips or interviews are done, and of how many."""


@dataclass(frozen=True)
class RenderedSet:
    """What a folder of rendered heads holds.

    Attributes:
        folder: Where it lies.
        what: "pictures", "clips", "interviews" or "sheets".
        drawn: How many were drawn by this call; those that were there already are not counted.
        summary: The same in a sentence.
    """

    folder: Path
    what: str
    drawn: int
    summary: str


def render(
    folder: str | Path,
    *,
    protocol: ProtocolName = "stills",
    count: int = 1000,
    subjects: int = 4,
    first: int = 0,
    seconds: float = 4.0,
    seed: int = 1,
    workers: int = 1,
    tone: int | None = None,
    sex: SexName | None = None,
    age: float | None = None,
    au_map: AUMapName = "mixed",
    cooccurrence: CoOccurrenceName = "mix",
    shares: str | None = None,
    grades: GradesName = "uniform",
    poses: PosesName = "free",
    lighting: LightingName = "any",
    pack: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> RenderedSet:
    """Draw heads with known action units, with exact labels; needs `pip install 'duchenne[synthesis]'`.

    The keywords are the options of `duchenne render`, which explains them at length. A render that was stopped goes on
    where it stopped when it is called again; the same seed gives the same bytes.

    Example:
        >>> import tempfile, duchenne
        >>> done = duchenne.render(tempfile.mkdtemp(), protocol="interviews", subjects=1, seconds=0.1)
        >>> done.what, done.drawn, (done.folder / "truth.csv").exists()
        ('interviews', 3, True)

    Args:
        folder: Where the files go; made if it is not there.
        protocol: Single pictures, clips in the layout of BP4D or FERA 2017, interviews, or sheets to look at.
        count: How many pictures (stills); rounded up to whole files.
        subjects: How many people (clips, interviews).
        first: Number of the first picture (stills; it begins a file) or person (clips), from 0: calls share a set.
        seconds: Length of a clip or interview.
        seed: 0-9999; other seeds draw other people.
        workers: Processes side by side.
        tone: Monk skin tone 1-10 for everybody; None for all ten equally often.
        sex: For everybody; None for both equally often.
        age: Years, 18-80, for everybody; None for ages spread evenly.
        au_map: Which displacements lead the action units.
        cooccurrence: How action units go together (stills).
        shares: Of the kinds in a set for training, such as "prototypes=.5,neutral=.1".
        grades: Of every action unit (stills).
        poses: Head poses (stills).
        lighting: Light and background (stills).
        pack: File of the hair of MakeHuman; None for short hair.
        on_progress: Told how far it is.

    Raises:
        UsageError: The keywords do not go together.
        SynthesisError: The folder belongs to another plan or cannot be written.
        MissingExtraError: A library of the extra is not installed.
    """
    place, hair = Path(folder), None if pack is None else Path(pack)
    if protocol not in ("stills", "gallery") and (shares is not None or grades != "uniform"):
        raise UsageError(f"--shares and --grades go with --protocol stills; leave them out for {protocol}.")
    if first and protocol in ("gallery", "interviews"):
        raise UsageError(f"--first goes with single pictures and clips; leave it out for {protocol}.")
    with extras_named():
        person = _person(tone, sex, age, au_map, hair)
        if protocol == "gallery":
            return _gallery(place, seed, hair)
        if protocol == "stills":
            plan = _plan((count, seed, person), (cooccurrence, poses, lighting), grades, shares, first)
            return _stills(place, plan, workers, on_progress)
        if protocol == "interviews":
            return _interviews(place, subjects, seconds, seed, person, on_progress)
        return _clips(place, (protocol, subjects, seed, seconds, person, first), workers, on_progress)


def _person(tone: int | None, sex: SexName | None, age: float | None, au_map: AUMapName, pack: Path | None) -> "Person":
    from duchenne.synthesis.head.pack import check_pack
    from duchenne.synthesis.person.identity import Person
    from duchenne.synthesis.rig.au_map import MapStyle

    if pack is not None:
        check_pack(pack)
    return Person(tone, sex, age, MapStyle(au_map), pack=pack)


def _plan(
    who: tuple[int, int, "Person"], how: tuple[str, str, str], grades: str, shares: str | None, first: int
) -> "StillsPlan":
    from duchenne.synthesis.scene.surroundings import Lighting
    from duchenne.synthesis.sets.grades import Grades
    from duchenne.synthesis.sets.sampling import CoOccurrence
    from duchenne.synthesis.sets.shares import Shares
    from duchenne.synthesis.sets.shots import Poses
    from duchenne.synthesis.sets.stills import StillsPlan

    cooccurrence, poses, lighting = how
    return StillsPlan(
        *who,
        CoOccurrence(cooccurrence),
        Poses(poses),
        lighting=Lighting(lighting),
        grades=Grades(grades),
        shares=None if shares is None else Shares.parse(shares),
        first=first,
    )


def _gallery(folder: Path, seed: int, pack: Path | None) -> RenderedSet:
    from duchenne.synthesis.checks.gallery import write_gallery

    paths = write_gallery(folder, seed, pack)
    return RenderedSet(folder, "sheets", len(paths), ", ".join(map(str, paths)))


def _stills(folder: Path, plan: "StillsPlan", workers: int, on_progress: OnProgress | None) -> RenderedSet:
    from duchenne.synthesis.sets.stills import file_name, write_stills

    whole = sum((folder / file_name(number)).exists() for number in plan.numbers)
    advance = _counter(on_progress, whole * plan.per_file, plan.files * plan.per_file)
    drawn = write_stills(plan, folder, workers, lambda _: advance(plan.per_file)) * plan.per_file
    lying = sum(1 for _ in folder.glob("stills-*.parquet"))
    return RenderedSet(folder, "pictures", drawn, f"{drawn} pictures drawn; {folder} holds {lying} files.")


def _clips(
    folder: Path, how: tuple[str, int, int, float, "Person", int], workers: int, on_progress: OnProgress | None
) -> RenderedSet:
    from duchenne.synthesis.sets.protocols import ClipsPlan, sequences, whole_sequences, write_clips

    layout, subjects, seed, seconds, person, first = how
    plan = ClipsPlan(layout, subjects, seed, seconds, person=person, first=first)
    total = len(sequences(plan))
    advance = _counter(on_progress, whole_sequences(plan, folder), total)
    drawn = write_clips(plan, folder, workers, lambda: advance(1))
    return RenderedSet(folder, "clips", drawn, f"{drawn} clips drawn; {folder} holds {total}.")


def _interviews(
    folder: Path, people: int, seconds: float, seed: int, person: "Person", on_progress: OnProgress | None
) -> RenderedSet:
    from duchenne.synthesis.sets.interviews import InterviewsPlan, write_interviews

    plan = InterviewsPlan(people=people, seconds=seconds, seed=seed, person=person)
    advance = _counter(on_progress, 0, plan.interviews)
    truth = write_interviews(plan, folder, lambda: advance(1))
    summary = f"{plan.interviews} interviews drawn; their truth is {truth}."
    return RenderedSet(folder, "interviews", plan.interviews, summary)


def _counter(on_progress: OnProgress | None, done: int, total: int) -> Callable[[int], None]:
    """Return what adds to the number that is done and tells it."""
    told = on_progress or (lambda *_: None)
    told(done, total)

    def advance(step: int) -> None:
        nonlocal done
        done += step
        told(done, total)

    return advance
