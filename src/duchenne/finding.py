"""Who finds the faces of a run's sources: this process, with threads of its own, or others that it asks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, runtime_checkable

from duchenne.detector import AUDetector
from duchenne.errors import MediaError
from duchenne.location.following import STRETCH_FRAMES, stretch_of
from duchenne.location.small_faces import SmallFacesInVideo
from duchenne.media import Frame, Source, SourceKind, Video, open_camera, open_video, read_picture, read_standard_input
from duchenne.media.content import Content
from duchenne.results import FaceAUs
from duchenne.results.run_facts import content_or_none
from duchenne.results.run_options import RunOptions
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker

PictureFaces = tuple[Source, Frame, list[FaceAUs], Content | None]
"""A picture that was read, its faces, and what its file held."""
OnProblem = Callable[[Source, MediaError, Content | None], None]
"""Told of a picture that cannot be read."""


@dataclass(frozen=True)
class NeededFrames:
    """The frames of a video that are needed to go on in it; `index in needed` tells whether one is.

    Attributes:
        next_frame: Index of the first that is to be given.
        stretches: Numbers of the stretches of which earlier frames are needed, too: they lead up to the first, or are
            shown again to a tracker.
    """

    next_frame: int = 0
    stretches: frozenset[int] = frozenset({0})

    @classmethod
    def of(cls, next_frame: int, tracker: FaceTracker | None) -> "NeededFrames":
        """Return what is needed to go on with a frame, and with a tracker that was read from its state."""
        recalled = tracker.frames_to_recall if tracker is not None else frozenset()
        return cls(next_frame, frozenset(stretch_of(index) for index in (next_frame, *recalled)))

    @property
    def begin(self) -> int:
        """Index of the first frame to read: the begin of the first stretch that is needed."""
        return min(self.stretches) * STRETCH_FRAMES

    def __contains__(self, index: int) -> bool:
        return index >= self.next_frame or stretch_of(index) in self.stretches


@runtime_checkable
class VideoFaces(Protocol):
    """The faces of one video, in order; a context manager.

    Attributes:
        fps: As `Video.fps`.
        expected_frames: As `Video.expected_frames`.
        notes: As `Video.notes`.
    """

    fps: float | None
    expected_frames: int | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know of what was read so far."""

    def __enter__(self) -> "VideoFaces": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def faces(
        self, tracker: FaceTracker, smoother: LandmarkSmoother, small_faces: SmallFacesInVideo
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame with its faces; of the frame only its pixels may be missing.

        Raises:
            MediaError: The video breaks off here; the frames before have been given.
        """


@runtime_checkable
class Finder(Protocol):
    """What a run asks for the faces of its sources."""

    def begin(self, sources: Sequence[Source]) -> None:
        """Take note of the sources that will be asked for, in their order."""

    def content(self, source: Source) -> Content | None:
        """Return what a source holds; None where it cannot be read."""

    def pictures(self, sources: Sequence[Source], on_problem: OnProblem) -> Iterator[PictureFaces]:
        """Yield each picture that can be read, in order."""

    def video(self, source: Source, needed: NeededFrames) -> VideoFaces:
        """Open a video or a camera.

        Raises:
            MediaError: It cannot be opened.
        """


class Here:
    """A finder in this process.

    Args:
        detector: That finds the faces.
        options: How sources are read.
    """

    def __init__(self, detector: AUDetector, options: RunOptions) -> None:
        self._detector, self._options = detector, options

    def begin(self, sources: Sequence[Source]) -> None:
        """Take no note."""

    def content(self, source: Source) -> Content | None:
        """Return what a source holds."""
        return content_or_none(source)

    def pictures(self, sources: Sequence[Source], on_problem: OnProblem) -> Iterator[PictureFaces]:
        """Yield each picture that can be read; problems are told as soon as they are met, which may be earlier."""
        by_name = {source.name: source for source in sources}
        for frame, faces in self._detector.detect_pictures(_read_all(sources, on_problem)):
            source = by_name[frame.source]
            yield source, frame, faces, content_or_none(source, frame)

    def video(self, source: Source, needed: NeededFrames) -> "VideoHere":
        """Open a video or a camera."""
        options = self._options
        if source.kind is SourceKind.CAMERA:
            video = open_camera(source.camera_index, step=options.step, end_s=options.end_s)
        else:
            how = (options.start_s, options.end_s, options.step, needed.begin, options.hardware_decoding)
            video = open_video(source.name, *how)
        return VideoHere(self._detector, video, needed)


class VideoHere:
    """The faces of a video, found in this process.

    Args:
        detector: That finds them.
        video: Open; closed with this.
        needed: Frames of it.
    """

    def __init__(self, detector: AUDetector, video: Video, needed: NeededFrames) -> None:
        self._detector, self._video, self._needed = detector, video, needed
        self.fps, self.expected_frames = video.fps, video.expected_frames

    def __enter__(self) -> "VideoHere":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Video.notes`."""
        return self._video.notes

    def faces(
        self, tracker: FaceTracker, smoother: LandmarkSmoother, small_faces: SmallFacesInVideo
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame with its faces."""
        frames = (frame for frame in self._video if frame.index in self._needed)
        yield from self._detector.detect_frames(frames, tracker, smoother, self._needed.next_frame, small_faces)


def _read_all(sources: Sequence[Source], on_problem: OnProblem) -> Iterator[Frame]:
    for source in sources:
        try:
            yield read_standard_input() if source.kind is SourceKind.STDIN else read_picture(source.name)
        except MediaError as error:
            on_problem(source, error, content_or_none(source))
