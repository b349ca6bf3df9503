"""From sources to a file of results and an overlay: what `duchenne detect` runs.

Sources are taken in order. One that cannot be read is noted and the rest is done. The state of a run is recorded about
once a second, so that an interrupted run goes on where it stopped and ends with the same bytes.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.media import Frame, Source, SourceKind, Video, open_camera, open_video, read_picture, read_standard_input
from duchenne.overlay import OverlayWriter
from duchenne.result_files import ResultFile
from duchenne.results import FaceAUs
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker
from duchenne.weights import sha256_of

CHECKPOINT_S = 1.0


@dataclass(frozen=True)
class RunOptions:
    """How sources are read and where results go.

    Attributes:
        output: File of results; None for none.
        overlay: Picture, video or folder to draw into; None for none.
        start_s: Leave out what comes before in videos.
        end_s: Leave out what comes after in videos.
        step: Look at every step-th frame of a video.
        overwrite: Whether existing files may be replaced.
        restart: Throw an interrupted run away.
    """

    output: Path | None = None
    overlay: Path | None = None
    start_s: float | None = None
    end_s: float | None = None
    step: int = 1
    overwrite: bool = False
    restart: bool = False

    def __post_init__(self) -> None:
        if self.step < 1:
            raise UsageError(f"The frame step is {self.step}; it must be 1 (every frame) or more.")
        if self.start_s is not None and not self.start_s >= 0:
            raise UsageError(f"The start is {self.start_s:g} s; it must not be negative.")
        if self.end_s is not None and not self.end_s > (self.start_s or 0.0):
            raise UsageError(f"The end, {self.end_s:g} s, must come after the start, {self.start_s or 0.0:g} s.")


@runtime_checkable
class ProgressCallback(Protocol):
    """Who is told how a run goes on."""

    def begin(self, source: Source, frames: int | None, done: int) -> None:
        """A source begins; `frames` are expected, `done` of them were done by an earlier run."""

    def frame(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """A frame is done."""

    def problem(self, error: MediaError) -> None:
        """A source could not be read, or not to its end."""


@dataclass
class RunState:
    """How far a run is; what a continued run starts from."""

    done: list[str] = field(default_factory=list)
    current: str | None = None
    next_frame: int = 0
    tracker: dict[str, Any] | None = None
    smoother: dict[str, Any] | None = None
    frames: int = 0
    faces: int = 0
    read: int = 0
    problems: int = 0


def run_detection(
    detector: AUDetector, sources: Sequence[Source], options: RunOptions, listener: ProgressCallback
) -> RunState:
    """Find the action units of all sources, write what is asked for, and return the counts.

    Raises:
        UsageError, OutputError: Before any work, if a result cannot be written as asked; later, if the disk fails.
    """
    with ExitStack() as stack:
        overlay = None
        if options.overlay is not None:
            overlay = stack.enter_context(
                OverlayWriter(options.overlay, sources, detector.thresholds, overwrite=options.overwrite)
            )
        file = None
        if options.output is not None:
            # A video overlay cannot be continued in its middle, so such a run starts from the beginning.
            restart = options.restart or overlay is not None
            print_of_run = fingerprint(detector, sources, options)
            file = stack.enter_context(
                ResultFile.open(
                    options.output, detector.columns, print_of_run, overwrite=options.overwrite, restart=restart
                )
            )
        run = _Run(detector, options, listener, file, overlay)
        run.work(sources)
        return run.state


def fingerprint(detector: AUDetector, sources: Sequence[Source], options: RunOptions) -> dict[str, Any]:
    """Return what must be the same for an interrupted run to be continued: sources, options and weights."""
    files = []
    for source in sources:
        path = Path(source.name)
        facts = [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []
        files.append([source.name, *facts])
    return {
        "sources": files,
        "thresholds": detector.thresholds,
        "largest_face": detector.options.largest_face,
        "min_face_px": detector.options.min_face_px,
        "smooth": detector.options.smooth,
        "abstain": detector.options.abstain,
        "neutral": None if detector.options.neutral is None else str(detector.options.neutral.resolve()),
        "range": [options.start_s, options.end_s, options.step],
        "weights": {path.name: sha256_of(path) for path in detector.weights},
    }


class _Run:
    def __init__(
        self,
        detector: AUDetector,
        options: RunOptions,
        listener: ProgressCallback,
        file: ResultFile | None,
        overlay: OverlayWriter | None,
    ) -> None:
        self.detector, self.options, self.listener = detector, options, listener
        self.file, self.overlay = file, overlay
        self.state = RunState(**file.state) if file is not None and file.state else RunState()
        self._recorded_s = time.monotonic()

    def work(self, sources: Sequence[Source]) -> None:
        """Take the sources in order; record where an interruption leaves the run."""
        left = [source for source in sources if source.name not in self.state.done]
        try:
            for moving, group in groupby(left, lambda source: source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)):
                if moving:
                    for source in group:
                        self._video(source)
                else:
                    self._pictures(list(group))
        except KeyboardInterrupt:
            self._record(at_once=True)
            raise
        if self.file is not None and self.state.read == 0 and self.state.problems:
            _forget(self.file)
        elif self.file is not None:
            self.file.finish()

    def _pictures(self, sources: list[Source]) -> None:
        by_name = {source.name: source for source in sources}
        for source in sources:
            self.listener.begin(source, 1, 0)
        for frame, faces in self.detector.detect_pictures(self._read_all(sources)):
            self.state.read += 1
            self._take(by_name[frame.source], frame, faces)
            self.state.done.append(frame.source)
            self._record()

    def _read_all(self, sources: list[Source]) -> Iterator[Frame]:
        for source in sources:
            try:
                yield read_standard_input() if source.kind is SourceKind.STDIN else read_picture(source.name)
            except MediaError as error:
                self._note(error)

    def _video(self, source: Source) -> None:
        go_on = self.state.current == source.name
        first = self.state.next_frame if go_on else 0
        tracker = FaceTracker.from_dict(self.state.tracker) if go_on and self.state.tracker else FaceTracker()
        smoother = (
            LandmarkSmoother.from_dict(self.state.smoother) if go_on and self.state.smoother else LandmarkSmoother()
        )
        self.state.current, self.state.next_frame = source.name, first
        self.state.tracker, self.state.smoother = tracker.to_dict(), smoother.to_dict()
        try:
            with self._open(source, first) as video:
                self.listener.begin(source, _expected_frames(video, self.options), first // self.options.step)
                for frame, faces in self.detector.detect_frames(video, tracker, smoother):
                    self._take(source, frame, faces)
                    self.state.next_frame = frame.index + 1
                    self._record(tracker, smoother)
        except MediaError as error:
            self._note(error)
        except KeyboardInterrupt:
            if source.kind is not SourceKind.CAMERA:
                raise  # A camera has no end of its own: to stop it is to finish.
        self.state.read += self.state.next_frame > 0
        self.state.done.append(source.name)
        self.state.current, self.state.next_frame, self.state.tracker, self.state.smoother = None, 0, None, None
        self._record()

    def _open(self, source: Source, first_frame: int) -> Video:
        options = self.options
        if source.kind is SourceKind.CAMERA:
            return open_camera(source.camera_index, step=options.step, end_s=options.end_s)
        return open_video(source.name, options.start_s, options.end_s, options.step, first_frame)

    def _take(self, source: Source, frame: Frame, faces: list[FaceAUs]) -> None:
        if self.file is not None:
            self.file.write(faces)
        if self.overlay is not None:
            self.overlay.add(source, frame, faces)
        self.state.frames += 1
        self.state.faces += len(faces)
        self.listener.frame(source, frame, faces)

    def _note(self, error: MediaError) -> None:
        self.state.problems += 1
        self.listener.problem(error)

    def _record(
        self, tracker: FaceTracker | None = None, smoother: LandmarkSmoother | None = None, at_once: bool = False
    ) -> None:
        now_s = time.monotonic()
        if self.file is None or (now_s - self._recorded_s < CHECKPOINT_S and not at_once):
            return
        if tracker is not None and smoother is not None:
            self.state.tracker, self.state.smoother = tracker.to_dict(), smoother.to_dict()
        self._recorded_s = now_s
        if not at_once:
            self.file.checkpoint(asdict(self.state))


def _forget(file: ResultFile) -> None:
    """Leave nothing behind of a run in which nothing could be read."""
    file.close()
    for path in (file.part, file.record):
        path.unlink(missing_ok=True)


def _expected_frames(video: Video, options: RunOptions) -> int | None:
    """Return how many frames a video will give in the chosen range, as well as its header lets one know."""
    if video.frame_count is None:
        return None
    fps = video.fps or 25.0
    last = video.frame_count if options.end_s is None else min(video.frame_count, int(options.end_s * fps) + 1)
    return max(0, -(-(last - int((options.start_s or 0.0) * fps)) // options.step))


def thresholds_from(words: Sequence[str], aus: Sequence[str]) -> Mapping[str, float]:
    """Return thresholds by AU from words such as "0.4" (for all) and "AU12=0.6" (for one; wins over the former).

    Raises:
        UsageError: A word is neither.
    """
    everywhere: dict[str, float] = {}
    single: dict[str, float] = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise UsageError(f"The threshold {word!r} is no number; write 0.4 for all, or AU12=0.4 for one.") from None
        if equals:
            single[name.upper()] = value
        else:
            everywhere = dict.fromkeys(aus, value)
    return everywhere | single
