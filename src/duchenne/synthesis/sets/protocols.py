"""Rendered clips in the folder layouts of BP4D and FERA 2017, so that loaders of the real sets read them unchanged.

A sequence is whole when its label file is there: pictures and videos are written under another name and renamed, and
the labels come last. So a render that was stopped goes on where it stopped, and ends with the same bytes.

Occurrence: 1 where the stronger side reaches intensity A (0.5 before rounding), else 0; 9 for what is not known (action
units of the original release that the AU-to-blendshape map does not draw). Intensity: the stronger side, rounded, 0-5.

Source: BP4D, Zhang et al., Image and Vision Computing 2014; FERA 2017, Valstar et al., IEEE FG 2017. Which pose number
is which is inferred from public loaders.
"""

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from duchenne.errors import SynthesisError, UsageError
from duchenne.facs import AU_NAMES, UNKNOWN
from duchenne.files.json_note import read_note, write_note
from duchenne.files.whole_files import write_whole
from duchenne.geometry import HeadPose
from duchenne.poses import FERA17_POSES
from duchenne.synthesis.head.head import make_head
from duchenne.synthesis.head.pack import PACK_NAME
from duchenne.synthesis.person.identity import SEXES, Person
from duchenne.synthesis.scene.scene import Rendered
from duchenne.synthesis.scene.surroundings import encode_jpeg
from duchenne.synthesis.sets.clips import Clip, clip_frames, draw_clip

BP4D_OCCURRENCE = (
    1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 27, 28, 30, 32, 38, 39,
)  # fmt: skip
BP4D_INTENSITY = (6, 10, 12, 14, 17)
BP4D_TASKS = 8
FERA17_OCCURRENCE = (1, 4, 6, 7, 10, 12, 14, 15, 17, 23)
FERA17_INTENSITY = (1, 4, 6, 10, 12, 14, 17)
FERA17_TASKS = 2
FIRST_SUBJECT = 50_000
"""Where a seed's subjects of clips begin; those of stills begin at 0."""
LAYOUTS = ("bp4d", "fera17")


@dataclass(frozen=True)
class ClipsPlan:
    """Which clips a folder holds.

    Attributes:
        layout: "bp4d" or "fera17".
        subjects: People, women and men in turn.
        seed: 0-9999; other seeds draw other people.
        seconds: Length of each clip.
        fps: Frames a second.
        width: Pixels.
        height: Pixels.
        person: What is asked of every person; balanced otherwise.
        first: Number of the first of them; people before are of other shards of the set.
    """

    layout: str = "bp4d"
    subjects: int = 4
    seed: int = 1
    seconds: float = 4.0
    fps: int = 25
    width: int = 512
    height: int = 512
    person: Person = field(default_factory=Person)
    first: int = 0

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UsageError(f"There is no layout {self.layout!r}; known: {', '.join(LAYOUTS)}.")
        if self.subjects < 1 or self.first < 0 or self.first + self.subjects > 999:
            last = f" from number {self.first} on" if self.first else ""
            raise UsageError(f"{self.subjects} people{last} are asked for; 1 to 999 have names in this layout.")
        if not 0 <= self.seed < 10_000:
            raise UsageError(f"The seed is {self.seed}; it must lie in 0-9999.")
        if self.width % 2 or self.height % 2:
            raise UsageError(f"Pictures of {self.width} x {self.height} pixels make no video; both must be even.")
        if round(self.seconds * self.fps) < 1:
            raise UsageError(f"{self.seconds:g} s at {self.fps} frames/s hold no frame; ask for longer clips.")


@dataclass(frozen=True)
class Take:
    """One clip of the layout: who and what, named as the release names it."""

    name: str
    task: int
    subject: int
    person: Person

    @property
    def stem(self) -> str:
        """Such as "F001_T1"."""
        return f"{self.name}_T{self.task}"


def sequences(plan: ClipsPlan) -> list[Take]:
    """Return the sequences of a plan in order."""
    tasks = BP4D_TASKS if plan.layout == "bp4d" else FERA17_TASKS
    counts = {sex: 0 for sex in SEXES}
    found = []
    for number in range(plan.first + plan.subjects):
        sex = plan.person.sex or SEXES[number % 2]
        counts[sex] += 1
        if number < plan.first:
            continue
        name = f"{sex[0].upper()}{counts[sex]:03d}"
        subject = plan.seed * 100_000 + FIRST_SUBJECT + number
        found += [Take(name, task, subject, replace(plan.person, sex=sex)) for task in range(1, tasks + 1)]
    return found


def whole_sequences(plan: ClipsPlan, folder: Path) -> int:
    """Return how many sequences of a plan are whole in the folder."""
    return sum(_labels(plan, folder, sequence).exists() for sequence in sequences(plan))


def write_clips(plan: ClipsPlan, folder: Path, workers: int = 1, on_sequence: Callable[[], None] | None = None) -> int:
    """Draw the sequences of a plan that are not yet whole; return how many were drawn.

    Raises:
        SynthesisError: The folder belongs to another plan or cannot be written.
    """
    _claim(plan, folder)
    missing = [s for s in sequences(plan) if not _labels(plan, folder, s).exists()]
    if workers <= 1:
        for sequence in missing:
            _write(plan, folder, sequence)
            if on_sequence:
                on_sequence()
        return len(missing)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for job in as_completed([pool.submit(_write, plan, folder, sequence) for sequence in missing]):
            job.result()
            if on_sequence:
                on_sequence()
    return len(missing)


def _claim(plan: ClipsPlan, folder: Path) -> None:
    wanted = {key: getattr(plan, key) for key in ("layout", "seed", "seconds", "fps", "width", "height")}
    wanted |= {
        "tone": plan.person.tone,
        "sex": plan.person.sex,
        "age": plan.person.age,
        "recipe": plan.person.au_map.value,
    }
    if plan.person.pack is not None:  # Its bytes are always the same, wherever it lies.
        wanted["pack"] = PACK_NAME
    note = folder / "plan.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if note.exists() and (found := read_note(note)) != wanted:
            raise SynthesisError(f"{folder} holds clips of another plan, {found}. Name another folder for {wanted}.")
        if not note.exists():
            write_note(note, wanted)
    except OSError as error:
        raise SynthesisError(f"{folder} cannot be written: {error.strerror}. Name a folder with room.") from error


def _labels(plan: ClipsPlan, folder: Path, sequence: Take) -> Path:
    if plan.layout == "bp4d":
        return folder / "AUCoding" / "AU_OCC" / f"{sequence.stem}.csv"
    return folder / "Train_Occ" / f"FERA17_TR_{sequence.stem}.csv"


def _write(plan: ClipsPlan, folder: Path, sequence: Take) -> None:
    try:
        if plan.layout == "bp4d":
            _write_bp4d(plan, folder, sequence)
        else:
            _write_fera17(plan, folder, sequence)
    except OSError as error:
        raise SynthesisError(
            f"{folder} cannot be written: {error.strerror}. Finished files are kept; make room and start again."
        ) from error


def _clip(plan: ClipsPlan, sequence: Take, pose: HeadPose, motion: float) -> Clip:
    return draw_clip(
        sequence.subject, plan.seconds, seed=sequence.task, pose=pose, person=sequence.person, motion=motion
    )


def _frames(plan: ClipsPlan, clip: Clip, head: object) -> Iterator[Rendered]:
    size = {"width": plan.width, "height": plan.height, "fps": float(plan.fps)}
    return (frame.drawn for frame in clip_frames(clip, head=head, **size))  # type: ignore[arg-type]


def _write_bp4d(plan: ClipsPlan, folder: Path, sequence: Take) -> None:
    clip = _clip(plan, sequence, HeadPose(0.0, 0.0, 0.0), motion=1.0)
    pictures = folder / sequence.name / f"T{sequence.task}"
    partial = folder / sequence.name / f".T{sequence.task}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(pictures, ignore_errors=True)
    partial.mkdir(parents=True)
    digits = 3 + sequence.task % 2  # The release pads with zeros in some sequences only.
    intensities = []
    for number, drawn in enumerate(_frames(plan, clip, make_head(sequence.subject, sequence.person)), 1):
        (partial / f"{number:0{digits}d}.jpg").write_bytes(encode_jpeg(drawn.pixels, 92))
        intensities.append(_stronger(drawn))
    partial.rename(pictures)
    table = np.array(intensities)
    for au in BP4D_INTENSITY:
        path = folder / "AUCoding" / "AU_INT" / f"AU{au:02d}" / f"{sequence.stem}_AU{au:02d}.csv"
        _write_table(path, None, _graded(table, [au]))
    _write_table(_labels(plan, folder, sequence), (0, *BP4D_OCCURRENCE), _occurring(table, BP4D_OCCURRENCE))


def _write_fera17(plan: ClipsPlan, folder: Path, sequence: Take) -> None:
    head = make_head(sequence.subject, sequence.person)
    intensities: list[np.ndarray] = []
    for number, (pitch, yaw) in FERA17_POSES.items():
        clip = _clip(plan, sequence, HeadPose(float(yaw), float(pitch), 0.0), motion=0.3)
        path = folder / "FERA17_Train_MV" / f"FERA17_TR_{sequence.stem}_{number}.mp4"
        intensities = _write_video(path, plan, _frames(plan, clip, head))
    table = np.array(intensities)
    for au in FERA17_INTENSITY:
        path = folder / "Train_Int" / f"FERA17_TR_{sequence.stem}_AU{au:02d}_Int.csv"
        _write_table(path, (0, au), _graded(table, [au]))
    _write_table(_labels(plan, folder, sequence), (0, *FERA17_OCCURRENCE), _occurring(table, FERA17_OCCURRENCE))


def _write_video(path: Path, plan: ClipsPlan, frames: Iterator[Rendered]) -> list[np.ndarray]:
    """Encode as MPEG-4 (every build of the decoder reads it) and return the intensities of the frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    intensities = []
    with av.open(str(partial), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=Fraction(plan.fps))
        stream.width, stream.height = plan.width, plan.height
        stream.pix_fmt, stream.bit_rate, stream.thread_count = "yuv420p", 3_000_000, 1
        for drawn in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn.pixels, format="rgb24")))
            intensities.append(_stronger(drawn))
        container.mux(stream.encode())
    partial.replace(path)
    return intensities


def _stronger(drawn: Rendered) -> np.ndarray:
    return np.maximum(drawn.au_left, drawn.au_right)


def _column(table: np.ndarray, au: int) -> np.ndarray | None:
    name = f"AU{au:02d}"
    return table[:, AU_NAMES.index(name)] if name in AU_NAMES else None


def _occurring(table: np.ndarray, aus: Sequence[int]) -> list[list[int]]:
    columns = [_column(table, au) for au in aus]
    known = [np.full(len(table), UNKNOWN) if column is None else (column >= 0.5).astype(int) for column in columns]
    return [[number, *(int(column[number - 1]) for column in known)] for number in range(1, len(table) + 1)]


def _graded(table: np.ndarray, aus: Sequence[int]) -> list[list[int]]:
    columns = [np.floor(table[:, AU_NAMES.index(f"AU{au:02d}")] + 0.5).astype(int) for au in aus]
    return [[number, *(int(column[number - 1]) for column in columns)] for number in range(1, len(table) + 1)]


def _write_table(path: Path, header: Sequence[int] | None, rows: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *rows] if header else rows
    write_whole(path, "".join(",".join(map(str, line)) + "\n" for line in lines).encode())
