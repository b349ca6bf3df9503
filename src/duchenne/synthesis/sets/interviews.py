"""Interviews: videos of people side by side, as in a video call, whose truth is written as a result of detection.

People change seats from one interview to the next; in the last one the first looks away for a while, and the last
leaves before the end. So a study of them meets what studies meet: numbers of faces that mean another person in another
video, faces turned away, and times without a face.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from duchenne.cropping import Picture
from duchenne.errors import SynthesisError, UsageError
from duchenne.faces import FaceBox, box_from_landmarks
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.result_file import ResultFile
from duchenne.synthesis.head.head import Head, make_head
from duchenne.synthesis.person.identity import SEXES, Person
from duchenne.synthesis.scene.scene import Camera, Rendered, Scene, render
from duchenne.synthesis.scene.surroundings import draw_background
from duchenne.synthesis.sets.clips import Clip, draw_clip

TRUTH_NAME = "truth.csv"
PRESENT_FROM = 1.5
"""Intensity of the stronger side from which an action unit occurs: B, as the package's own networks take it."""
FIRST_SUBJECT = 80_000
"""Where a seed's people begin; those of other sets have other numbers."""
_TOWARDS_DEG, _AWAY_DEG = 12.0, -75.0


@dataclass(frozen=True)
class InterviewsPlan:
    """Which interviews a folder holds.

    Attributes:
        interviews: Videos.
        people: In each of them, from left to right P1, P2, ... in the first, each a seat further in the next.
        seconds: Length of each.
        seed: 0-9999; other seeds draw other people.
        fps: Frames a second.
        side_px: Each person fills a square of this side.
        person: What is asked of everybody; women and men in turn otherwise.
    """

    interviews: int = 3
    people: int = 2
    seconds: float = 12.0
    seed: int = 1
    fps: int = 10
    side_px: int = 320
    person: Person = field(default_factory=Person)

    def __post_init__(self) -> None:
        if not 1 <= self.people <= 9 or not 1 <= self.interviews <= 99:
            raise UsageError(f"{self.interviews} interviews of {self.people} people; 1-99 of 1-9 can be drawn.")
        if not 0 <= self.seed < 10_000:
            raise UsageError(f"The seed is {self.seed}; it must lie in 0-9999.")
        if self.side_px % 2 or self.side_px < 16 or round(self.seconds * self.fps) < 1:
            raise UsageError(
                f"Seats of {self.side_px} px and {self.seconds:g} s at {self.fps} frames/s make no video; "
                "the side must be even and at least 16, the length at least a frame."
            )


@dataclass(frozen=True)
class _Seat:
    """One person in one interview: who, what they do, behind them; from `away_s` to `back_s` they look away."""

    number: int
    head: Head
    clip: Clip
    camera: Camera
    background: Picture
    away_s: float
    back_s: float
    leaves_s: float

    def draw(self, time_s: float) -> Rendered | None:
        """Return the picture at a time; None once the person has left."""
        if time_s >= self.leaves_s - 1e-9:
            return None
        pose = self.clip.pose_at(time_s)
        if self.away_s <= time_s < self.back_s:
            pose = replace(pose, yaw_deg=_AWAY_DEG)
        clip = self.clip
        return render(
            self.head,
            Scene(clip.aus_at(time_s), pose, clip.gaze_at(time_s), self.camera, clip.light, self.background),
        )


def write_interviews(plan: InterviewsPlan, folder: Path, on_video: Callable[[], None] | None = None) -> Path:
    """Draw the videos `interview_1.mp4`, ... and their truth into a folder, and return the path of the truth.

    The truth has the columns of a result (docs/columns.md). Probabilities are 0 or 1, intensities those of the stronger
    side; `face_id` is the number of the person in all interviews, P1 being 0.

    Raises:
        SynthesisError: The folder cannot be written.
    """
    first = plan.seed * 100_000 + FIRST_SUBJECT
    asked = [replace(plan.person, sex=plan.person.sex or SEXES[k % len(SEXES)]) for k in range(plan.people)]
    heads = [make_head(first + k, person) for k, person in enumerate(asked)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / TRUTH_NAME
        with ResultFile.open(path, Columns(), {}, overwrite=True, restart=True) as truth:
            for number in range(plan.interviews):
                seats = [_seat(plan, number, place, heads) for place in range(plan.people)]
                truth.write(_write_video(folder / f"interview_{number + 1}.mp4", plan, seats))
                if on_video:
                    on_video()
            truth.finish()
    except OSError as error:
        raise SynthesisError(f"{folder} cannot be written: {error.strerror}. Name a folder with room.") from error
    return path


def _seat(plan: InterviewsPlan, number: int, place: int, heads: list[Head]) -> _Seat:
    who = (place + number) % plan.people
    subject = plan.seed * 100_000 + FIRST_SUBJECT + who
    yaw = _TOWARDS_DEG if 2 * place < plan.people - 1 else -_TOWARDS_DEG
    clip = draw_clip(subject, plan.seconds, seed=number, pose=HeadPose(yaw, 0.0, 0.0), motion=0.5)
    camera = Camera(plan.side_px, plan.side_px, 18.0, plan.side_px / 3)
    background = draw_background(np.random.default_rng([subject, 8, number]), plan.side_px, plan.side_px)
    last = plan.interviews > 1 and number == plan.interviews - 1
    away = (0.4, 0.6) if last and who == 0 else (2.0, 2.0)
    leaves = 0.75 if last and who == plan.people - 1 else 2.0
    return _Seat(who, heads[who], clip, camera, background, *(share * plan.seconds for share in (*away, leaves)))


def _write_video(path: Path, plan: InterviewsPlan, seats: list[_Seat]) -> Iterator[FaceAUs]:
    """Encode as MPEG-4 (every build of the decoder reads it) and yield the truth of the faces."""
    partial = path.with_name(f".{path.name}.partial")
    with closing(av.open(str(partial), "w", format="mp4", options={"fflags": "+bitexact"})) as container:
        stream = container.add_stream("mpeg4", rate=Fraction(plan.fps))
        stream.width, stream.height = plan.side_px * len(seats), plan.side_px
        stream.pix_fmt, stream.bit_rate, stream.thread_count = "yuv420p", 3_000_000, 1
        for index in range(round(plan.seconds * plan.fps)):
            drawn = [seat.draw(index / plan.fps) for seat in seats]
            shown = [seat.background if d is None else d.pixels for seat, d in zip(seats, drawn, strict=True)]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.hstack(shown), format="rgb24")))
            for place, (seat, picture) in enumerate(zip(seats, drawn, strict=True)):
                if picture is not None:
                    yield _truth(str(path), index, index / plan.fps, seat.number, picture, place * plan.side_px)
        container.mux(stream.encode())
    partial.replace(path)


def _truth(source: str, frame: int, time_s: float, number: int, drawn: Rendered, left_px: int) -> FaceAUs:
    points = drawn.landmarks + np.array([left_px, 0])
    intensity = np.maximum(drawn.au_left, drawn.au_right)
    present = intensity >= PRESENT_FROM
    box = FaceBox(box_from_landmarks(points), 1.0, np.zeros((5, 2)))
    landmarks = FaceLandmarks(points, drawn.depth_px, drawn.visible.astype(float), 1.0)
    return FaceAUs(
        source, frame, time_s, number, box, landmarks, drawn.pose, AU_NAMES, present.astype(float), present, intensity
    )
