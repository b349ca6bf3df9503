"""Results and videos -> the videos of a review, each with its people, scores and detected events."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from duchenne.errors import StudyError, UsageError
from duchenne.facs import AU_NAMES, LANDMARK_COUNT
from duchenne.media import VIDEO_ENDINGS
from duchenne.results.result_file import RESULT_ENDINGS
from duchenne.study.au_events import EventSettings, events
from duchenne.study.codings.coding import EVERYBODY, CodedSpan, Coding
from duchenne.study.event_files import coding_of_events, linked
from duchenne.study.matched_files import match_files
from duchenne.study.results import BOX, Wanted, columns_in, file_name, read_results
from duchenne.study.tracks import FrameTrack, frame_tracks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Proposal:
    """A detected event, as the page shows it.

    Attributes:
        key: Its name within the video.
        person: Whose face.
        au: The action unit.
        onset_s: Its start.
        apex_s: Its strongest moment.
        offset_s: Its end.
        grade: The letter of its peak; "" where the result has no intensity.
    """

    key: str
    person: str
    au: str
    onset_s: float
    apex_s: float
    offset_s: float
    grade: str


@dataclass
class ReviewVideo:
    """One video.

    Attributes:
        source: Its name, as the result has it.
        path: Where it lies.
        table: Its rows in the result; None where nothing was detected yet.
        result: The file of the result.
        segments: Stretches that are to be coded, in order of time; none where the whole video is.
    """

    source: str
    path: Path
    table: "pd.DataFrame | None" = None
    result: Path | None = None
    segments: tuple[CodedSpan, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def tracks(self) -> dict[str, FrameTrack]:
        """Everybody in the result."""
        if self.table is None:
            return {}
        return {person: track for _, person, track in frame_tracks(self.table)}

    @property
    def persons(self) -> tuple[str, ...]:
        """Their names; one without a name where nothing was detected."""
        return tuple(self.tracks) or (EVERYBODY,)

    def track(self, number: int) -> FrameTrack:
        """Return a person by number.

        Raises:
            StudyError: There is none.
        """
        found = list(self.tracks.values())
        if not 0 <= number < len(found):
            raise StudyError(f"{file_name(self.source)} has no person {number}.")
        return found[number]

    @cached_property
    def aus(self) -> tuple[str, ...]:
        """Action units with an occurrence; all of them where nothing was detected."""
        first = next(iter(self.tracks.values()), None)
        return AU_NAMES if first is None else first.aus

    def proposals(self) -> tuple[Proposal, ...]:
        """Return the detected events, found once."""
        with self._lock:
            return self._proposals

    @cached_property
    def _proposals(self) -> tuple[Proposal, ...]:
        if self.table is None:
            return ()
        found = events(self.table, EventSettings())
        letters = [one.letter for one in coding_of_events(found, self.table).events]
        names = ("person", "au", "onset_s", "apex_s", "offset_s")
        rows = zip(*(found[name].tolist() for name in names), letters, strict=True)
        return tuple(
            Proposal(f"{au}@{person}@{on:.3f}", person, au, on, apex, off, g) for person, au, on, apex, off, g in rows
        )

    def landmarks(self, number: int, first: int, count: int) -> np.ndarray:
        """Return (k, 98) whole pixels, x before y, of some frames of a person; (0, 98) where the result has none."""
        track = self.track(number)
        with self._lock:
            points = self._points
        if points is None:
            return np.zeros((0, 2 * LANDMARK_COUNT), np.int16)
        return points[track.rows[first : first + count]]

    @cached_property
    def _points(self) -> "np.ndarray | None":
        names = tuple(f"{axis}_{k}" for axis in "xy" for k in range(1, LANDMARK_COUNT + 1))
        if self.table is None or self.result is None or not set(names) <= set(columns_in(self.result)):
            return None
        whole = read_results(self.result, Wanted(aus=self.aus[:1], kinds="c", others=names))
        rows = whole.loc[whole["source"] == self.source, list(names)].to_numpy()
        return np.clip(rows.round(), -32768, 32767).astype(np.int16)


def review_videos(paths: Sequence[Path], codes: Coding, media: Path | None) -> list[ReviewVideo]:
    """Return the videos of results, and videos that are named themselves.

    Args:
        paths: Files of `duchenne detect`, or videos in which nothing was detected yet.
        codes: Whose spans are what is to be coded.
        media: Folder to which the videos have moved since detection.

    Raises:
        UsageError: A path is neither, or none is named.
        StudyError: A result cannot be read.
    """
    found: list[ReviewVideo] = []
    for path in paths:
        ending = path.suffix.lower()
        if ending in RESULT_ENDINGS:
            found += videos_of(path, media)
        elif ending in VIDEO_ENDINGS and path.is_file():
            found.append(ReviewVideo(str(path), path.absolute()))
        else:
            raise UsageError(f"{path} is neither a video nor a result. Name results of duchenne detect, or videos.")
    if not found:
        raise UsageError("Name a result of duchenne detect, or a video: duchenne review RESULT. See its --help.")
    for source, file in match_files([one.source for one in found], sorted({one.file for one in codes.spans})).pairs:
        video = next(one for one in found if one.source == source)
        video.segments = tuple(sorted((s for s in codes.spans if s.file == file), key=lambda one: one.onset_s))
    return found


def videos_of(result: Path, media: Path | None) -> list[ReviewVideo]:
    """Return the videos of a result; its pictures are left out.

    Raises:
        StudyError: It cannot be read, or holds pictures only.
    """
    boxes = BOX if set(BOX) <= set(columns_in(result)) else ()
    table = read_results(result, Wanted(others=("confidence", *boxes)))
    found = []
    for source, rows in table.groupby("source", observed=True, sort=True):
        if rows["timestamp_s"].nunique() > 1:
            part = rows.reset_index(drop=True)
            found.append(ReviewVideo(str(source), Path(linked(str(source), media)), part, result))
    if not found:
        raise StudyError(f"{result}: it holds no video. Run duchenne detect on one.")
    return found
