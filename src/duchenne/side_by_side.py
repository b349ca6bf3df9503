"""Frames worked on side by side and given back in order, within a bound of memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from duchenne.errors import MediaError
from duchenne.media import Frame

T = TypeVar("T")

MAX_BYTES_IN_FLIGHT = 512 << 20
"""Pixels of frames that are worked on or wait for their turn, whatever the number of workers: 80 frames of 1920 x 1080,
20 of 3840 x 2160. A single larger picture is worked on alone."""


def side_by_side(
    frames: Iterable[Frame], work: Callable[[Frame], T], workers: int, most_bytes: int = MAX_BYTES_IN_FLIGHT
) -> Iterator[tuple[Frame, T]]:
    """Yield each frame with what `work` makes of it, in order.

    Args:
        frames: Where they break off with a MediaError, the frames before are given first.
        work: Called in several threads at once.
        workers: Threads.
        most_bytes: Of the pixels of frames that were read and not yet given back; one frame may have more.
    """
    waiting: deque[tuple[Frame, Future[T]]] = deque()
    broken: list[MediaError] = []
    held = largest = 0
    with ThreadPoolExecutor(workers) as pool:
        try:
            for frame in _until_broken(frames, broken):
                waiting.append((frame, pool.submit(work, frame)))
                held, largest = held + frame.pixels.nbytes, max(largest, frame.pixels.nbytes)
                # There must be room for the next frame before it is read.
                while waiting and (len(waiting) > 2 * workers or held + largest > most_bytes):
                    first, done = waiting.popleft()
                    held -= first.pixels.nbytes
                    yield first, done.result()
            while waiting:
                first, done = waiting.popleft()
                yield first, done.result()
            if broken:
                raise broken[0]
        finally:
            for _, unfinished in waiting:
                unfinished.cancel()


def _until_broken(frames: Iterable[Frame], broken: list[MediaError]) -> Iterator[Frame]:
    """Yield frames; put the error with which they break off, if any, into `broken`."""
    try:
        yield from frames
    except MediaError as error:
        broken.append(error)
