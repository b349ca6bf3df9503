"""The picture that a video shows at any time, found by seeking; times are those of `Video`."""

from collections import deque
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import av

from duchenne.errors import MediaError
from duchenne.media.container import open_container
from duchenne.media.decoding import DecodedFrame, FrameDecoder
from duchenne.media.frame import Frame, check_readable
from duchenne.media.frame_clock import FrameClock
from duchenne.media.upright import UprightPictures

_AHEAD_S = 3.0
"""What lies no further ahead is decoded on the way; to seek goes back to a key frame, which costs more."""
_BACK_S = (0.0, 5.0)
_KEPT_BYTES = 96 << 20
_BYTES_PER_PIXEL = 1.5
_USUAL_FPS = 25.0


class VideoMoments:
    """A video as a player has it: any moment, in any order. One thread may use it at a time.

    Pictures that were decoded lately are kept, so that a step back costs no decoding.

    Attributes:
        name: The path.
        width: Of its pictures, in pixels.
        height: Likewise.
        fps: Mean frames per second; 25 where the file states none.
        duration_s: Length as the file states; None where it does not.

    Args:
        path: The file.

    Raises:
        MediaError: It is missing, no video, or not one frame can be decoded.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        check_readable(Path(path), "a video")
        self._kept: deque[DecodedFrame] = deque()
        self._pictures = self._open()
        self.width, self.height = self._pictures.width, self._pictures.height
        self._room = max(2, int(_KEPT_BYTES / (self.width * self.height * _BYTES_PER_PIXEL)))

    def _open(self) -> UprightPictures:
        """Open the file at its beginning and decode the first picture."""
        self._container, self._stream = open_container(self.name, f"file:{self.name}")
        self.fps = float(self._stream.average_rate or self._stream.guessed_rate or _USUAL_FPS)
        length, self._room = self._container.duration, 2
        self.duration_s = length / av.time_base if length else None
        self._begin()
        if not self._read():
            self.close()
            raise MediaError(f"{self.name}: not one frame can be decoded. Convert it to MP4.")
        return UprightPictures(self._stream, self._kept[0].picture)

    def close(self) -> None:
        """Free the decoder."""
        self._kept.clear()
        self._container.close()

    def at(self, time_s: float) -> Frame:
        """Return the picture that is shown at a time: the last that does not begin after it; the first before that.

        `Frame.index` is reckoned from time and frame rate.

        Raises:
            MediaError: The file cannot be read there.
        """
        if (found := self._among_kept(time_s)) is None:
            if not self._kept or not self._time(self._kept[0]) <= time_s <= self._time(self._kept[-1]) + _AHEAD_S:
                self._seek(time_s)
            while self._time(self._kept[-1]) <= time_s and self._read():
                pass
            found = self._among_kept(time_s) or self._kept[-1 if self._time(self._kept[-1]) <= time_s else 0]
        start_s = self._time(found)
        return Frame(self.name, round(start_s * self.fps), start_s, self._pictures.pixels_of(found.picture))

    def _among_kept(self, time_s: float) -> DecodedFrame | None:
        between = (one for one, other in pairwise(self._kept) if self._time(one) <= time_s < self._time(other))
        return next(between, None)

    def _time(self, decoded: DecodedFrame) -> float:
        if decoded.time_s is None:
            raise MediaError(f"{self.name}: the video holds no time stamps. Convert it to MP4.")
        return decoded.time_s

    def _seek(self, time_s: float) -> None:
        """Go to a key frame before a time: by the container's index, a little before that, or from the beginning."""
        origin_s, tick_s = FrameClock(self._container, self._stream, 1 / self.fps).origin, self._stream.time_base
        for back_s in _BACK_S:
            ticks = round((time_s - back_s + float(origin_s or 0)) / float(tick_s or 1))
            with suppress(av.FFmpegError, OSError):
                self._container.seek(ticks, stream=self._stream, backward=True)
                self._begin()
                if self._read() and self._time(self._kept[0]) <= time_s:
                    return
        room = self._room
        self.close()
        self._pictures, self._room = self._open(), room

    def _begin(self) -> None:
        self._kept.clear()
        clock = FrameClock(self._container, self._stream, 1 / self.fps)
        self._decoder = FrameDecoder(self._container, self._stream, clock)

    def _read(self) -> bool:
        """Decode a picture more; return whether there was one."""
        decoded = next(self._decoder, None)
        if decoded is None:
            return False
        self._kept.append(decoded)
        while len(self._kept) > self._room:
            self._kept.popleft()
        return True
