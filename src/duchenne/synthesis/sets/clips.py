"""Clips over time: movements with onset, apex and offset, blinks, gaze and a head that is never quite still.

    for frame in clip_frames(draw_clip(subject=7, seconds=10), width=1280, height=720):
        frame.time_s, frame.drawn.pixels, frame.drawn.landmarks, frame.drawn.au_left

Source: blinks at rest come 17 times a minute (Bentivoglio et al., Movement Disorders 1997). Ours: how long onset, apex
and offset last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose
from duchenne.synthesis.head.head import Gaze, Head, make_head
from duchenne.synthesis.person.expression import MAX_INTENSITY, Sides
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.scene.scene import Camera, Light, Rendered, Scene, render
from duchenne.synthesis.scene.surroundings import draw_background, draw_light
from duchenne.synthesis.sets.sampling import Company, draw_aus

BLINKS_PER_MINUTE = 17.0
MAX_SIDE_PX = 4096


@dataclass(frozen=True)
class Movement:
    """One action unit that comes and goes.

    Attributes:
        au: Its name.
        apex: Intensity 0-5 on the subject's left and right at the apex.
        start_s: When the onset begins.
        onset_s: How long it rises.
        hold_s: How long the apex lasts.
        offset_s: How long it falls.
    """

    au: str
    apex: Sides
    start_s: float
    onset_s: float = 0.5
    hold_s: float = 1.0
    offset_s: float = 0.7

    def __post_init__(self) -> None:
        if self.au not in AU_NAMES:
            raise UsageError(f"There is no action unit {self.au!r} here. Known: {' '.join(AU_NAMES)}.")
        if not all(0 <= side <= MAX_INTENSITY for side in self.apex):
            raise UsageError(f"{self.au} has intensities {self.apex}; they run from 0 to 5.")
        if min(self.onset_s, self.offset_s) <= 0 or self.hold_s < 0:
            raise UsageError(f"{self.au} needs an onset and an offset of more than 0 s and a hold of at least 0 s.")

    def share(self, time_s: float) -> float:
        """Return how much of the apex is reached at a time, 0-1."""
        since = time_s - self.start_s
        up = _smooth(since / self.onset_s)
        down = _smooth((since - self.onset_s - self.hold_s) / self.offset_s)
        return up - down

    @property
    def end_s(self) -> float:
        """When it is gone."""
        return self.start_s + self.onset_s + self.hold_s + self.offset_s


@dataclass(frozen=True)
class Sway:
    """Slow changes as a sum of three sines per axis.

    Attributes:
        size: (k, 3), amplitude.
        hertz: (k, 3).
        phase: (k, 3), turns.
    """

    size: Float[np.ndarray, "k 3"]
    hertz: Float[np.ndarray, "k 3"]
    phase: Float[np.ndarray, "k 3"]

    def at(self, time_s: float) -> Float[np.ndarray, " k"]:
        """Return the k values at a time."""
        return (self.size * np.sin(2 * np.pi * (self.hertz * time_s + self.phase))).sum(1)


@dataclass(frozen=True)
class Clip:
    """What a person does over time.

    Attributes:
        subject: The number of the person, as in `make_head`.
        person: What is asked of them.
        seconds: Length.
        movements: Blinks included, as AU43.
        pose: Around which the head moves.
        sway: Yaw, pitch and roll in degrees against `pose`, then the gaze to the right and up in degrees.
        light: Which stays.
        seed: Of the background.
    """

    subject: int
    seconds: float
    movements: tuple[Movement, ...]
    sway: Sway
    person: Person = field(default_factory=Person)
    pose: HeadPose = field(default_factory=lambda: HeadPose(0.0, 0.0, 0.0))
    light: Light = field(default_factory=Light)
    seed: int = 0

    def aus_at(self, time_s: float) -> dict[str, Sides]:
        """Return the intensities at a time; of two movements of one action unit the stronger counts."""
        aus: dict[str, Sides] = {}
        for movement in self.movements:
            share = movement.share(time_s)
            if share > 0:
                left, right = aus.get(movement.au, (0.0, 0.0))
                aus[movement.au] = (max(left, share * movement.apex[0]), max(right, share * movement.apex[1]))
        return aus

    def pose_at(self, time_s: float, still: bool = False) -> HeadPose:
        """Return the head's pose at a time; `still` leaves out its own motion."""
        yaw, pitch, roll = np.zeros(3) if still else self.sway.at(time_s)[:3]
        return HeadPose(
            self.pose.yaw_deg + float(yaw), self.pose.pitch_deg + float(pitch), self.pose.roll_deg + float(roll)
        )

    def gaze_at(self, time_s: float) -> Gaze:
        """Return where the eyes look at a time."""
        right, up = self.sway.at(time_s)[3:]
        return Gaze(float(right), float(up))


@dataclass(frozen=True)
class ClipFrame:
    """One picture of a clip: its number from 0, its time and the picture with its truth."""

    index: int
    time_s: float
    drawn: Rendered


def draw_clip(
    subject: int,
    seconds: float = 10.0,
    *,
    seed: int = 0,
    company: Company = Company.PEOPLE,
    pose: HeadPose | None = None,
    person: Person | None = None,
    motion: float = 1.0,
) -> Clip:
    """Return a random clip of a person.

    Args:
        subject: The number of the person.
        seconds: Length.
        seed: Other seeds give the same person other movements.
        company: How action units go together.
        pose: Around which the head moves; frontal if None.
        person: What is asked of the person.
        motion: Factor on the head's own motion; 0 keeps it still.

    Raises:
        UsageError: The length is not positive.
    """
    if not 0 < seconds <= 3600:
        raise UsageError(f"A clip of {seconds:g} s is asked for; it must last more than 0 s and at most an hour.")
    rng = np.random.default_rng([subject, 7, seed])
    size = np.array([[6.0], [4.0], [2.5], [5.0], [3.0]]) * rng.dirichlet([1.0] * 3, 5)
    size[:3] *= motion
    sway = Sway(size, rng.uniform(0.05, 0.5, (5, 3)), rng.uniform(0, 1, (5, 3)))
    movements = (*_expressions(rng, seconds, company), *_blinks(rng, seconds))
    return Clip(
        subject, seconds, movements, sway, person or Person(), pose or HeadPose(0.0, 0.0, 0.0), draw_light(rng), seed
    )


def clip_frames(
    clip: Clip,
    *,
    width: int = 1280,
    height: int = 720,
    fps: float = 30.0,
    face_px: float | None = None,
    background: Picture | None = None,
    head: Head | None = None,
    still: bool = False,
) -> Iterator[ClipFrame]:
    """Yield the frames of a clip; the same arguments give the same bytes.

    Args:
        clip: What happens.
        width: Pixels.
        height: Pixels.
        fps: Frames a second.
        face_px: Size of a decimetre at the head in pixels; a quarter of the height if None.
        background: H x W x 3; a drawn room if None.
        head: The person, where the caller has them already.
        still: Leave out the head's own motion.

    Raises:
        UsageError: The size or the rate cannot be drawn.
    """
    if not (16 <= width <= MAX_SIDE_PX and 16 <= height <= MAX_SIDE_PX):
        raise UsageError(f"A picture of {width} x {height} pixels is asked for; sides run from 16 to {MAX_SIDE_PX}.")
    if not 0 < fps <= 240:
        raise UsageError(f"{fps:g} frames/s are asked for; the rate must be more than 0 and at most 240.")
    head = head or make_head(clip.subject, clip.person)
    if background is None:
        background = draw_background(np.random.default_rng([clip.subject, 8, clip.seed]), width, height)
    camera = Camera(width, height, 18.0, face_px or height / 4)
    for index in range(round(clip.seconds * fps)):
        time_s = index / fps
        scene = Scene(
            clip.aus_at(time_s), clip.pose_at(time_s, still), clip.gaze_at(time_s), camera, clip.light, background
        )
        yield ClipFrame(index, time_s, render(head, scene))


def _smooth(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _expressions(rng: np.random.Generator, seconds: float, company: Company) -> list[Movement]:
    """Return one expression after the other with rests between; eyes are closed by blinks alone."""
    movements: list[Movement] = []
    start = float(rng.uniform(0.1, 0.8))
    while start < seconds:
        hold = float(rng.uniform(0.4, 2.0))
        for au, apex in draw_aus(rng, company).items():
            if au != "AU43":
                lag, onset, offset = (float(v) for v in rng.uniform([0, 0.3, 0.4], [0.2, 0.8, 1.2]))
                movements.append(Movement(au, apex, start + lag, onset, hold, offset))
        start = max([m.end_s for m in movements if m.start_s >= start], default=start + hold)
        start += float(rng.uniform(0.1, 1.0))
    return movements


def _blinks(rng: np.random.Generator, seconds: float) -> list[Movement]:
    blinks, time_s = [], float(rng.exponential(60 / BLINKS_PER_MINUTE))
    while time_s < seconds:
        onset, hold, offset = (float(v) for v in rng.uniform([0.07, 0.02, 0.11], [0.12, 0.08, 0.2]))
        blinks.append(Movement("AU43", (5.0, 5.0), time_s, onset, hold, offset))
        time_s += onset + hold + offset + float(rng.exponential(60 / BLINKS_PER_MINUTE))
    return blinks
