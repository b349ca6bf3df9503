"""Results frame by frame -> events: onset, apex, offset and strength of each action unit of each person.

Hysteresis: an event needs a frame in which the action unit counts as present (`_c`), and lasts as long as its
probability stays above a share of the lowest one that counts. Events closer than the largest gap are joined, then those
shorter than the least duration are dropped. A frame lasts until the usual time of the next.

Source: hysteresis of Canny, IEEE TPAMI 8 (1986), in time. Ours: the numbers, which `EventSettings` states.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from duchenne.chosen_thresholds import check_thresholds
from duchenne.errors import UsageError
from duchenne.study.exclusion import Exclusion, inside
from duchenne.study.tracks import FrameTrack, frame_tracks

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = float("nan")


@dataclass(frozen=True)
class EventSettings:
    """How frames become events.

    Attributes:
        leave: An event ends where the probability falls below this share of the lowest that counts as present, 0-1;
            1 ends it with the last frame that counts.
        min_duration_s: Shorter events are dropped.
        max_gap_s: Events no further apart are joined; longer gaps without a judged frame end an event.
        thresholds: Probability from which an action unit counts, by its name; what the result says unless given.
    """

    leave: float = 0.8
    min_duration_s: float = 0.1
    max_gap_s: float = 0.2
    thresholds: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.leave <= 1 or self.min_duration_s < 0 or self.max_gap_s < 0:
            raise UsageError(
                f"Events need a share between 0 and 1 and times of 0 or more; got {self.leave:g}, "
                f"{self.min_duration_s:g} s and {self.max_gap_s:g} s."
            )
        check_thresholds(self.thresholds or {})


@dataclass(frozen=True)
class Event:
    """One event; a row of the table, whose columns bear the names of its attributes.

    Attributes:
        source: The video.
        person: Whose face.
        au: The action unit.
        onset_s: Beginning of its first frame.
        apex_s: Beginning of the frame with the highest intensity (probability, where there is none).
        offset_s: End of its last frame.
        duration_s: From onset to offset.
        mean_intensity: 0-5, over its judged frames; NaN where the result has none, as below.
        peak_intensity: 0-5.
        mean_probability: 0-1.
        peak_probability: 0-1.
        frames: Judged frames in it.
        complete: Whether the face was judged before the onset and after the offset; others may have lasted longer.
        excluded_share: Part of its time in stretches to be left out.
    """

    source: str
    person: str
    au: str
    onset_s: float
    apex_s: float
    offset_s: float
    duration_s: float
    mean_intensity: float
    peak_intensity: float
    mean_probability: float
    peak_probability: float
    frames: int
    complete: bool
    excluded_share: float


def events(
    table: "pd.DataFrame",
    settings: EventSettings | None = None,
    exclude: Exclusion | None = None,
    mark: bool = False,
) -> "pd.DataFrame":
    """Return the events in a result, one a row, in order of source, person, action unit and onset.

    Args:
        table: From `read_results`; `person` tells people apart where it is there, else `face_id` within each source.
        settings: How frames become events.
        exclude: Stretches that are left out, of the action units that it names; events are cut there.
        mark: Keep events whole and only tell how much of each lies in those stretches.

    Returns:
        The columns of `Event`. Sources of a single frame have no events.

    Example:
        >>> import pandas as pd
        >>> calls = [0, 1, 1, 1, 0, 0]
        >>> table = pd.DataFrame({"source": "a.mp4", "frame": range(6), "timestamp_s": [k / 10 for k in range(6)],
        ...                       "face_id": 0, "AU12_c": calls, "AU12_p": [0.1, 0.6, 0.9, 0.5, 0.2, 0.1]})
        >>> events(table)[["au", "onset_s", "apex_s", "offset_s"]].round(2).values.tolist()
        [['AU12', 0.1, 0.2, 0.4]]
    """
    import pandas as pd

    found = list(_all_events(table, settings or EventSettings(), exclude or Exclusion(), mark))
    columns = [one.name for one in fields(Event)]
    rows = [[getattr(one, name) for name in columns] for one in found]
    return pd.DataFrame(rows, columns=columns).astype({"frames": "int64", "complete": "bool"})


def _all_events(table: "pd.DataFrame", settings: EventSettings, exclude: Exclusion, mark: bool) -> Iterator[Event]:
    for source, person, track in frame_tracks(table):
        if len(track) < 2:
            continue
        spans = exclude.of(source)
        for au in track.aus:
            out = spans if au in exclude.aus else spans[:0]
            for one in track_events(track, au, settings, spans[:0] if mark else out):
                share = _covered(out, one.onset_s, one.offset_s) / one.duration_s
                yield replace(one, source=source, person=person, excluded_share=round(share, 4))


def track_events(
    track: FrameTrack, au: str, settings: EventSettings, left_out: Float[np.ndarray, "k 2"]
) -> Iterator[Event]:
    """Yield the events of one action unit of one person; source and person are left empty.

    Args:
        track: Frames of the person.
        au: The action unit.
        settings: How frames become events.
        left_out: Stretches whose frames count as not judged.
    """
    kept, runs = _judged_runs(track, au, settings, left_out)
    times = track.times_s[kept]
    probability, intensity = track.column(f"{au}_p"), track.column(f"{au}_i")
    p = None if probability is None else probability[kept]
    i = None if intensity is None else intensity[kept]
    strength = i if i is not None else p if p is not None else np.ones(len(times))
    for first, last in runs:
        onset, offset = float(times[first]), float(times[last] + track.frame_s)
        here = slice(first, last + 1)
        complete = _reaches(times, first, -1, settings, track) and _reaches(times, last, 1, settings, track)
        yield Event(
            "",
            "",
            au,
            round(onset, 6),
            round(float(times[first + int(strength[here].argmax())]), 6),
            round(offset, 6),
            round(offset - onset, 6),
            _NOTHING if i is None else round(float(i[here].mean(dtype=float)), 4),
            _NOTHING if i is None else round(float(i[here].max()), 4),
            _NOTHING if p is None else round(float(p[here].mean(dtype=float)), 4),
            _NOTHING if p is None else round(float(p[here].max()), 4),
            last + 1 - first,
            complete,
            0.0,
        )


def event_spans(track: FrameTrack, au: str, settings: EventSettings) -> Float[np.ndarray, "n 2"]:
    """Return onset and offset of the same events, nothing left out."""
    kept, runs = _judged_runs(track, au, settings, np.zeros((0, 2)))
    times, ends = track.times_s[kept], np.array(runs, np.int64).reshape(-1, 2)
    return np.stack([times[ends[:, 0]], times[ends[:, 1]] + track.frame_s], 1)


def _judged_runs(
    track: FrameTrack, au: str, settings: EventSettings, left_out: Float[np.ndarray, "k 2"]
) -> tuple[Bool[np.ndarray, " n"], list[tuple[int, int]]]:
    """Return which frames are judged, and first and last of these in each event that is long enough."""
    said = track.frames(au)
    kept = said.known & ~inside(left_out, track.times_s + track.frame_s / 2)
    times, probability = track.times_s[kept], track.column(f"{au}_p")
    threshold = (settings.thresholds or {}).get(au)
    p = None if probability is None else probability[kept]
    enter, stay = _enter_and_stay(said.present[kept], p, threshold, settings.leave)
    runs = _runs(times, enter, stay, settings.max_gap_s, track.frame_s)
    least = settings.min_duration_s - track.frame_s - 1e-9
    return kept, [(first, last) for first, last in runs if times[last] - times[first] >= least]


def _enter_and_stay(
    called: Bool[np.ndarray, " n"], probability: np.ndarray | None, threshold: float | None, leave: float
) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    if probability is None:
        return called, called
    enter = called if threshold is None else probability >= threshold
    if not enter.any():
        return enter, enter
    lowest = float(probability[enter].min()) if threshold is None else threshold
    return enter, enter | (probability >= leave * lowest)


def _runs(
    times: Float[np.ndarray, " n"],
    enter: Bool[np.ndarray, " n"],
    stay: Bool[np.ndarray, " n"],
    max_gap_s: float,
    frame_s: float,
) -> list[tuple[int, int]]:
    """Return first and last frame of each event."""
    held = np.flatnonzero(stay)
    if not len(held):
        return []
    gap = times[held[1:]] - times[held[:-1]] - frame_s
    new = (np.diff(held) > 1) | (gap > max_gap_s + 1e-9)
    firsts, lasts = held[np.append(True, new)], held[np.append(new, True)]
    entered = np.append(0, np.cumsum(enter))
    real = entered[lasts + 1] > entered[firsts]
    runs: list[tuple[int, int]] = []
    for first, last in zip(firsts[real].tolist(), lasts[real].tolist(), strict=True):
        if runs and times[first] - times[runs[-1][1]] - frame_s <= max_gap_s + 1e-9:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def _reaches(times: Float[np.ndarray, " n"], frame: int, step: int, settings: EventSettings, track: FrameTrack) -> bool:
    """Return whether a judged frame lies beside this one, no further than the largest gap."""
    beside = frame + step
    if not 0 <= beside < len(times):
        return False
    return abs(float(times[beside] - times[frame])) - track.frame_s <= settings.max_gap_s + 1e-9


def _covered(spans: Float[np.ndarray, "n 2"], start: float, end: float) -> float:
    return float(np.maximum(0, np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start)).sum())


def picture_sources(table: "pd.DataFrame") -> int:
    """Return how many sources have a single frame: pictures, which have no events."""
    frames = table.groupby("source", observed=True)["timestamp_s"].nunique()
    return int((frames < 2).sum())
