"""Frames worked on side by side and given back in order, within a bound of memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

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
    with ThreadPoolExecutor(workers) as pool:
        yield from _in_order(frames, lambda frame: pool.submit(work, frame), 2 * workers, most_bytes)


def stretches_side_by_side(
    frames: Iterable[Frame],
    stretch_of: Callable[[Frame], int],
    begin: Callable[[], Callable[[Frame], T]],
    workers: int,
    most_waiting: int,
    most_bytes: int = MAX_BYTES_IN_FLIGHT,
) -> Iterator[tuple[Frame, T]]:
    """Yield each frame with what is made of it, in order; the frames of one stretch are worked on one after another.

    Args:
        frames: As in `side_by_side`.
        stretch_of: The number of a frame's stretch; all frames of a stretch come in a row.
        begin: Returns what does the work in a new stretch. That may remember the frames of its stretch, and is never
            called by two threads at once.
        workers: Threads, each in another stretch.
        most_waiting: Frames that were read and not yet given back.
        most_bytes: As in `side_by_side`.
    """
    number, stretch = None, None
    with ThreadPoolExecutor(workers) as pool:

        def submit(frame: Frame) -> Future[T]:
            nonlocal number, stretch
            if stretch is None or stretch_of(frame) != number:
                number, stretch = stretch_of(frame), _Stretch(pool, begin())
            return stretch.submit(frame)

        yield from _in_order(frames, submit, most_waiting, most_bytes)


class _Stretch(Generic[T]):
    """Frames that wait for one another: one thread of the pool at a time works on the first that is left."""

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[Frame], T]) -> None:
        self._pool, self._work = pool, work
        self._left: deque[tuple[Frame, Future[T]]] = deque()
        self._lock, self._at_work = Lock(), False

    def submit(self, frame: Frame) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            self._left.append((frame, future))
            idle, self._at_work = not self._at_work, True
        if idle:
            self._pool.submit(self._work_on)
        return future

    def _work_on(self) -> None:
        while (following := self._next()) is not None:
            frame, future = following
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._work(frame))
                except BaseException as error:  # As an executor does: whoever asks for the result gets it.
                    future.set_exception(error)

    def _next(self) -> tuple[Frame, Future[T]] | None:
        with self._lock:
            self._at_work = bool(self._left)
            return self._left.popleft() if self._left else None


def _in_order(
    frames: Iterable[Frame], submit: Callable[[Frame], Future[T]], most_waiting: int, most_bytes: int
) -> Iterator[tuple[Frame, T]]:
    """Yield each frame with the result of its future, in order, as soon as it and those before are there."""
    waiting: deque[tuple[Frame, Future[T]]] = deque()
    broken: list[MediaError] = []
    held = largest = 0
    try:
        for frame in _until_broken(frames, broken):
            waiting.append((frame, submit(frame)))
            held, largest = held + frame.pixels.nbytes, max(largest, frame.pixels.nbytes)
            # There must be room for the next frame before it is read.
            while waiting and (waiting[0][1].done() or len(waiting) > most_waiting or held + largest > most_bytes):
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
