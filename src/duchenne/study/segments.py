"""A result -> segments that a coder could code, each with what the result calls in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.errors import StudyError
from duchenne.study.tracks import FrameTrack, frame_tracks

if TYPE_CHECKING:
    import pandas as pd

LEAST_SEEN = 0.8
"""Share of a segment in which the face must have been found."""
TURNED_DEG = 20.0
"""From this yaw or pitch on a head counts as turned."""
LEAST_CALLED = 0.1
"""Share of a segment in which an action unit must be called to count as in it."""


@dataclass(frozen=True)
class Segments:
    """n stretches of the same length, each of one person.

    Attributes:
        source: Video of each.
        person: Person of each.
        onset_s: (n,) beginnings, seconds.
        length_s: Of every segment.
        turned: (n,) whether the head is turned in most of it.
        aus: Action units, in the order of the columns.
        called: (n, a) frames in which each is called.
        known: (n, a) frames in which each was judged.
    """

    source: tuple[str, ...]
    person: tuple[str, ...]
    onset_s: Float[np.ndarray, " n"]
    length_s: float
    turned: Bool[np.ndarray, " n"]
    aus: tuple[str, ...]
    called: Float[np.ndarray, "n a"]
    known: Float[np.ndarray, "n a"]

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def rate(self) -> Float[np.ndarray, " a"]:
        """Share of the frames in which each action unit is called."""
        return self.called.sum(0) / np.maximum(self.known.sum(0), 1)

    @property
    def kind(self) -> Int[np.ndarray, " n"]:
        """The rarest action unit in each segment, by its column; -1 where there is none."""
        there = self.called >= LEAST_CALLED * np.maximum(self.known, 1)
        rarity = np.where(there, self.rate, np.inf)
        return np.where(there.any(1), rarity.argmin(1), -1)


def segments_of(table: "pd.DataFrame", length_s: float) -> Segments:
    """Return every segment of a result in which a face was found nearly all the time.

    Raises:
        StudyError: There is none.
    """
    sources, persons, onsets, turned, called, known = [], [], [], [], [], []
    aus: tuple[str, ...] = ()
    for source, person, track in frame_tracks(table):
        aus = track.aus
        if len(track) < 2:
            continue
        place = np.floor(track.times_s / length_s).astype(int)
        seen = np.bincount(place) * track.frame_s
        whole = np.flatnonzero(seen >= LEAST_SEEN * length_s)
        sources += [source] * len(whole)
        persons += [person] * len(whole)
        onsets.append(whole * length_s)
        turned.append(_mean(_is_turned(track), place)[whole] > 0.5)
        frames = [track.frames(au) for au in aus]
        called.append(np.stack([np.bincount(place, one.present & one.known)[whole] for one in frames], 1))
        known.append(np.stack([np.bincount(place, one.known)[whole] for one in frames], 1))
    if not sources:
        raise StudyError(
            f"No face was found for {length_s:g} seconds anywhere; take shorter segments (--length), or longer videos."
        )
    parts = (np.concatenate(one) for one in (onsets, turned, called, known))
    onset, is_turned, calls, judged = parts
    return Segments(tuple(sources), tuple(persons), onset.astype(float), length_s, is_turned, aus, calls, judged)


def _is_turned(track: FrameTrack) -> Bool[np.ndarray, " n"]:
    turned = np.zeros(len(track), bool)
    for name in ("yaw_deg", "pitch_deg"):
        angle = track.column(name)
        turned |= False if angle is None else np.abs(angle) > TURNED_DEG
    return turned


def _mean(values: Bool[np.ndarray, " n"], place: Int[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return np.bincount(place, values) / np.maximum(np.bincount(place), 1)
