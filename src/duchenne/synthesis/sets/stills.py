"""Single pictures of many people in a folder of Parquet files, for training at speed: drawn from one seed, resumable.

A file holds 250 pictures of 25 people (a grid of poses: 375 or 225). It is written under another name and renamed when
it is whole, so a folder can be continued at any time; the bytes depend on the seed and the file's number alone, not on
the number of workers.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from duchenne.errors import SynthesisError, UsageError
from duchenne.extras import needed
from duchenne.extras.parquet import column_names, read_parquet, write_parquet
from duchenne.facs import AU_NAMES
from duchenne.files.json_note import read_note, write_note
from duchenne.synthesis.head.head import Head, make_head
from duchenne.synthesis.head.occluders import suited
from duchenne.synthesis.head.pack import PACK_NAME
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.scene.scene import Rendered, render
from duchenne.synthesis.scene.surroundings import Lighting, encode_jpeg, photograph
from duchenne.synthesis.sets.grades import Grades
from duchenne.synthesis.sets.sampling import CoOccurrence
from duchenne.synthesis.sets.shares import Shares
from duchenne.synthesis.sets.shots import GRIDS, Poses, Shot, draw_shots, group_size
from duchenne.workers import end_with_parent

PER_PERSON = 10
STILLS_TYPES = {
    "image": "bytes",
    "subject": "int64",
    "seed": "int64",
    "yaw_deg": "float64",
    "pitch_deg": "float64",
    "roll_deg": "float64",
    "tone": "int64",
    "sex": "str",
    "age": "float64",
    "landmarks": "bytes",
    "landmarks_3d": "bytes",
    "visibility": "bytes",
    "au_left": "bytes",
    "au_right": "bytes",
    "params": "str",
}
"""The columns of a file of stills, with their types."""
_EARLIER = {"people_per_file": 25, "look": "any", "groups": 1, "tones": [1, 10], "ages": [18.0, 78.0]}
"""What the plans of folders say that were drawn before there was a choice."""
SUBJECTS_PER_SEED, STILLS_SUBJECTS = 100_000, 50_000
"""How many people a seed has, and how many of them stand for stills; the others act in clips."""


@dataclass(frozen=True)
class StillsPlan:
    """Which pictures a folder holds.

    Attributes:
        count: Pictures; rounded up to whole files.
        seed: 0-9999; other seeds draw other people.
        person: What is asked of every person; balanced otherwise.
        cooccurrence: How action units go together; `MIX` by default.
        poses: Free, within 10 degrees of frontal, each face under fifteen or nine poses, or under one of the nine.
        people_per_file: How many people share a file.
        lighting: Light and background.
        groups: Of pictures that belong together, of each person, in a grid of poses.
        grades: How often each grade of an action unit is drawn.
        shares: Of the kinds in a set for training; the defaults if None, for other sets None alone.
        first: Number of the first picture; those before are of other shards of the set. Begins a file.
    """

    count: int = 1000
    seed: int = 1
    person: Person = field(default_factory=Person)
    cooccurrence: CoOccurrence = CoOccurrence.MIX
    poses: Poses = Poses.FREE
    people_per_file: int = 25
    lighting: Lighting = Lighting.ANY
    groups: int = 1
    grades: Grades = Grades.UNIFORM
    shares: Shares | None = None
    first: int = 0

    def __post_init__(self) -> None:
        most = STILLS_SUBJECTS * self.per_person
        if self.count < 1 or self.first < 0 or self.first + self.count > most:
            last = f" from number {self.first} on" if self.first else ""
            raise UsageError(f"{self.count} pictures{last} are asked for; 1 to {most} of one seed can be drawn.")
        if not 0 <= self.seed < 10_000:
            raise UsageError(f"The seed is {self.seed}; it must lie in 0-9999.")
        if self.people_per_file < 1 or self.groups < 1:
            raise UsageError(
                f"{self.people_per_file} people in a file and {self.groups} groups of pictures are asked for; there "
                "must be at least one of each."
            )
        if self.first % self.per_file:
            raise UsageError(
                f"The first picture is number {self.first}, within a file; files of this set hold {self.per_file} "
                f"pictures each. Take {self.first - self.first % self.per_file}, or another multiple."
            )
        if self.shares is not None and self.cooccurrence is not CoOccurrence.TRAINING:
            raise UsageError(
                f"Shares are given to pictures of the co-occurrence {self.cooccurrence.value}; only training has any. "
                "Leave them out, or ask for training."
            )

    @property
    def files(self) -> int:
        """How many files are drawn."""
        return -(-self.count // self.per_file)

    @property
    def numbers(self) -> range:
        """The numbers of these files."""
        begin = self.first // self.per_file
        return range(begin, begin + self.files)

    @property
    def per_person(self) -> int:
        """How many pictures of each person there are; whole groups of pictures that belong together."""
        return self.groups * group_size(self.cooccurrence, self.poses) if self.poses in GRIDS else PER_PERSON

    @property
    def per_file(self) -> int:
        """How many pictures a file holds: whole people."""
        return self.people_per_file * self.per_person


def file_name(number: int) -> str:
    """Return the name of a file of the folder."""
    return f"stills-{number:05d}.parquet"


def write_stills(plan: StillsPlan, folder: Path, workers: int = 1, on_file: Callable[[int], None] | None = None) -> int:
    """Draw the pictures of a plan that are not yet in the folder; return how many files were drawn.

    Args:
        plan: Which pictures.
        folder: Made if it is not there; its plan is kept in plan.json.
        workers: Processes side by side.
        on_file: Called with a file's number when it is whole.

    Raises:
        SynthesisError: The folder belongs to another plan or cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    needed("pyarrow.parquet")
    _claim(plan, folder)
    missing = [number for number in plan.numbers if not (folder / file_name(number)).exists()]
    if workers <= 1:
        for number in missing:
            _draw_file(plan, folder, number)
            if on_file:
                on_file(number)
        return len(missing)
    with ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent
    ) as pool:
        jobs = {pool.submit(_draw_file, plan, folder, number): number for number in missing}
        for job in as_completed(jobs):
            job.result()
            if on_file:
                on_file(jobs[job])
    return len(missing)


def read_stills(folder: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, np.ndarray]]:
    """Yield the columns of each file of a folder, in order.

    Raises:
        SynthesisError: The folder holds no file of stills.
        ParquetError: A file is damaged.
    """
    paths = sorted(folder.glob("stills-*.parquet"))
    if not paths:
        raise SynthesisError(
            f"{folder} holds no stills-*.parquet. Render some with: duchenne render --protocol stills."
        )
    for path in paths:
        yield read_parquet(path, columns or column_names(path))


def _claim(plan: StillsPlan, folder: Path) -> None:
    person = plan.person
    wanted: dict[str, object] = {"seed": plan.seed, "tone": person.tone, "sex": person.sex, "age": person.age}
    wanted |= {
        "people_per_file": plan.people_per_file,
        "recipe": person.au_map.value,
        "company": plan.cooccurrence.value,
        "poses": plan.poses.value,
        "look": plan.lighting.value,
        "groups": plan.groups,
        "tones": list(person.tones),
        "ages": list(person.ages),
    }
    if plan.grades is not Grades.UNIFORM:  # Plans from before there was a choice say nothing.
        wanted["grades"] = plan.grades.value
    if plan.cooccurrence is CoOccurrence.TRAINING:
        shares = (plan.shares or Shares()).by_cooccurrence()
        wanted["shares"] = {kind.value: round(share, 6) for kind, share in shares.items()}
    if person.pack is not None:  # Its bytes are always the same, wherever it lies.
        wanted["pack"] = PACK_NAME
    note = folder / "plan.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if note.exists():
            found = {**_EARLIER, **read_note(note)}
            if found != wanted:
                raise SynthesisError(
                    f"{folder} holds pictures of another plan, {found}. Name another folder for {wanted}."
                )
        if not note.exists():
            write_note(note, wanted)
        own = {file_name(number) for number in plan.numbers}
        for cut_short in folder.glob(".stills-*.parquet.*"):  # What a stop while a file was written leaves behind.
            if cut_short.stem[1:] in own:  # Another shard may be writing others.
                cut_short.unlink()
    except OSError as error:
        raise SynthesisError(
            f"{folder} cannot be written: {error.strerror}. Name a folder on a disk with room."
        ) from error


def _draw_file(plan: StillsPlan, folder: Path, number: int) -> None:
    first = plan.seed * SUBJECTS_PER_SEED + number * plan.people_per_file
    rows: list[dict[str, object]] = []
    for subject in range(first, first + plan.people_per_file):
        head = make_head(subject, plan.person)
        asked = (plan.cooccurrence, plan.poses, plan.lighting)
        shots = draw_shots(subject, plan.per_person, *asked, grades=plan.grades, shares=plan.shares)
        rows += [draw_row(head, shot, k) for k, shot in enumerate(shots)]
    target = folder / file_name(number)
    partial = folder / f".{target.name}.{os.getpid()}"
    try:
        write_parquet(partial, STILLS_TYPES, [{name: [row[name] for row in rows] for name in STILLS_TYPES}])
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SynthesisError(
            f"{target} cannot be written: {error.strerror}. Finished files are kept; make room and start again."
        ) from error


def draw_row(head: Head, shot: Shot, picture: int) -> dict[str, object]:
    """Return one row of a file: the k-th picture of a person."""
    shot = replace(shot, scene=replace(shot.scene, occluder=suited(shot.scene.occluder, head)))
    drawn = render(head, shot.scene)
    rng = np.random.default_rng([head.identity.subject, 11, shot.group])
    pixels = photograph(rng, drawn.pixels, drawn.landmarks)
    return _row(head, picture, drawn, encode_jpeg(pixels, int(rng.integers(55, 96))), shot)


def _row(head: Head, picture: int, drawn: Rendered, jpeg: bytes, shot: Shot) -> dict[str, object]:
    scene = shot.scene
    identity = head.identity
    landmarks_3d = np.column_stack([drawn.landmarks, drawn.depth_px]).astype(np.float32)
    params = {
        "aus": {au: [round(v, 3) for v in sides] for au, sides in scene.aus.items() if au in AU_NAMES},
        "other_motion": {name: round(sides[0], 3) for name, sides in scene.aus.items() if name not in AU_NAMES},
        "company": shot.cooccurrence.value,
        "group": shot.group,
        "differs": list(shot.differs),
        **({"prototype": shot.variant.prototype, "variant": shot.variant.name} if shot.variant else {}),
        "recipe": identity.au_map.value,
        "ancestry": {name: round(share, 3) for name, share in identity.ancestry.items()},
        "field_deg": round(scene.camera.field_deg, 3),
        "face_px": round(scene.camera.face_px, 3),
        "hair": head.hair_style,
        "glasses": head.glasses and asdict(head.glasses),
        "occluder": scene.occluder and asdict(scene.occluder),
        "covered": np.flatnonzero(drawn.covered).tolist(),
        "covered_share": round(drawn.covered_share, 3),
        "gaze_deg": [round(scene.gaze.right_deg, 2), round(scene.gaze.up_deg, 2)],
    }
    return {
        "image": jpeg,
        "subject": identity.subject,
        "seed": picture,
        "yaw_deg": drawn.pose.yaw_deg,
        "pitch_deg": drawn.pose.pitch_deg,
        "roll_deg": drawn.pose.roll_deg,
        "tone": identity.tone,
        "sex": identity.sex,
        "age": identity.age,
        "landmarks": drawn.landmarks.astype(np.float32).tobytes(),
        "landmarks_3d": landmarks_3d.tobytes(),
        "visibility": drawn.visible.astype(np.uint8).tobytes(),
        "au_left": drawn.au_left.astype(np.float32).tobytes(),
        "au_right": drawn.au_right.astype(np.float32).tobytes(),
        "params": json.dumps(params),
    }
