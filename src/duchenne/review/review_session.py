"""Everything that one `duchenne review` holds: videos, coders' journals, queue; the page asks it, and nothing else."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duchenne.errors import StudyError, UsageError
from duchenne.review.camera_faces import CameraFaces
from duchenne.review.coder_codes import CoderCodes
from duchenne.review.coder_journal import ENDING, CoderJournal, journal_path, journals
from duchenne.review.coding_exports import write_exports
from duchenne.review.detection_queue import DetectionQueue
from duchenne.review.review_videos import ReviewVideo, review_videos, videos_of
from duchenne.review.served_pictures import ServedPictures
from duchenne.study.codings.coding import Coding, together
from duchenne.study.codings.reading import read_codes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReviewOptions:
    """How a review is begun.

    Attributes:
        folder: Where journals, exports and results of the queue lie.
        codes: Codes of others, or a plan of `duchenne sample`: their coded stretches are the segments to code.
        media: Folder to which videos have moved.
        blind: Whether scores, detected events, agreement and codes of others are kept from the page.
    """

    folder: Path = Path("review")
    codes: tuple[Path, ...] = ()
    media: Path | None = None
    blind: bool = False


class ReviewSession:
    """A review.

    Raises:
        UsageError, StudyError: What is named cannot be read.
    """

    def __init__(self, paths: Sequence[Path], options: ReviewOptions) -> None:
        self.options = options
        self.given = _codes(options.codes)
        self.videos: list[ReviewVideo] = review_videos(paths, self.given, options.media)
        self.camera, self.pictures = CameraFaces(), ServedPictures()
        self.queue = DetectionQueue(options.folder / "results", self._detected)
        self._lock, self._journals = threading.Lock(), {}  # type: tuple[threading.Lock, dict[Path, CoderJournal]]

    def video(self, number: int) -> ReviewVideo:
        """Return a video by number.

        Raises:
            StudyError: There is none.
        """
        if not 0 <= number < len(self.videos):
            raise StudyError(f"There is no video {number}; there are {len(self.videos)}.")
        return self.videos[number]

    @property
    def coders(self) -> tuple[str, ...]:
        """Names of all who have a journal here."""
        return tuple(self.journal(path).codes.coder for path in journals(self.options.folder))

    def coder(self, name: str) -> CoderJournal:
        """Return a coder's journal, begun if there is none.

        Raises:
            UsageError: The name cannot be a file's.
        """
        return self.journal(journal_path(self.options.folder, name), name.strip())

    def journal(self, path: Path, coder: str | None = None) -> CoderJournal:
        """Return the journal of a file, opened once."""
        with self._lock:
            if path not in self._journals:
                self._journals[path] = CoderJournal(path, coder)
            return self._journals[path]

    def others(self, coder: str) -> tuple[str, ...]:
        """Return with whom a coder can be compared."""
        own = journal_path(self.options.folder, coder)
        named = [one for one in self.coders if journal_path(self.options.folder, one) != own]
        return (*named, *(one or "(no name)" for one in self.given.coders if one not in named))

    def codes_of(self, name: str) -> CoderCodes:
        """Return what another coder coded, here or in the files that were given.

        Raises:
            UsageError: Nobody of that name did.
        """
        if name in self.coders:
            return self.coder(name).codes
        known = "" if name == "(no name)" else name
        if known in self.given.coders:
            return GivenCodes(known, self.given.by(known))
        raise UsageError(f"There is no coder {name!r}.")

    def export(self, coder: str, formats: tuple[str, ...]) -> list[str]:
        """Write a coder's codes; return the paths."""
        journal = self.coder(coder)
        stem = journal.path.name.removesuffix(ENDING)
        return write_exports(journal.codes, self.videos, self.options.folder, stem, formats)

    def detect(self, number: int) -> None:
        """Queue a video.

        Raises:
            StudyError: It has a result.
        """
        video = self.video(number)
        if video.table is not None:
            raise StudyError(f"{video.source} has a result already.")
        self.queue.add(str(video.path))

    def close(self) -> None:
        """Stop the queue and close journals and videos."""
        self.queue.close()
        self.pictures.close()
        for journal in self._journals.values():
            journal.close()

    def _detected(self, source: str, result: Path) -> None:
        for found in videos_of(result, None):
            if found.source != source:
                raise StudyError(f"{result} is of {found.source}, which has the same name. Rename one of the videos.")
            for k, video in enumerate(self.videos):
                if str(video.path) == source:
                    self.videos[k] = ReviewVideo(video.source, video.path, _named(found, video), result, video.segments)


class GivenCodes(CoderCodes):
    """Codes that were read from files of others."""

    def __init__(self, coder: str, given: Coding) -> None:
        super().__init__(coder)
        self._given = given

    def coding(self, named: Callable[[str], str] = str, files: Iterable[str] | None = None) -> Coding:
        """Return them; agreement matches the videos by name."""
        return self._given


def _named(found: ReviewVideo, video: ReviewVideo) -> "pd.DataFrame":
    """Return the rows of a result under the name that the review has for the video."""
    assert found.table is not None
    return found.table.assign(source=video.source).astype({"source": "category"})


def _codes(paths: Sequence[Path]) -> Coding:
    if not paths:
        return Coding((), ())
    read = read_codes(list(paths))
    if not isinstance(read, Coding):
        raise UsageError("--codes takes events and plans (ELAN, BORIS, tables of codes); tables of frames are results.")
    return together([read])
