"""From the faces of single frames to faces that keep their number over time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.tracking.face_look import FaceLook

GATE_SIDES = 0.6
"""The gate of a track: a face joins it within this many of its sides from where it is expected ..."""
GATE_SIDES_PER_S = 0.8
"""... and so much further for each second in which it was not seen."""
SIZE_WEIGHT = 0.5
"""A change of size by a factor e counts like a way of half a side."""
LONGEST_GROWTH_S = 1.0
"""The gate grows no further than this."""
LIKE_AT_ONCE, LIKE_AFTER_A_STEP, LIKE_AFTER_A_LOSS = 2.2, 0.0, 1.0
"""How alike (`FaceLook.likeness`) a face must look to one seen less than `AT_ONCE_S` ago; in the last frame that was
looked at, longer ago, when a person may have moved much; and to one that was not seen in between."""
LIKE_IN_ONE_HALF = 0.7
"""... or this much alike in one half of the face (`FaceLook.best_half`), where a hand, a shadow or a flash changes the
rest. Ours: 0.15% of 24,030 pairs of different persons have it (frames of interviews, people of the teaching split)."""
AT_ONCE_S = 0.2
LOOKS, LOOK_APART_S = 3, 1.0
"""A face is compared with so many earlier looks, the latest and others about so far apart."""
SHORTEST_PATIENCE_S, PATIENCE_STEPS = 1.0, 2.5
LONGEST_FORECAST_S = 0.25
"""A lost face is expected to move on for this long, and to stand still after that."""


@dataclass(frozen=True)
class _Sighting:
    """When and where a face was seen: frame, time, centre and side in pixels; its look, never written down."""

    frame: int
    seen_s: float
    place: Float[np.ndarray, "3"]
    look: FaceLook | None


@dataclass(frozen=True)
class _Track:
    """A face that was seen: its number, centre x, centre y and side in pixels, speed in pixels/s, when it was seen."""

    face_id: int
    place: Float[np.ndarray, "3"]
    speed: Float[np.ndarray, "2"]
    seen_s: float
    sightings: tuple[_Sighting, ...] = ()

    def looks_like(self, look: FaceLook | None, least: float) -> bool:
        """Return whether a face may be this one by its look; also where looks are not known.

        Args:
            look: Of the face.
            least: How alike the whole of it must be, if no half is.
        """
        known = [s.look for s in self.sightings if s.look is not None]
        if look is None or not known:
            return True
        return any(look.likeness(one) >= least or look.best_half(one) >= LIKE_IN_ONE_HALF for one in known)

    def remembering(self, sighting: _Sighting) -> "_Track":
        """Return the track with a new sighting; the one before stays if it is well after the one before that."""
        *earlier, last = self.sightings or (None,)
        if last is None or last.look is None:
            return replace(self, sightings=(sighting,))
        apart = not earlier or last.seen_s - earlier[-1].seen_s >= LOOK_APART_S
        kept = [*earlier, last] if apart else earlier
        return replace(self, sightings=(*kept, sighting)[-LOOKS:])

    def distance(self, place: Float[np.ndarray, "3"], time_s: float) -> float:
        """Return how far a face is from where this one is expected, over the gate: at most 1 for the same face."""
        gap_s = time_s - self.seen_s
        expected = self.place[:2] + self.speed * min(gap_s, LONGEST_FORECAST_S)
        side_px = float(np.sqrt(self.place[2] * place[2]))
        gate_px = side_px * (GATE_SIDES + GATE_SIDES_PER_S * min(gap_s, LONGEST_GROWTH_S))
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
    over the face's side, with a change of size added. A pair that does not look alike is not joined, so that another
    person in the same place is new. A face that fits none gets a new number, counted from 0, so that after a cut faces
    in other places are new. A number is never used twice. Time that goes back ends all tracks.
    `AUDetector` uses one in each video; this is for boxes of your own loop.

    Example:
        >>> face = FaceBox(np.array([10.0, 10.0, 80.0, 80.0]), 0.9, np.zeros((5, 2)))
        >>> tracker = FaceTracker(longest_loss_s=0.5)
        >>> [tracker.update([face], time_s) for time_s in (0.0, 0.4, 1.2)]  # The last comes too late.
        [[0], [0], [1]]

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
        self._updated_s = -math.inf

    def update(
        self,
        faces: Sequence[FaceBox],
        timestamp_s: float,
        looks: Sequence[FaceLook] | None = None,
        frame: int = 0,
    ) -> list[int]:
        """Return the number of each face of the next frame, in the order of `faces`.

        Example:
            >>> near, far = (FaceBox(np.array([x, 0.0, 80.0, 80.0]), 0.9, np.zeros((5, 2))) for x in (0.0, 300.0))
            >>> tracker = FaceTracker()
            >>> tracker.update([near, far], 0.0), tracker.update([far, near], 0.04)
            ([0, 1], [1, 0])

        Args:
            faces: That were found.
            timestamp_s: Time of the frame.
            looks: Of the faces; None tells faces by their places alone.
            frame: Its index, by which `frames_to_recall` names it.
        """
        self._tracks = [t for t in self._tracks if 0 <= timestamp_s - t.seen_s <= self.longest_loss_s]
        places = [_place(face) for face in faces]
        known: list[FaceLook | None] = list(looks) if looks else [None] * len(faces)
        joined = self._joined(places, known, timestamp_s)
        ids = []
        for row, (place, look) in enumerate(zip(places, known, strict=True)):
            if row in joined:
                track = self._tracks[joined[row]].moved(place, timestamp_s)
            else:
                track = _Track(self._next_id, place, np.zeros(2), timestamp_s)
                joined[row] = len(self._tracks)
                self._tracks.append(track)
                self._next_id += 1
            self._tracks[joined[row]] = track.remembering(_Sighting(frame, timestamp_s, place, look))
            ids.append(track.face_id)
        self._updated_s = timestamp_s
        return ids

    def _joined(self, places: list[np.ndarray], looks: Sequence[FaceLook | None], time_s: float) -> dict[int, int]:
        """Return the track of each face that has one, nearest pairs first."""
        pairs = [(t.distance(p, time_s), row, k) for row, p in enumerate(places) for k, t in enumerate(self._tracks)]
        out: dict[int, int] = {}
        for distance, row, k in sorted(pairs):
            if distance <= 1 and row not in out and k not in out.values() and self._alike(k, looks[row], time_s):
                out[row] = k
        return out

    def _alike(self, k: int, look: FaceLook | None, time_s: float) -> bool:
        track = self._tracks[k]
        if track.seen_s != self._updated_s:
            return track.looks_like(look, LIKE_AFTER_A_LOSS)
        at_once = time_s - track.seen_s < AT_ONCE_S
        return track.looks_like(look, LIKE_AT_ONCE if at_once else LIKE_AFTER_A_STEP)

    @property
    def frames_to_recall(self) -> frozenset[int]:
        """Frames whose faces a tracker that was read from its state must see again, since no look is ever written."""
        return frozenset(s.frame for t in self._tracks for s in t.sightings if s.look is None)

    def recall(self, frame: int, faces: Sequence[FaceBox], looks: Sequence[FaceLook]) -> None:
        """Take up the looks of the faces of an earlier frame again.

        Example:
            >>> tracker = FaceTracker.from_dict(FaceTracker().to_dict())
            >>> [tracker.recall(frame, [], []) for frame in tracker.frames_to_recall]
            []
        """
        places = [_place(face) for face in faces]

        def again(sighting: _Sighting) -> _Sighting:
            if sighting.frame != frame or not places:
                return sighting
            nearest = min(range(len(places)), key=lambda k: float(np.linalg.norm(places[k] - sighting.place)))
            return replace(sighting, look=looks[nearest])

        self._tracks = [replace(t, sightings=tuple(map(again, t.sightings))) for t in self._tracks]

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain numbers, to go on later with `from_dict`; of looks only where they were seen.

        Example:
            >>> FaceTracker().to_dict()["next_id"]
            0
        """
        tracks = [
            {
                "face_id": t.face_id,
                "place": t.place.tolist(),
                "speed": t.speed.tolist(),
                "seen_s": t.seen_s,
                "sightings": [[s.frame, s.seen_s, *s.place.tolist()] for s in t.sightings if s.look is not None],
            }
            for t in self._tracks
        ]
        return {
            "longest_loss_s": self.longest_loss_s,
            "next_id": self._next_id,
            "updated_s": self._updated_s,
            "tracks": tracks,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "FaceTracker":
        """Return a tracker that goes on where another was when it wrote `state`.

        Example:
            >>> FaceTracker.from_dict(FaceTracker(longest_loss_s=2.0).to_dict()).longest_loss_s
            2.0

        Raises:
            UsageError: `state` is not what `to_dict` wrote.
        """
        try:
            tracker = cls(state["longest_loss_s"])
            tracker._next_id = int(state["next_id"])
            tracker._updated_s = float(state["updated_s"])
            tracker._tracks = [_track(t) for t in state["tracks"]]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"This is not the state of a face tracker ({error!r}); start the video anew.") from error
        return tracker


def patience_s(fps: float | None, step: int) -> float:
    """Return how long a face may be lost in a video of which every step-th frame is looked at.

    A second, or so long that it may be missed in one or two of the frames that are looked at.

    Example:
        >>> patience_s(30.0, 1), patience_s(30.0, 45)
        (1.0, 3.75)
    """
    return max(SHORTEST_PATIENCE_S, PATIENCE_STEPS * step / fps) if fps else SHORTEST_PATIENCE_S


def _place(face: FaceBox) -> np.ndarray:
    return np.array([*(face.box[:2] + face.box[2:] / 2), max(1.0, *face.box[2:])])


def _track(state: Mapping[str, Any]) -> _Track:
    sightings = (_numbers(s, 5) for s in state["sightings"])
    return _Track(
        int(state["face_id"]),
        _numbers(state["place"], 3),
        _numbers(state["speed"], 2),
        float(state["seen_s"]),
        tuple(_Sighting(int(s[0]), float(s[1]), s[2:], None) for s in sightings),
    )


def _numbers(values: Sequence[float], count: int) -> np.ndarray:
    out = np.asarray(values, np.float64)
    if out.shape != (count,) or not np.isfinite(out).all():
        raise ValueError(f"expected {count} numbers, found {values}")
    return out
