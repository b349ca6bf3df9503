"""From the faces of single frames to faces that keep their number over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError
from duchenne.faces import FaceBox

GATE_SIDES = 0.6
"""The gate of a track: a face joins it within this many of its sides from where it is expected ..."""
GATE_SIDES_PER_S = 0.8
"""... and so much further for each second in which it was not seen."""
SIZE_WEIGHT = 0.5
"""A change of size by a factor e counts like a way of half a side."""
LONGEST_FORECAST_S = 0.25
"""A lost face is expected to move on for this long, and to stand still after that."""


@dataclass(frozen=True)
class _Track:
    """A face that was seen: its number, centre x, centre y and side in pixels, speed in pixels/s, when it was seen."""

    face_id: int
    place: Float[np.ndarray, "3"]
    speed: Float[np.ndarray, "2"]
    seen_s: float

    def distance(self, place: Float[np.ndarray, "3"], time_s: float) -> float:
        """Return how far a face is from where this one is expected, over the gate: at most 1 for the same face."""
        gap_s = time_s - self.seen_s
        expected = self.place[:2] + self.speed * min(gap_s, LONGEST_FORECAST_S)
        side_px = float(np.sqrt(self.place[2] * place[2]))
        gate_px = side_px * (GATE_SIDES + GATE_SIDES_PER_S * gap_s)
        way_px = float(np.linalg.norm(place[:2] - expected))
        growth = abs(float(np.log(place[2] / self.place[2])))
        return float(np.hypot(way_px, SIZE_WEIGHT * growth * side_px)) / gate_px

    def moved(self, place: Float[np.ndarray, "3"], time_s: float) -> "_Track":
        """Return the track after the face was seen again."""
        gap_s = time_s - self.seen_s
        speed = self.speed if gap_s <= 0 else 0.5 * self.speed + 0.5 * (place[:2] - self.place[:2]) / gap_s
        return replace(self, place=place, speed=speed, seen_s=time_s)


class FaceTracker:
    """Numbers the faces of one video: a face keeps its `face_id` while it is seen and through short losses.

    In each frame the nearest pairs of expected and found faces are joined first; nearness is the way between centres
    over the face's side, with a change of size added. A face that fits none gets a new number, counted from 0, so
    that after a cut faces in other places are new. A number is never used twice. Time that goes back ends all tracks.

    Args:
        longest_loss_s: A face that was not seen for longer gets a new number.

    Raises:
        UsageError: `longest_loss_s` is negative.
    """

    def __init__(self, longest_loss_s: float = 1.0) -> None:
        if not longest_loss_s >= 0:
            raise UsageError(f"The longest loss is {longest_loss_s:g} s; it must be at least 0 s.")
        self.longest_loss_s = float(longest_loss_s)
        self._tracks: list[_Track] = []
        self._next_id = 0

    def update(self, faces: Sequence[FaceBox], timestamp_s: float) -> list[int]:
        """Return the number of each face of the next frame, in the order of `faces`."""
        self._tracks = [t for t in self._tracks if 0 <= timestamp_s - t.seen_s <= self.longest_loss_s]
        places = [np.array([*(face.box[:2] + face.box[2:] / 2), max(1.0, *face.box[2:])]) for face in faces]
        joined = self._joined(places, timestamp_s)
        ids = []
        for row, place in enumerate(places):
            if row in joined:
                index = joined[row]
                self._tracks[index] = self._tracks[index].moved(place, timestamp_s)
                ids.append(self._tracks[index].face_id)
            else:
                self._tracks.append(_Track(self._next_id, place, np.zeros(2), timestamp_s))
                ids.append(self._next_id)
                self._next_id += 1
        return ids

    def _joined(self, places: list[np.ndarray], time_s: float) -> dict[int, int]:
        """Return the track of each face that has one, nearest pairs first."""
        pairs = [(t.distance(p, time_s), row, k) for row, p in enumerate(places) for k, t in enumerate(self._tracks)]
        out: dict[int, int] = {}
        for distance, row, k in sorted(pairs):
            if distance <= 1 and row not in out and k not in out.values():
                out[row] = k
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain numbers, to go on later with `from_dict`."""
        tracks = [
            {"face_id": t.face_id, "place": t.place.tolist(), "speed": t.speed.tolist(), "seen_s": t.seen_s}
            for t in self._tracks
        ]
        return {"longest_loss_s": self.longest_loss_s, "next_id": self._next_id, "tracks": tracks}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "FaceTracker":
        """Return a tracker that goes on where another was when it wrote `state`.

        Raises:
            UsageError: `state` is not what `to_dict` wrote.
        """
        try:
            tracker = cls(state["longest_loss_s"])
            tracker._next_id = int(state["next_id"])
            tracker._tracks = [
                _Track(int(t["face_id"]), _numbers(t["place"], 3), _numbers(t["speed"], 2), float(t["seen_s"]))
                for t in state["tracks"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"This is not the state of a face tracker ({error!r}); start the video anew.") from error
        return tracker


def _numbers(values: Sequence[float], count: int) -> np.ndarray:
    out = np.asarray(values, np.float64)
    if out.shape != (count,) or not np.isfinite(out).all():
        raise ValueError(f"expected {count} numbers, found {values}")
    return out
