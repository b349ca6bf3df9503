"""A finder that asks the machines of a Ray cluster; numbers, order and bytes are those of one process.

Machines find what each frame shows by itself. What depends on the frames before - ids, smoothing and the action units
that are read after it - is done here, in order. Rows are written here, too, so that a run that was stopped goes on as
any other.
"""

from collections.abc import Iterator, Sequence
from types import TracebackType

from duchenne.cluster.jobs import Chunk, Digest, Job, Pictures, chunks_of, groups_of, jobs_of_pictures
from duchenne.cluster.ray_tasks import RayTasks
from duchenne.cluster.work import ChunkFound, PictureFound, Setting
from duchenne.detector import AUDetector
from duchenne.errors import ClusterError, MediaError, UsageError
from duchenne.finding import NeededFrames, OnProblem, PictureFaces
from duchenne.location.small_faces import SmallFacesInVideo
from duchenne.media import Frame, Source, SourceKind, Video, open_video
from duchenne.media.content import Content
from duchenne.results import FaceAUs
from duchenne.results.au_reading import FoundFaces
from duchenne.results.run_options import RunOptions
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker

CHUNK_S = 60.0
"""Length of the chunks of videos, about; no number depends on it."""
_USUAL_FPS = 25.0


class RayFinder:
    """Finds faces on a Ray cluster; a context manager.

    Args:
        detector: That would find them here.
        options: How sources are read.
        address: Of the cluster, or "local".

    Raises:
        UsageError: The run asks for an overlay.
    """

    def __init__(self, detector: AUDetector, options: RunOptions, address: str) -> None:
        if options.overlay is not None:
            raise UsageError("Overlays are drawn by this process only. Leave --overlay or --ray out.")
        self._detector, self._options, self._address = detector, options, address
        self._begun: RayTasks | None = None
        self._replanned: set[str] = set()

    def __enter__(self) -> "RayFinder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun is not None:
            self._begun.__exit__(kind, error, trace)
            self._begun = None

    @property
    def _tasks(self) -> RayTasks:
        if self._begun is None:
            self._begun = RayTasks(self._address, self._detector.workers, Setting.of(self._detector, self._options))
        return self._begun

    def begin(self, sources: Sequence[Source]) -> None:
        """Begin to work ahead.

        Raises:
            UsageError: A source is on this machine alone.
            ClusterError: There is no such cluster.
            MissingExtraError: Ray is not installed.
        """
        if alone := [source.name for source in sources if source.kind in (SourceKind.CAMERA, SourceKind.STDIN)]:
            raise UsageError(f"{alone[0]} can be read on this machine only. Leave it or --ray out.")
        if sources:
            self._tasks.look_ahead(self._jobs(sources))

    def _jobs(self, sources: Sequence[Source]) -> Iterator[Job]:
        for group in groups_of(sources):
            if group[0].kind is SourceKind.PICTURE:
                yield from jobs_of_pictures(group)
                continue
            yield Digest(group[0])
            try:
                with self._opened(group[0]) as video:
                    chunks = self._chunks(group[0], video, NeededFrames())
            except MediaError:
                continue  # It is said when its turn comes.
            for chunk in chunks:
                if group[0].name not in self._replanned:
                    yield chunk

    def _opened(self, source: Source) -> Video:
        options = self._options
        return open_video(
            source.name, options.start_s, options.end_s, options.step, hardware_decoding=options.hardware_decoding
        )

    def _chunks(self, source: Source, video: Video, needed: NeededFrames) -> list[Chunk]:
        fps, end_s = video.fps or _USUAL_FPS, self._options.end_s
        frames = video.frame_count
        if frames is not None and end_s is not None:
            frames = min(frames, int(end_s * fps) + 1)
        return chunks_of(source, needed, frames, max(1, round(CHUNK_S * fps)))

    def content(self, source: Source) -> Content | None:
        """Return what a source holds."""
        found: Content | None = self._tasks.result(Digest(source))
        return found

    def pictures(self, sources: Sequence[Source], on_problem: OnProblem) -> Iterator[PictureFaces]:
        """Yield each picture that can be read, in order."""
        for job in jobs_of_pictures(sources):
            yield from self._of_job(job, on_problem)

    def _of_job(self, job: Pictures, on_problem: OnProblem) -> Iterator[PictureFaces]:
        results: list[PictureFound] = self._tasks.result(job)
        for source, found in zip(job.sources, results, strict=True):
            if found.frame is None:
                on_problem(source, MediaError(found.problem), found.content)
            else:
                yield source, found.frame, found.faces, found.content

    def video(self, source: Source, needed: NeededFrames) -> "RayVideo":
        """Open a video; what was begun of it ahead from another frame on is given up."""
        video = self._opened(source)
        chunks = self._chunks(source, video, needed)
        if needed != NeededFrames():
            self._replanned.add(source.name)
            self._tasks.drop(lambda job: isinstance(job, Chunk) and job.source == source)
            self._tasks.look_ahead(chunks)
        return RayVideo(self._detector, self._options, self._tasks, video, chunks)


class RayVideo:
    """The faces of a video, found by the machines of a cluster; a context manager.

    Args:
        detector: That numbers them, and reads their action units where landmarks are smoothed.
        options: How the video is read.
        tasks: The cluster.
        video: Open; closed with this.
        chunks: Of it.
    """

    def __init__(
        self, detector: AUDetector, options: RunOptions, tasks: RayTasks, video: Video, chunks: list[Chunk]
    ) -> None:
        self._detector, self._options, self._tasks = detector, options, tasks
        self._video, self._chunks = video, chunks
        self.fps, self.expected_frames = video.fps, video.expected_frames
        self.notes: tuple[str, ...] = ()

    def __enter__(self) -> "RayVideo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.close()

    def faces(
        self, tracker: FaceTracker, smoother: LandmarkSmoother, small_faces: SmallFacesInVideo
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame with its faces; without its pixels, unless landmarks are smoothed."""
        found = self._found()
        if self._detector.options.smooth:
            found = self._with_pixels(found)
        yield from self._detector.reader.in_order(
            found, tracker, smoother, self._chunks[0].needed.next_frame, small_faces
        )

    def _found(self) -> Iterator[tuple[Frame, FoundFaces]]:
        given = 0
        for chunk in self._chunks:
            found: ChunkFound = self._tasks.result(chunk)
            self.notes = found.notes
            yield from found.frames
            given += len(found.frames)
            if found.problem is not None:
                raise MediaError(found.problem)
        if not given and not self._chunks[0].begin:
            for _ in self._video:  # There is none in the range that was asked for, which it says at its end.
                pass

    def _with_pixels(self, found: Iterator[tuple[Frame, FoundFaces]]) -> Iterator[tuple[Frame, FoundFaces]]:
        """Yield what was found with the frames that show it, read here.

        Raises:
            ClusterError: Another machine read other frames.
        """
        first, options = self._chunks[0], self._options
        how = (options.start_s, options.end_s, options.step, first.begin, options.hardware_decoding)
        with open_video(first.source.name, *how) as video:
            needed = (frame for frame in video if frame.index in first.needed)
            for told, faces in found:
                frame = next(needed, None)
                if frame is None or (frame.index, frame.timestamp_s) != (told.index, told.timestamp_s):
                    raise ClusterError(
                        f"{first.source.name}: another machine found frame {told.index} where this one found "
                        f"{frame}. All must see the same file."
                    )
                yield frame, faces
