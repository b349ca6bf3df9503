"""From sources to results and an overlay: what `duchenne detect` runs.

Sources are taken in order. One that cannot be read is noted and the rest is done. The state of a run is recorded about
once a second, so that an interrupted run goes on where it stopped and ends with the same bytes.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.finding import Finder, Here, NeededFrames, VideoFaces
from duchenne.location.small_faces import SmallFacesInVideo
from duchenne.media import Frame, Source, SourceKind
from duchenne.media.content import Content
from duchenne.overlay import OverlayWriter
from duchenne.overlay.targets import is_moving, overlay_paths
from duchenne.results import FaceAUs
from duchenne.results.columns import Columns
from duchenne.results.destinations import Destination, Nowhere, OneFile
from duchenne.results.object_folder import ObjectFolder
from duchenne.results.result_folder import FilePerSource, FolderPlan
from duchenne.results.result_record import SourceRecord
from duchenne.results.run_facts import Asked, changed_sources, facts_of, names_digest
from duchenne.results.run_options import BETWEEN_VIDEOS, ProgressCallback, RunOptions, RunState
from duchenne.results.shard_folder import ShardFolder
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker, patience_s

__all__ = ["ProgressCallback", "RunOptions", "RunState", "asked_of", "run_detection"]

CHECKPOINT_S = 1.0


def run_detection(
    detector: AUDetector,
    sources: Sequence[Source],
    options: RunOptions,
    callback: ProgressCallback,
    finder: Finder | None = None,
) -> RunState:
    """Find the action units of all sources, or of a shard of them, write what is asked for, and return the counts.

    Args:
        detector: What is looked for.
        sources: In their order.
        options: How they are read and where results go.
        callback: Told of the progress.
        finder: Finds the faces in place of this process, with the numbers of this detector.

    Raises:
        UsageError, OutputError: Before any work, if a result cannot be written as asked or a source has no neutral face
            although there are some; later, if the disk fails.
        DeviceError: Likewise, if a device that decodes videos was asked for by name and cannot be used here.
    """
    options = options.on_this_machine()
    own = sources if options.shard is None else options.shard.share(sources)
    if detector.neutral is not None:
        detector.neutral.check([source.name for source in own])
    with ExitStack() as stack:
        destination = stack.enter_context(closing(_destination(detector, sources, options)))
        left = [source for source in own if source.name not in destination.done]
        overlay = None
        if options.overlay is not None:
            done, goes_on = destination.done, destination.goes_on
            overlay = stack.enter_context(
                OverlayWriter(options.overlay, sources, detector.thresholds, options.overwrite, done, goes_on)
            )
        run = _Run(finder or Here(detector, options), options, callback, destination, overlay)
        run.work(left)
        return replace(run.state, notes=_notes_of(destination.done.values()))


def _destination(detector: AUDetector, sources: Sequence[Source], options: RunOptions) -> Destination:
    """Return where faces go; what an interrupted run read is compared with what is there now."""
    if options.output is None and options.output_dir is None:
        return Nowhere()
    columns = replace(detector.columns, groups=options.groups, every_frame=options.every_frame)
    facts = facts_of(asked_of(detector, columns), options.reading, options.command)
    drawn = None if options.overlay is None else overlay_paths(options.overlay, sources)
    store = None if options.store is None else ObjectFolder(options.store)
    below = Path() if store is None else store.here
    if options.output_dir is not None:
        folder, ending = below / options.output_dir, options.output_format
        plan = FolderPlan(
            folder, sources, ending, columns, facts, overwrite=options.overwrite, restart=options.restart, store=store
        )
        return FilePerSource(plan, drawn=drawn) if options.shard is None else ShardFolder(plan, options.shard)
    # A video overlay cannot be continued in its middle, so such a run starts from the beginning.
    restart = options.restart or (drawn is not None and any(map(is_moving, sources)))
    opened = partial(OneFile, below / (options.output or Path()), columns, facts, names_digest(sources), store=store)
    one = opened(overwrite=options.overwrite, restart=restart)
    if drawn is not None and any(record.frames and not drawn[name].is_file() for name, record in one.done.items()):
        one.close()
        one = opened(overwrite=options.overwrite, restart=True)
    if changed := changed_sources(one.done.values()):
        one.close()
        raise one.file.refusal(f"{changed[0]} has changed since it was read")
    return one


def asked_of(detector: AUDetector, columns: Columns | None = None) -> Asked:
    """Return what a detector was asked for, and what it answers with; its own columns unless others are given."""
    neutral = detector.neutral
    options = {**asdict(detector.options), "neutral": None if neutral is None else neutral.path}
    options |= {"device": detector.device.name, "provider": detector.device.provider}
    digest = None if neutral is None else neutral.fingerprint
    return Asked(options, detector.thresholds, columns or detector.columns, detector.weights, digest)


class _Run:
    def __init__(
        self,
        finder: Finder,
        options: RunOptions,
        callback: ProgressCallback,
        destination: Destination,
        overlay: OverlayWriter | None,
    ) -> None:
        self.finder, self.options, self.callback = finder, options, callback
        self.destination, self.overlay = destination, overlay
        self.state = _first_state(destination)
        self._position = destination.position
        self._unrecorded: tuple[SourceRecord, ...] = ()
        self._recorded_s = time.monotonic()

    def work(self, sources: Sequence[Source]) -> None:
        """Take the sources in order; record where an interruption leaves the run."""
        self.finder.begin(sources)
        try:
            for moving, group in groupby(sources, lambda source: source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)):
                if moving:
                    for source in group:
                        self._video(source)
                else:
                    self._pictures(list(group))
        except KeyboardInterrupt:
            self._record()
            raise
        self._record()
        self.destination.finish()

    def _pictures(self, sources: list[Source]) -> None:
        for source in sources:
            self.callback.begin(source, 1, 0)
        for source, frame, faces, content in self.finder.pictures(sources, self._broken):
            self._take(source, frame, faces)
            done = SourceRecord(source.name, source.kind.value, content, 1, len(faces), notes=frame.notes)
            for note in frame.notes:
                self.callback.note(source, note)
            self._advance(faces, (source, done), read=self.state.read + 1)

    def _broken(self, source: Source, error: MediaError, content: Content | None) -> None:
        self.callback.problem(error)
        broken = SourceRecord(source.name, source.kind.value, content, problem=str(error))
        self._advance(None, (source, broken), problems=self.state.problems + 1)

    def _video(self, source: Source) -> None:
        former = self.destination.begin(source)
        if former is not None and former["current"] == source.name:
            kept = {name: former[name] for name in BETWEEN_VIDEOS}
            self._check_unchanged(source, former["content"])
        else:
            kept = {**BETWEEN_VIDEOS, "current": source.name, "content": _plain(self.finder.content(source))}
        self._advance(**kept)
        tracker = FaceTracker.from_dict(self.state.tracker) if self.state.tracker else None
        notes: tuple[str, ...] = ()
        problem = None
        try:
            with self.finder.video(source, NeededFrames.of(self.state.next_frame, tracker)) as video:
                try:
                    self._frames_of(source, video, tracker or FaceTracker(patience_s(video.fps, self.options.step)))
                finally:
                    notes = video.notes
        except MediaError as error:
            self.callback.problem(error)
            problem = str(error)
        except KeyboardInterrupt:
            if source.kind is not SourceKind.CAMERA:
                raise  # A camera has no end of its own: to stop it is to finish.
        self._end_of_video(source, problem, notes)

    def _frames_of(self, source: Source, video: VideoFaces, tracker: FaceTracker) -> None:
        """Take the frames of a video that the state does not count yet."""
        smoother = LandmarkSmoother.from_dict(self.state.smoother) if self.state.smoother else LandmarkSmoother()
        small = SmallFacesInVideo.from_dict(self.state.small_faces or {})
        self.callback.begin(source, video.expected_frames, self.state.next_frame // self.options.step)
        for frame, faces in video.faces(tracker, smoother, small):
            self._take(source, frame, faces)
            after: dict[str, Any] = {"tracker": tracker.to_dict(), "smoother": smoother.to_dict()}
            after["small_faces"] = small.to_dict()
            after["source_frames"] = self.state.source_frames + 1
            after["source_faces"] = self.state.source_faces + len(faces)
            self._advance(faces, next_frame=frame.index + 1, **after)

    def _check_unchanged(self, source: Source, content: dict[str, Any] | None) -> None:
        """Refuse to go on in the middle of a video that holds something else by now."""
        if changed_sources(
            [SourceRecord.from_dict({"name": source.name, "kind": source.kind.value, "content": content})]
        ):
            raise UsageError(
                f"{source.name}: the video has changed since an interrupted run read it. "
                "Restore the earlier file, choose another output, or start again with --restart."
            )

    def _end_of_video(self, source: Source, problem: str | None, notes: tuple[str, ...]) -> None:
        if self.state.small_faces is not None:
            notes = (*notes, *SmallFacesInVideo.from_dict(self.state.small_faces).notes)
        for note in notes:
            self.callback.note(source, note)
        state = self.state
        content = None if state.content is None else Content(**{**state.content, "seen": tuple(state.content["seen"])})
        counts = state.source_frames, state.source_faces
        done = SourceRecord(source.name, source.kind.value, content, *counts, problem, notes)
        read, problems = state.read + (state.source_frames > 0), state.problems + (problem is not None)
        self._advance(None, (source, done), **BETWEEN_VIDEOS, read=read, problems=problems)

    def _take(self, source: Source, frame: Frame, faces: list[FaceAUs]) -> None:
        self.destination.write(source, frame, faces)
        if self.overlay is not None:
            self.overlay.add(source, frame, faces)
        self.callback.frame(source, frame, faces)

    def _advance(
        self,
        faces: Sequence[FaceAUs] | None = None,
        done: tuple[Source, SourceRecord] | None = None,
        **changes: Any,
    ) -> None:
        """Move the state on, together with the end of the rows that it counts, after a frame or between frames.

        An interruption before this leaves the run where the frame before left it. About once a second it is recorded.
        """
        if faces is not None:
            changes |= {"frames": self.state.frames + 1, "faces": self.state.faces + len(faces)}
        state, position = replace(self.state, **changes), self.destination.position
        unrecorded = self._unrecorded if done is None else (*self._unrecorded, done[1])
        self.state, self._position, self._unrecorded = state, position, unrecorded
        if done is not None:
            self.destination.end(*done)
        if time.monotonic() - self._recorded_s >= CHECKPOINT_S:
            self._record()

    def _record(self) -> None:
        self.destination.checkpoint(asdict(self.state), self._position, self._unrecorded)
        self._unrecorded, self._recorded_s = (), time.monotonic()


def _first_state(destination: Destination) -> RunState:
    """Return the state of the run that is continued, or of one to whose results this run adds."""
    if destination.state is not None:
        return RunState(**{**destination.state, "notes": ()})
    done = destination.done.values()
    return RunState(
        frames=sum(record.frames for record in done),
        faces=sum(record.faces for record in done),
        read=sum(record.frames > 0 for record in done),
        problems=sum(record.problem is not None for record in done),
    )


def _notes_of(done: Iterable[SourceRecord]) -> tuple[tuple[str, str], ...]:
    return tuple((record.name, note) for record in done for note in record.notes)


def _plain(content: Content | None) -> dict[str, Any] | None:
    return None if content is None else asdict(content)
