"""Steady landmarks in video: a filter that follows fast movements at once and calms what stands still.

The filter is a first-order low-pass whose cutoff rises with speed, so it lags behind a movement by a bounded way: at
any speed by at most 1 / (2 pi `rise`) sides of the face, half a hundredth as it is set here.

Source: the 1 euro filter, Casiez, Roussel and Vogel, CHI 2012, algorithm 1. Ours: lengths count in sides of the face
box, so that the setting holds for any size and distance, and a point has one cutoff, from its speed in the image.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError
from duchenne.faces import box_from_landmarks
from duchenne.facs import LANDMARK_COUNT
from duchenne.landmarks import FaceLandmarks
from duchenne.pose_normalisation import landmarks_3d


@dataclass(frozen=True)
class SmoothingRule:
    """How much is smoothed.

    Example:
        >>> SmoothingRule(rest_hz=0.5).rest_hz  # Calmer at rest.
        0.5

    Attributes:
        rest_hz: Cutoff for a point that stands still; lower is calmer.
        rise: By how many hertz the cutoff rises for each side of the face per second; higher lags less.
        speed_hz: Cutoff of the speed itself.
        longest_gap_s: A face that was not seen for longer starts anew.
    """

    rest_hz: float = 1.5
    rise: float = 30.0
    speed_hz: float = 5.0
    longest_gap_s: float = 0.5

    def __post_init__(self) -> None:
        if not (min(self.rest_hz, self.speed_hz) > 0 and self.rise >= 0 and self.longest_gap_s > 0):
            raise UsageError(
                f"{self} smooths nothing: cutoffs and the longest gap must be above 0, the rise not below."
            )


@dataclass(frozen=True)
class _State:
    """Of one face: smoothed x, y, depth in pixels; speeds in pixels/s; when it was seen."""

    place: Float[np.ndarray, "49 3"]
    speed: Float[np.ndarray, "49 3"]
    seen_s: float


class LandmarkSmoother:
    """Smooths the landmarks of one video, each face by itself.

    Visibility and confidence stay as they were found. Time that goes back or stands still, or a long gap, lets a face
    start anew. `AUDetector(smooth=True)` uses one in each video; this is for landmarks of your own loop.

    Example:
        >>> from duchenne import AUDetector
        >>> from duchenne.diagnosis import SAMPLE
        >>> [face] = AUDetector().detect(SAMPLE)
        >>> smoother = LandmarkSmoother()
        >>> steady = [smoother.update(0, face.landmarks, time_s) for time_s in (0.0, 0.04)]
        >>> bool(abs(steady[1].points - face.landmarks.points).max() < 1e-9)  # What stands still stays.
        True

    Args:
        rule: How much.
    """

    def __init__(self, rule: SmoothingRule | None = None) -> None:
        self.rule = rule or SmoothingRule()
        self._states: dict[int, _State] = {}

    def update(self, face_id: int, landmarks: FaceLandmarks, timestamp_s: float) -> FaceLandmarks:
        """Return the smoothed landmarks of a face's next frame.

        Example:
            >>> from dataclasses import replace
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [face] = AUDetector().detect(SAMPLE)
            >>> smoother = LandmarkSmoother(SmoothingRule(rise=0.0))
            >>> moved = replace(face.landmarks, points=face.landmarks.points + 1.0)  # By one pixel.
            >>> first, second = smoother.update(0, face.landmarks, 0.0), smoother.update(0, moved, 0.04)
            >>> float((second.points - first.points).mean().round(2))
            0.27

        Args:
            face_id: Of the face, from a tracker.
            landmarks: As they were found.
            timestamp_s: Of the frame.
        """
        found = landmarks_3d(landmarks.points, landmarks.depth)
        before = self._states.get(face_id)
        if before is None or not 0 < timestamp_s - before.seen_s <= self.rule.longest_gap_s:
            state = _State(found, np.zeros_like(found), timestamp_s)
        else:
            state = self._next(before, found, timestamp_s)
        self._states = {k: s for k, s in self._states.items() if abs(timestamp_s - s.seen_s) <= self.rule.longest_gap_s}
        self._states[face_id] = state
        return replace(landmarks, points=state.place[:, :2].copy(), depth=state.place[:, 2].copy())

    def _next(self, before: _State, found: Float[np.ndarray, "49 3"], time_s: float) -> _State:
        gap_s, side = time_s - before.seen_s, float(box_from_landmarks(found[:, :2])[2])
        speed = before.speed + _share(self.rule.speed_hz, gap_s) * ((found - before.place) / gap_s - before.speed)
        sides_per_s = np.linalg.norm(speed[:, :2], axis=1, keepdims=True) / side
        share = _share(self.rule.rest_hz + self.rule.rise * sides_per_s, gap_s)
        return _State(before.place + share * (found - before.place), speed, time_s)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain numbers, to go on later with `from_dict`.

        Example:
            >>> LandmarkSmoother().to_dict()
            {}
        """
        return {
            str(face_id): {"place": s.place.tolist(), "speed": s.speed.tolist(), "seen_s": s.seen_s}
            for face_id, s in self._states.items()
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], rule: SmoothingRule | None = None) -> "LandmarkSmoother":
        """Return a smoother that goes on where another was when it wrote `state`.

        Example:
            >>> LandmarkSmoother.from_dict(LandmarkSmoother().to_dict()).rule.rest_hz
            1.5

        Raises:
            UsageError: `state` is not what `to_dict` wrote.
        """
        smoother = cls(rule)
        try:
            for face_id, s in state.items():
                place, speed = (np.array(s[name], float).reshape(LANDMARK_COUNT, 3) for name in ("place", "speed"))
                smoother._states[int(face_id)] = _State(place, speed, float(s["seen_s"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"This is not the state of a smoother ({error!r}); start the video anew.") from error
        return smoother


def _share(cutoff_hz: Any, gap_s: float) -> Any:
    """Return how much of the way to the new value is gone: 1 - 1 / (1 + 2 pi f t), equation 3 of the source."""
    turns = 2 * np.pi * cutoff_hz * gap_s
    return turns / (1 + turns)
