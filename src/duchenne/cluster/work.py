"""What a machine of a cluster does for one job. Its numbers are those that the asking process would find itself."""

import pickle
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import takewhile

import numpy as np

from duchenne.cluster.jobs import Chunk, Digest, Job, Pictures
from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.media import Frame, Source, open_video, read_picture
from duchenne.media.content import Content
from duchenne.results import FaceAUs
from duchenne.results.au_reading import FoundFaces
from duchenne.results.result_record import code_digest, package_version, versions
from duchenne.results.run_facts import content_or_none
from duchenne.results.run_options import RunOptions

_NO_PIXELS = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class PictureFound:
    """What became of one picture.

    Attributes:
        frame: Without its pixels; None where it cannot be read.
        faces: Its faces.
        content: What its file held.
        problem: Why it cannot be read.
    """

    frame: Frame | None
    faces: list[FaceAUs]
    content: Content | None
    problem: str | None = None


@dataclass(frozen=True)
class ChunkFound:
    """What the frames of a chunk show by themselves.

    Attributes:
        frames: Each without its pixels, with its faces.
        notes: Of the video, from its begin to the end of the chunk.
        problem: Why the video breaks off in the chunk.
    """

    frames: list[tuple[Frame, FoundFaces]]
    notes: tuple[str, ...]
    problem: str | None = None


@dataclass(frozen=True)
class Setting:
    """What all jobs of a run have in common.

    Attributes:
        detector: Pickled.
        options: How sources are read.
        installed: What numbers rest on beside weights and options, by name.
    """

    detector: bytes
    options: RunOptions
    installed: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, detector: AUDetector, options: RunOptions) -> "Setting":
        """Return the setting of a run; each job is done in one thread."""
        single = pickle.loads(pickle.dumps(detector))
        single.workers = 1
        reading = RunOptions(
            start_s=options.start_s,
            end_s=options.end_s,
            step=options.step,
            hardware_decoding=options.hardware_decoding,
        )
        return cls(pickle.dumps(single), reading, installed())


def installed() -> tuple[tuple[str, str], ...]:
    """Return the versions on which numbers rest, of this installation."""
    return *versions().items(), ("duchenne", f"{package_version()} {code_digest()}")


def do(job: Job, setting: Setting) -> bytes:
    """Return what a job gives, pickled: `PictureFound` of each picture, `ChunkFound`, or `Content`.

    Raises:
        UsageError: This installation is another than that of the process that asks.
    """
    _check_installation(setting.installed)
    return pickle.dumps(_done(job, setting), pickle.HIGHEST_PROTOCOL)


def _done(job: Job, setting: Setting) -> object:
    if isinstance(job, Digest):
        return content_or_none(job.source)
    if isinstance(job, Pictures):
        return _pictures(_detector(setting.detector), job.sources)
    return _chunk(_detector(setting.detector), job, setting.options)


@lru_cache(maxsize=1)
def _detector(pickled: bytes) -> AUDetector:
    found = pickle.loads(pickled)
    if not isinstance(found, AUDetector):
        raise UsageError("The machines of the cluster were given no detector. Give the command again.")
    return found


@lru_cache(maxsize=4)
def _check_installation(wanted: tuple[tuple[str, str], ...]) -> None:
    here, there = dict(installed()), dict(wanted)
    if other := sorted(name for name in {*here, *there} if here.get(name) != there.get(name)):
        raise UsageError(
            f"{platform.node()} has another version of {', '.join(other)} than the machine that asks. Install the same "
            "versions on all machines of the cluster."
        )


def _pictures(detector: AUDetector, sources: Sequence[Source]) -> list[PictureFound]:
    found = []
    for source in sources:
        content = content_or_none(source)
        try:
            [(frame, faces)] = detector.detect_pictures([read_picture(source.name)])
        except MediaError as error:
            found.append(PictureFound(None, [], content, str(error)))
        else:
            found.append(PictureFound(replace(frame, pixels=_NO_PIXELS), faces, content))
    return found


def _chunk(detector: AUDetector, chunk: Chunk, options: RunOptions) -> ChunkFound:
    frames: list[tuple[Frame, FoundFaces]] = []
    try:
        how = (options.start_s, options.end_s, options.step, chunk.begin, options.hardware_decoding)
        with open_video(chunk.source.name, *how) as video:
            own: Iterator[Frame] = (frame for frame in video if frame.index in chunk.needed)
            if chunk.end is not None:
                own = takewhile(partial(_lies_before, chunk.end), own)
            try:
                for frame, faces in detector.find_faces(own):
                    frames.append((replace(frame, pixels=_NO_PIXELS), faces))
            except MediaError as error:
                return ChunkFound(frames, video.notes, str(error))
            return ChunkFound(frames, video.notes)
    except MediaError as error:
        return ChunkFound(frames, (), str(error))


def _lies_before(end: int, frame: Frame) -> bool:
    return frame.index < end
