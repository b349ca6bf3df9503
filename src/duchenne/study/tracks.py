"""One person in one video: frame by frame (results) or by events (codes), asked the same questions."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.facs import UNKNOWN
from duchenne.study.codings.coding import EVERYBODY, Coding
from duchenne.study.exclusion import inside, joined
from duchenne.study.judgeable import UNJUDGED, can_be_judged, unjudged
from duchenne.study.results import PERSON, aus_of

if TYPE_CHECKING:
    import pandas as pd

Moments = Float[np.ndarray, " n"]
_NEVER = np.zeros((0, 2))
_NUMBERED = "face "


def numbered_face(face_id: str) -> str:
    """Return as what person a face counts of which only the number is known."""
    return _NUMBERED + face_id


def is_unnamed(person: str) -> bool:
    """Return whether this is nobody's name, but a face's number or `EVERYBODY`: somebody else in each video.

    Example:
        >>> is_unnamed(numbered_face("0")), is_unnamed(EVERYBODY), is_unnamed("anna")
        (True, True, False)
    """
    return person == EVERYBODY or person.startswith(_NUMBERED)


@dataclass(frozen=True)
class Sampled:
    """What is said of one action unit at some moments.

    Attributes:
        known: Where anything is said.
        present: Whether it is present; False where unknown.
        grade: 0-5, 0 where absent; NaN where unknown or coded without grade.
        score: Probability 0-1, or intensity / 5 where there is none; None of codes.
    """

    known: Bool[np.ndarray, " n"]
    present: Bool[np.ndarray, " n"]
    grade: Float[np.ndarray, " n"]
    score: Float[np.ndarray, " n"] | None = None


class FrameTrack:
    """The rows of one person in one video, in order of time; of several in one frame the most certain.

    Attributes:
        times_s: When each frame begins.
        frame_s: The usual time from frame to frame; 0 of a single frame.
        aus: Action units with an occurrence.
    """

    def __init__(self, table: "pd.DataFrame", rows: Int[np.ndarray, " n"]) -> None:
        times = table["timestamp_s"].to_numpy()[rows]
        certain = table["confidence"].to_numpy()[rows] if "confidence" in table else np.zeros(len(rows))
        order = np.lexsort((-certain, times))
        first = np.append(True, np.diff(times[order]) > 0)
        self._table, self._rows = table, rows[order[first]]
        self._unjudged = table[UNJUDGED].to_numpy() if UNJUDGED in table else unjudged(table)
        self.times_s: Moments = times[order[first]]
        self.frame_s = float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0
        self.aus = aus_of(table, "c")

    def shifted(self, seconds: float) -> "FrameTrack":
        """Return the same frames, later by some seconds."""
        moved = copy(self)
        moved.times_s = self.times_s + seconds
        return moved

    def within(self, start_s: float, end_s: float) -> "FrameTrack":
        """Return the frames whose middle lies in a stretch of time."""
        part, middle = copy(self), self.times_s + self.frame_s / 2
        here = (middle >= start_s) & (middle < end_s)
        part.times_s, part._rows = self.times_s[here], self._rows[here]
        return part

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def rows(self) -> Int[np.ndarray, " n"]:
        """Numbers of the rows of these frames in their table, from 0."""
        return self._rows

    def column(self, name: str) -> np.ndarray | None:
        """Return a column of the frames; None if the table has no such column."""
        return self._table[name].to_numpy()[self._rows] if name in self._table else None

    def frames(self, au: str) -> Sampled:
        """Return what is said of an action unit in each frame; nothing where it cannot be judged (`judged`)."""
        calls = self.column(f"{au}_c")
        assert calls is not None, au
        known = (calls != UNKNOWN) & can_be_judged(self._unjudged[self._rows], au)
        probability, intensity = self.column(f"{au}_p"), self.column(f"{au}_i")
        grade = intensity if intensity is not None else np.full(len(self), np.nan, np.float32)
        score = probability if probability is not None else None if intensity is None else intensity / 5
        return Sampled(known, known & (calls == 1), grade, score)

    def sample(self, au: str, times_s: Moments, tolerance_s: float) -> Sampled:
        """Return what is said at the beginnings of other frames: by the nearest frame no further than the tolerance."""
        whole = self.frames(au)
        place = np.clip(np.searchsorted(self.times_s, times_s), 1, max(1, len(self) - 1))
        place = np.minimum(place, len(self) - 1)
        before = np.maximum(place - 1, 0)
        place = np.where(times_s - self.times_s[before] <= self.times_s[place] - times_s, before, place)
        near = np.abs(self.times_s[place] - times_s) <= tolerance_s + 1e-9
        score = None if whole.score is None else whole.score[place]
        return Sampled(near & whole.known[place], near & whole.present[place], whole.grade[place], score)


@dataclass(frozen=True)
class EventTrack:
    """The codes of one person in one video.

    Attributes:
        coding: Codes, of one coder.
        file: The video's name in it.
        person: The person's name in it.
        present_from: Lowest grade that counts as present, 1 (A) to 5.
    """

    coding: Coding
    file: str
    person: str
    present_from: int = 2

    @property
    def aus(self) -> tuple[str, ...]:
        """Action units that were coded."""
        return self.coding.aus(self.file, self.person)

    @cached_property
    def spans(self) -> Float[np.ndarray, "n 2"] | None:
        """Stretches that were coded; None where the file does not say."""
        return joined(self.segments) if len(self.segments) else None

    @cached_property
    def segments(self) -> Float[np.ndarray, "n 2"]:
        """The same stretches one by one, in order of time, each once."""
        own = {
            (one.onset_s, one.offset_s)
            for one in self.coding.spans
            if one.file == self.file and one.person in (self.person, EVERYBODY)
        }
        return np.array(sorted(own), float).reshape(-1, 2)

    def weights(self, times_s: Moments) -> Float[np.ndarray, " n"]:
        """Return for how many frames each moment stands; 1 where the codes do not say."""
        weights = np.ones(len(times_s))
        for one in self.coding.spans:
            if one.file == self.file and one.person in (self.person, EVERYBODY) and one.weight != 1.0:
                weights[(times_s >= one.onset_s) & (times_s < one.offset_s)] = one.weight
        return weights

    @property
    def end_s(self) -> float:
        """The end of the last event or coded stretch."""
        ends = [one.offset_s for one in (*self.coding.events,) if (one.file, one.person) == (self.file, self.person)]
        return max([*ends, *([] if self.spans is None else self.spans[:, 1].tolist())], default=0.0)

    def sample(self, au: str, times_s: Moments, tolerance_s: float = 0.0) -> Sampled:
        """Return what is coded at some moments; the stronger of two codes that overlap, and of two sides."""
        known = np.ones(len(times_s), bool) if self.spans is None else inside(self.spans, times_s)
        present, grade = np.zeros(len(times_s), bool), np.zeros(len(times_s), np.float32)
        for onsets, offsets, letters, scorable in self._layers(au):
            place = np.searchsorted(onsets, times_s, side="right") - 1
            here = (place >= 0) & (times_s < offsets[np.maximum(place, 0)])
            place = place[here]
            known[here] &= scorable[place]
            present[here] |= ~(letters[place] < self.present_from)
            grade[here] = np.maximum(grade[here], letters[place])  # NaN where one of them has no grade.
        return Sampled(known, present & known, grade)

    def _layers(self, au: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield onsets, offsets, grades and whether scorable, of events that do not overlap, until all are in one."""
        rest = sorted(self._events(au), key=lambda event: event[:2])
        while rest:
            layer: list[tuple[float, float, float, bool]] = []
            later: list[tuple[float, float, float, bool]] = []
            end = -np.inf
            for event in rest:
                (layer if event[0] >= end else later).append(event)
                end = max(end, event[1]) if layer[-1] is event else end
            onsets, offsets, letters, scorable = zip(*layer, strict=True)
            yield np.array(onsets), np.array(offsets), np.array(letters, np.float32), np.array(scorable, bool)
            rest = later

    def events(self, au: str) -> Float[np.ndarray, "n 2"]:
        """Return onset and offset of the events that count as present, joined where they overlap."""
        here = [(s, e) for s, e, letter, scorable in self._events(au) if scorable and not letter < self.present_from]
        return joined(np.array(here, float)) if here else _NEVER

    def _events(self, au: str) -> list[tuple[float, float, float, bool]]:
        return self._by_au.get(au, [])

    @cached_property
    def _by_au(self) -> dict[str, list[tuple[float, float, float, bool]]]:
        found: dict[str, list[tuple[float, float, float, bool]]] = {}
        for one in self.coding.events:
            if (one.file, one.person) == (self.file, self.person):
                found.setdefault(one.au, []).append((one.onset_s, one.offset_s, one.grade, one.scorable))
        return found


def frame_tracks(table: "pd.DataFrame") -> Iterator[tuple[str, str, FrameTrack]]:
    """Yield source, person and frames of everybody in a result; without a column `person` each `face_id` of a source.

    Rows whose person is empty belong to nobody and are left out.
    """
    named = PERSON in table
    keys = ["source", PERSON if named else "face_id"]
    groups = table.groupby(keys, observed=True, sort=True).indices
    for key, rows in groups.items():
        source, who = map(str, tuple(key))  # type: ignore[arg-type]
        if not named or who:
            yield source, who if named else numbered_face(who), FrameTrack(table, np.sort(rows))


def event_tracks(coding: Coding, present_from: int = 2) -> Iterator[tuple[str, str, EventTrack]]:
    """Yield file, person and codes of everybody who was coded."""
    for file in coding.files:
        for person in coding.persons(file):
            yield file, person, EventTrack(coding, file, person, present_from)
