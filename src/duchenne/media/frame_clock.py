"""The times of a video's frames, which never fall, whatever the container says.

Time 0 is the start of the file as players and annotation tools (ELAN) show it: that of the stream that begins first,
mostly sound. A video stream that begins later has a first frame later than 0.
"""

import os
from bisect import insort
from fractions import Fraction

from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_JOIN_S = Fraction(1, 10)
"""Decoding times that fall by more than this begin a new recording in the same file."""
_FAR_S = Fraction(1)
"""The same of times of presentation, which may fall a little where pictures are reordered."""
_LEAP_S = 10
"""In broadcast formats, a leap forward by more than this does so, too. Source: ffmpeg's dts_delta_threshold."""
_LONGEST_REORDER = 20
"""Packets after which one that has given no picture is given up; H.264 and HEVC reorder by 16 at most. Where decoders
work ahead in several threads, their number is added."""


class FrameClock:
    """Keeps the times of one stream: told of each packet before and of each frame after it is decoded.

    Where a recording was joined to another in one file, the second goes on where the first ends. In AVI, which keeps no
    times of presentation, and wherever times fall although frames are in order, a frame gets the earliest time that has
    not been given yet.

    Attributes:
        origin: Time of the file's start in the clock of the container, in seconds; None where nothing has times.
        joins: Recordings that were joined to the first.
        reordered: Whether times had to be put in order.
        reorders: Whether packets may come in another order than pictures.
        by_dts: Whether the container keeps no times of presentation.
        held: Frames whose time is not later than that of the frame before; it does not fall.

    Args:
        container: That holds the stream.
        stream: Of pictures.
        frame_s: Usual time between frames.
        live: Whether it is a camera, whose time begins with its first frame.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, frame_s: float, live: bool = False) -> None:
        self._base = stream.time_base or Fraction(0)
        self._frame_ticks = max(1, round(frame_s / self._base)) if self._base else 1
        flags = Flags(container.format.flags)
        self._timeless, self._broadcast = Flags.no_timestamps in flags, Flags.ts_discont in flags
        self.reorders = stream.codec_context.codec.reorder and not live
        self.by_dts = container.format.name == "avi" and self.reorders
        self.origin = None if live else _origin(container, stream)
        self.joins, self.held, self.reordered = 0, 0, False
        self._offset = 0
        self._told = self._expected = self._end = self._packets = 0
        self._followed = False
        self._latest: int | None = None
        self._pending: list[int] = []
        self._waiting: dict[int | None, int] = {}
        self._patience = _LONGEST_REORDER + (stream.codec_context.thread_count or os.cpu_count() or 16)
        self._last: Fraction | None = None

    def mend(self, packet: Packet) -> None:
        """Put a packet's times on the one line of time of the video, in place."""
        self._packets += 1
        told = packet.pts if packet.dts is None else packet.dts
        if told is not None and (packet.dts is not None or not self.reorders or self._falls(told, _FAR_S)):
            expected = self._expected if packet.dts is not None else self._end
            self._follow(told, expected, packet.duration or self._frame_ticks)
        if packet.dts is not None:
            packet.dts += self._offset
        if packet.pts is not None:
            packet.pts += self._offset
            self._end = max(self._end, packet.pts + self._frame_ticks)
        stamp = packet.dts if self.by_dts or packet.pts is None else packet.pts
        if stamp is not None and not packet.is_discard:
            insort(self._pending, stamp)
            if packet.pts is not None:
                self._waiting[packet.pts] = self._packets

    def _follow(self, told: int, expected: int, duration: int) -> None:
        now = told + self._offset
        leaps = self._broadcast and (now - expected) * self._base > _LEAP_S
        if self._followed and (leaps or self._falls(told, _JOIN_S)):
            self._offset += expected - now
            self.joins += 1
            now = expected
        self._told, self._expected, self._followed = now, now + duration, True

    def _falls(self, told: int, by_s: Fraction) -> bool:
        return self._followed and (told + self._offset - self._told) * self._base < -by_s

    def see(self, frame: VideoFrame) -> None:
        """Notice whether a frame's own time falls, one frame before it is asked for."""
        if frame.pts is None:
            return
        falls = self._latest is not None and frame.pts < self._latest
        self.reordered = self.reordered or (falls and self.reorders and not self.by_dts)
        self._latest = frame.pts

    def time_of(self, frame: VideoFrame) -> float | None:
        """Return the time of the next frame in the order of presentation, in seconds from 0; None if unknown."""
        ticks = self._ticks(frame)
        if ticks is None or self._timeless or not self._base:
            return None
        time = ticks * self._base
        if self.origin is None:
            self.origin = time
        if self._last is not None and time <= self._last:
            time = self._last
            self.held += 1
        self._last = time
        return max(0.0, float(time - self.origin))

    def _ticks(self, frame: VideoFrame) -> int | None:
        """Return the frame's own time, or the earliest one that no frame has."""
        own = frame.pts
        if own is None and not self._pending:
            return None
        self._waiting.pop(own, None)
        given_up = [k for k, number in self._waiting.items() if number <= self._packets - self._patience]
        for k in given_up:
            del self._waiting[k]
        if self.by_dts or self.reordered or own is None:
            del self._pending[: min(len(given_up), len(self._pending) - 1)]
            return self._pending.pop(0) if self._pending else own
        if own in self._pending:
            self._pending.remove(own)
        del self._pending[: max(0, len(self._pending) - self._patience)]
        return own


def _origin(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return when the first stream starts, exactly; the container itself rounds to microseconds."""
    starts = [
        s.start_time * s.time_base for s in container.streams if s.start_time is not None and s.time_base is not None
    ]
    own = None if stream.start_time is None else stream.start_time * (stream.time_base or Fraction(0))
    if container.start_time is None:
        return own
    stated = Fraction(container.start_time, 1_000_000)
    nearest = min(starts, key=lambda start: abs(start - stated), default=stated)
    return nearest if abs(nearest - stated) < Fraction(1, 100_000) else stated
