"""Frames that arrive one by one: each is pushed with its time, and its faces come back at once."""

import math
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Generic, TypeVar

from duchenne.errors import UsageError
from duchenne.location.following import stretch_of
from duchenne.media import Frame, PictureLike, frame_of
from duchenne.results import FaceAUs

Found = TypeVar("Found")


class FaceStream(Generic[Found]):
    """Faces of a live source, frame after frame, on the thread that calls; `AUDetector.stream` makes one.

    Nothing waits in a queue: whoever pushes too slowly leaves frames out. A face keeps its `face_id`, and landmarks are
    smoothed if the detector's options ask for it. A video whose every frame is pushed with its time gives the numbers
    of `AUDetector.detect_video`. Several streams may share a detector, each with its own people; calls from several
    threads to one stream wait for each other.

    Example:
        >>> from duchenne import AUDetector
        >>> from duchenne.diagnosis import SAMPLE
        >>> stream = AUDetector(aus=12, smooth=True).stream("camera")
        >>> [stream.push(SAMPLE, time_s)[0].face_id for time_s in (0.0, 0.04)]
        [0, 0]

    Attributes:
        source: Name of the source in the results.
        frames: Pushed so far; the index of the next.

    Args:
        source: Likewise.
        begin: Returns what finds the faces in the frames of one stretch, in their order.
        number: Returns the results for what was found in a frame, with their identity over time.
    """

    def __init__(
        self,
        source: str,
        begin: Callable[[], Callable[[Frame], Found]],
        number: Callable[[Frame, Found], list[FaceAUs]],
    ) -> None:
        self.source, self.frames = source, 0
        self._begin, self._number = begin, number
        self._find = begin()
        self._last_s = -math.inf
        self._lock = Lock()

    def push(self, image: PictureLike, timestamp_s: float) -> list[FaceAUs]:
        """Return the faces of the next frame, those first of which the face detector was most certain.

        Example:
            >>> import numpy as np
            >>> from duchenne import AUDetector
            >>> stream = AUDetector().stream()
            >>> stream.push(np.zeros((64, 64, 3), np.uint8), timestamp_s=0.0)
            []

        Args:
            image: The frame, as `AUDetector.detect` takes it; an array of H x W x 3 RGB is the quickest.
            timestamp_s: Its time, seconds from any beginning.

        Raises:
            UsageError: The time is not a finite number, or not after that of the frame before.
            MediaError: The frame is no picture. It is not counted, and the stream goes on.
        """
        with self._lock:
            if not (math.isfinite(timestamp_s) and timestamp_s > self._last_s):
                raise UsageError(
                    f"{self.source}: the frame's time is {timestamp_s:g} s, but the one before was at "
                    f"{self._last_s:g} s. Push frames in order, each with a later time; for another video, open a "
                    "new stream."
                )
            frame = replace(frame_of(image), source=self.source, index=self.frames, timestamp_s=float(timestamp_s))
            if frame.index and stretch_of(frame.index) != stretch_of(frame.index - 1):
                self._find = self._begin()
            faces = self._number(frame, self._find(frame))
            self.frames, self._last_s = self.frames + 1, frame.timestamp_s
            return faces
