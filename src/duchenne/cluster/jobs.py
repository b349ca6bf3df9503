"""What a machine of a cluster is asked to do: a few pictures, a chunk of a video, or to hash a video.

Jobs are plain values, so that a job that was lost with its machine is done again elsewhere with the same outcome. A
chunk begins with a stretch (`location.following`), before which nothing counts for what a frame shows by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from duchenne.finding import NeededFrames
from duchenne.location.following import STRETCH_FRAMES
from duchenne.media import Source, SourceKind

PICTURES_PER_JOB = 8
JOBS_AHEAD_PER_CPU = 2
"""Jobs that are in work or done and not asked for yet, for each processor."""
CHUNKS, MOST_CHUNK_FRAMES = 8, 15_008
"""A video is divided into about so many chunks, and into more where they would be longer.

Ours: what lies before a chunk is decoded to reach it, a twelfth of the work, so that a video in eight chunks costs 1.3
times the work of one and takes a fifth of its time; and what was found in a frame takes about 10 kB a face.
"""


@dataclass(frozen=True)
class Pictures:
    """Find the faces of pictures.

    Attributes:
        sources: The pictures.
    """

    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Digest:
    """Tell what a source holds.

    Attributes:
        source: A video.
    """

    source: Source


@dataclass(frozen=True)
class Chunk:
    """Find what the frames of a part of a video show by themselves.

    Attributes:
        source: The video.
        begin: Index of its first frame that is read.
        end: Index of the first that is not; None for the end of the video.
        needed: Which of them are asked for.
    """

    source: Source
    begin: int
    end: int | None
    needed: NeededFrames


Job = Pictures | Digest | Chunk


def jobs_of_pictures(sources: Sequence[Source]) -> Iterator[Pictures]:
    """Yield the jobs for pictures in a row."""
    for start in range(0, len(sources), PICTURES_PER_JOB):
        yield Pictures(tuple(sources[start : start + PICTURES_PER_JOB]))


def chunks_of(source: Source, needed: NeededFrames, frames: int | None, chunk_frames: int) -> list[Chunk]:
    """Return the chunks of a video in order; the last one is open to the end.

    Args:
        source: The video.
        needed: Frames that are asked for.
        frames: How many the file has by its header; None where it does not say, which makes one chunk.
        chunk_frames: Of the chunks of a short video, about.

    Example:
        >>> from duchenne.media import SourceKind
        >>> video = Source("a.mp4", SourceKind.VIDEO)
        >>> [(chunk.begin, chunk.end) for chunk in chunks_of(video, NeededFrames(), 1000, 400)]
        [(0, 400), (400, 800), (800, None)]
    """
    left = 0 if frames is None else max(0, frames - needed.begin)
    wanted = min(max(chunk_frames, -(-left // CHUNKS)), MOST_CHUNK_FRAMES)
    step = -(-wanted // STRETCH_FRAMES) * STRETCH_FRAMES
    begins = [needed.begin + k * step for k in range(max(1, -(-left // step)))]
    return [Chunk(source, begin, end, needed) for begin, end in zip(begins, [*begins[1:], None], strict=True)]


def groups_of(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """Yield videos one by one, and pictures in a row together, as a run takes them."""
    for is_video, group in groupby(sources, lambda source: source.kind is SourceKind.VIDEO):
        members = list(group)
        yield from ([source] for source in members) if is_video else [members]
