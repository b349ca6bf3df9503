"""Which person of one coding is who in the other -> pairs of tracks over the same moments."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from duchenne.facs import AU_NAMES
from duchenne.study.agreement.settings import AgreeSettings
from duchenne.study.codings.coding import Coding
from duchenne.study.codings.reading import Codes
from duchenne.study.exclusion import inside
from duchenne.study.matched_files import match_files
from duchenne.study.results import file_name
from duchenne.study.tracks import EventTrack, FrameTrack, Sampled, event_tracks, frame_tracks, is_unnamed

Track = FrameTrack | EventTrack
Tracks = Mapping[str, Mapping[str, Track]]
"""By video and person."""


@dataclass(frozen=True)
class Pair:
    """One person in one video, as two codings see it.

    Attributes:
        source: The video, as the first coding names it.
        person: The person, by the name that was given.
        first: Frames or events of the first coding.
        second: Of the second.
        times_s: Moments that are compared; the beginnings of frames, where there are any.
        frame_s: How long each of them lasts.
        weights: For how many frames each stands.
        segment: Of a part of it, which one; "" of the whole.
    """

    source: str
    person: str
    first: Track
    second: Track
    times_s: Float[np.ndarray, " n"]
    frame_s: float
    weights: Float[np.ndarray, " n"]
    segment: str = ""

    @property
    def aus(self) -> tuple[str, ...]:
        """Action units that both coded."""
        return tuple(au for au in AU_NAMES if au in self.first.aus and au in self.second.aus)

    @property
    def middles_s(self) -> Float[np.ndarray, " n"]:
        """The middle of each moment, by which codes are read: their ends are rounded to the millisecond."""
        return self.times_s + self.frame_s / 2

    def sample(self, track: Track, au: str) -> Sampled:
        """Return what one of the codings says of an action unit at each moment."""
        if isinstance(track, EventTrack):
            return track.sample(au, self.middles_s)
        if track is self.first:
            return track.frames(au)
        return track.sample(au, self.times_s, max(self.frame_s, track.frame_s) / 2)

    def left_out(self, au: str, settings: AgreeSettings) -> Bool[np.ndarray, " n"]:
        """Return which moments are left out of an action unit."""
        spans = settings.exclude.of(self.source) if au in settings.exclude.aus else np.zeros((0, 2))
        return inside(spans, self.middles_s)

    def segments(self) -> "list[Pair]":
        """Return a pair for each stretch that the second coding names; itself where it names none."""
        spans = self.second.segments if isinstance(self.second, EventTrack) else np.zeros((0, 2))
        if not len(spans):
            return [self]
        parts = []
        for start, end in spans.tolist():
            here = (self.middles_s >= start) & (self.middles_s < end)
            first = self.first.within(start, end) if isinstance(self.first, FrameTrack) else self.first
            one = replace(self, first=first, times_s=self.times_s[here], weights=self.weights[here])
            parts.append(replace(one, segment=f"{start:.3f}"))
        return [part for part in parts if len(part.times_s)]


def pair_up(first: Codes, second: Codes, settings: AgreeSettings) -> tuple[list[Pair], list[str]]:
    """Return the pairs of two codings, and what has no partner.

    Videos are matched by file name, persons by name. Where the result knows faces by number only, and a video shows one
    face and its codes one person, they belong together.
    """
    one, other = _tracks(first, settings, {}), _tracks(second, settings, settings.shifts)
    matched = match_files(list(one), list(other))
    notes, pairs = list(matched.notes), []
    for source, name in matched.pairs:
        for person, mine, theirs in _persons(one[source], other[name], file_name(source), notes):
            pair = _pair(source, person, mine, theirs, settings.step_s)
            if pair.aus:
                pairs.append(pair)
            else:
                notes.append(f"{file_name(source)}: no action unit is in both codings of {person}; left out.")
    return pairs, notes


def _tracks(codes: Codes, settings: AgreeSettings, shifts: Mapping[str, float]) -> Tracks:
    found: dict[str, dict[str, Track]] = {}
    if isinstance(codes, Coding):
        for file in codes.files:
            codes = codes.shifted(_shift(shifts, file), file)
        for file, person, events in event_tracks(codes, settings.lowest_grade):
            found.setdefault(file, {})[person] = events
        for file in codes.files:
            found.setdefault(file, {})
    else:
        for source, person, frames in frame_tracks(codes):
            found.setdefault(source, {})[person] = frames.shifted(_shift(shifts, source))
    return found


def _shift(shifts: Mapping[str, float], file: str) -> float:
    return shifts.get(file_name(file), shifts.get("", 0.0))


def _persons(
    first: Mapping[str, Track], second: Mapping[str, Track], file: str, notes: list[str]
) -> list[tuple[str, Track, Track]]:
    """Return name, first and second track of each person in both codings of a video."""
    if not first or not second:
        notes.append(f"{file}: {'nobody is in the result' if not first else 'the codes are empty'}; left out.")
        return []
    names = {_plain(name): name for name in first}
    found = [(name, first[names[_plain(name)]], track) for name, track in second.items() if _plain(name) in names]
    if found:
        missed = sorted(name for name in second if _plain(name) not in names)
        if missed:
            notes.append(f"{file}: {', '.join(map(repr, missed))} in the codes only; left out.")
        return found
    unnamed = any(is_unnamed(name) for name in (*first, *second))
    if len(first) == len(second) == 1 and unnamed:
        (mine, one), (theirs, other) = next(iter(first.items())), next(iter(second.items()))
        return [(theirs or mine, one, other)]
    notes.append(
        f"{file}: who is who is not clear; left out. The result has {_some(first)}, the codes {_some(second)}. Name "
        "the persons of the result with duchenne people, or write its names into the codes."
    )
    return []


def _plain(name: str) -> str:
    """Return a name without case; "0", "face_id 0" and "face 0" are the same."""
    word = name.strip().lower().removeprefix("face_id").removeprefix("face").strip(" _")
    return word or name.strip().lower()


def _some(names: Mapping[str, Track]) -> str:
    listed = [repr(name) if name else "one person without a name" for name in sorted(names)]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def _pair(source: str, person: str, first: Track, second: Track, step_s: float) -> Pair:
    """Return a pair over the frames of the first coding, or those of the second, or else a moment each step."""
    if isinstance(second, FrameTrack) and not isinstance(first, FrameTrack):
        pair = _pair(source, person, second, first, step_s)
        return Pair(source, person, first, second, pair.times_s, pair.frame_s, pair.weights)
    if isinstance(first, FrameTrack):
        times, frame_s = first.times_s, first.frame_s
    else:
        end = max(track.end_s for track in (first, second) if isinstance(track, EventTrack))
        times, frame_s = np.arange(0.0, end, step_s), step_s
    weights = second.weights(times + frame_s / 2) if isinstance(second, EventTrack) else np.ones(len(times))
    return Pair(source, person, first, second, times, frame_s, weights)
