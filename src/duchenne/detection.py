"""From sources to a file of results and an overlay: what `duchenne detect` runs.

Sources are taken in order. One that cannot be read is noted and the rest is done. The state of a run is recorded about
once a second, so that an interrupted run goes on where it stopped and ends with the same bytes.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.media import Frame, Source, SourceKind, Video, open_camera, open_video, read_picture, read_standard_input
from duchenne.overlay import OverlayWriter
from duchenne.results import FaceAUs
from duchenne.results.result_file import ResultFile
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker, patience_s
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
        step: Take every step-th frame of a video.
        overwrite: Whether existing files may be replaced.
        restart: Throw an interrupted run away.
        every_frame: Write a row for each frame that was looked at and shows no face.
    """

    output: Path | None = None
    overlay: Path | None = None
    start_s: float | None = None
    end_s: float | None = None
    step: int = 1
    overwrite: bool = False
    restart: bool = False
    every_frame: bool = False

    def __post_init__(self) -> None:
        if self.step < 1:
            raise UsageError(f"The frame step is {self.step}; it must be 1 (every frame) or more.")
        if self.start_s is not None and not self.start_s >= 0:
            raise UsageError(f"The start is {self.start_s:g} s; it must not be negative.")
        if self.end_s is not None and not self.end_s > (self.start_s or 0.0):
            raise UsageError(f"The end, {self.end_s:g} s, must come after the start, {self.start_s or 0.0:g} s.")


@runtime_checkable
class ProgressCallback(Protocol):
    """What a run calls to report its progress."""

    def begin(self, source: Source, frames: int | None, done: int) -> None:
        """A source begins; `frames` are expected, `done` of them were done by an earlier run."""

    def frame(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """A frame is done."""

    def problem(self, error: MediaError) -> None:
        """A source could not be read, or not to its end."""

    def note(self, source: Source, note: str) -> None:
        """Something was mended, lost or chosen while a video was read."""


@dataclass(frozen=True)
class RunState:
    """How far a run is; what a continued run starts from.

    Attributes:
        done: Names of the sources that are done, those among them that could not be read.
        current: Name of the video that is being worked on.
        next_frame: Index of the frame of it that comes next.
        tracker: State of its face tracker.
        smoother: State of its landmark smoother.
        frames: Frames done.
        faces: Faces in them.
        read: Sources of which anything could be read.
        problems: Sources that could not be read, or not to their end.
        notes: Names of videos, each with something that was mended, lost or chosen while it was read.
    """

    done: tuple[str, ...] = ()
    current: str | None = None
    next_frame: int = 0
    tracker: dict[str, Any] | None = None
    smoother: dict[str, Any] | None = None
    frames: int = 0
    faces: int = 0
    read: int = 0
    problems: int = 0
    notes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "RunState":
        """Return the state that a checkpoint recorded."""
        notes = tuple((source, note) for source, note in record.get("notes", ()))
        return cls(**{**record, "done": tuple(record["done"]), "notes": notes})


def run_detection(
    detector: AUDetector, sources: Sequence[Source], options: RunOptions, callback: ProgressCallback
) -> RunState:
    """Find the action units of all sources, write what is asked for, and return the counts.

    Raises:
        UsageError, OutputError: Before any work, if a result cannot be written as asked or a source has no neutral face
            although there are some; later, if the disk fails.
    """
    if detector.neutral is not None:
        detector.neutral.check([source.name for source in sources])
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
            columns = replace(detector.columns, every_frame=options.every_frame)
            run_fingerprint = fingerprint(detector, sources, options)
            file = stack.enter_context(
                ResultFile.open(options.output, columns, run_fingerprint, overwrite=options.overwrite, restart=restart)
            )
        run = _Run(detector, options, callback, file, overlay)
        run.work(sources)
        return run.state


def fingerprint(detector: AUDetector, sources: Sequence[Source], options: RunOptions) -> dict[str, Any]:
    """Return what must be the same for an interrupted run to be continued: sources, options and weights, by name."""
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
        "unreliable": detector.options.unreliable,
        "neutral": None if detector.neutral is None else detector.neutral.fingerprint,
        "range": [options.start_s, options.end_s, options.step],
        **{f"weights {path.name}": sha256_of(path) for path in detector.weights},
    }


class _Run:
    def __init__(
        self,
        detector: AUDetector,
        options: RunOptions,
        callback: ProgressCallback,
        file: ResultFile | None,
        overlay: OverlayWriter | None,
    ) -> None:
        self.detector, self.options, self.callback = detector, options, callback
        self.file, self.overlay = file, overlay
        self.state = RunState.from_record(file.state) if file is not None and file.state else RunState()
        self._position = None if file is None else file.position
        self._recorded_s = time.monotonic()

    def work(self, sources: Sequence[Source]) -> None:
        """Take the sources in order; record where an interruption leaves the run."""
        done = set(self.state.done)
        left = [source for source in sources if source.name not in done]
        try:
            for moving, group in groupby(left, lambda source: source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)):
                if moving:
                    for source in group:
                        self._video(source)
                else:
                    self._pictures(list(group))
        except KeyboardInterrupt:
            self._record()
            raise
        if self.file is not None and self.state.read == 0 and self.state.problems:
            self.file.discard()
        elif self.file is not None:
            self.file.finish()

    def _pictures(self, sources: list[Source]) -> None:
        by_name = {source.name: source for source in sources}
        for source in sources:
            self.callback.begin(source, 1, 0)
        for frame, faces in self.detector.detect_pictures(self._read_all(sources)):
            self._take(by_name[frame.source], frame, faces)
            self._advance(faces, read=self.state.read + 1, done=(*self.state.done, frame.source))

    def _read_all(self, sources: list[Source]) -> Iterator[Frame]:
        for source in sources:
            try:
                yield read_standard_input() if source.kind is SourceKind.STDIN else read_picture(source.name)
            except MediaError as error:
                self.callback.problem(error)
                self._advance(problems=self.state.problems + 1, done=(*self.state.done, source.name))

    def _video(self, source: Source) -> None:
        go_on = self.state.current == source.name
        first = self.state.next_frame if go_on else 0
        tracker = FaceTracker.from_dict(self.state.tracker) if go_on and self.state.tracker else None
        recalled = tracker.frames_to_recall if tracker is not None else frozenset()
        smoother = (
            LandmarkSmoother.from_dict(self.state.smoother) if go_on and self.state.smoother else LandmarkSmoother()
        )
        if not go_on:
            self._advance(current=source.name, next_frame=0)
        problems = self.state.problems
        try:
            with self._open(source, min([first, *recalled])) as video:
                self.callback.begin(source, video.expected_frames, first // self.options.step)
                tracker = tracker or FaceTracker(patience_s(video.fps, self.options.step))
                frames = self._from(first, video, tracker)
                try:
                    for frame, faces in self.detector.detect_frames(frames, tracker, smoother):
                        self._take(source, frame, faces)
                        after = {"tracker": tracker.to_dict(), "smoother": smoother.to_dict()}
                        self._advance(faces, next_frame=frame.index + 1, **after)
                except MediaError:
                    self._remark(source, video.notes)
                    raise
                self._remark(source, video.notes)
        except MediaError as error:
            self.callback.problem(error)
            problems += 1
        except KeyboardInterrupt:
            if source.kind is not SourceKind.CAMERA:
                raise  # A camera has no end of its own: to stop it is to finish.
        ended: dict[str, Any] = {"current": None, "next_frame": 0, "tracker": None, "smoother": None}
        read = self.state.read + (self.state.next_frame > 0)
        self._advance(**ended, read=read, problems=problems, done=(*self.state.done, source.name))

    def _from(self, first: int, video: Video, tracker: FaceTracker) -> Iterator[Frame]:
        """Yield frames from `first` on; show those before to a tracker that goes on and must see them again."""
        for frame in video:
            if frame.index >= first:
                yield frame
            elif frame.index in tracker.frames_to_recall:
                self.detector.recall(tracker, frame)

    def _remark(self, source: Source, notes: Sequence[str]) -> None:
        for note in notes:
            self.callback.note(source, note)
        self._advance(notes=(*self.state.notes, *((source.name, note) for note in notes)))

    def _open(self, source: Source, first_frame: int) -> Video:
        options = self.options
        if source.kind is SourceKind.CAMERA:
            return open_camera(source.camera_index, step=options.step, end_s=options.end_s)
        return open_video(source.name, options.start_s, options.end_s, options.step, first_frame)

    def _take(self, source: Source, frame: Frame, faces: list[FaceAUs]) -> None:
        if self.file is not None:
            self.file.write(faces)
            if not faces:
                self.file.write_empty(frame)
        if self.overlay is not None:
            self.overlay.add(source, frame, faces)
        self.callback.frame(source, frame, faces)

    def _advance(self, faces: Sequence[FaceAUs] | None = None, **changes: Any) -> None:
        """Move the state on, together with the end of the rows that it counts, after a frame or between frames.

        An interruption before this leaves the run where the frame before left it. About once a second it is recorded.
        """
        if faces is not None:
            changes |= {"frames": self.state.frames + 1, "faces": self.state.faces + len(faces)}
        state, position = replace(self.state, **changes), None if self.file is None else self.file.position
        self.state, self._position = state, position
        if time.monotonic() - self._recorded_s >= CHECKPOINT_S:
            self._record()

    def _record(self) -> None:
        if self.file is not None:
            self.file.checkpoint(asdict(self.state), self._position)
        self._recorded_s = time.monotonic()
