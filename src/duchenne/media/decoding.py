"""From a container to its pictures: one at a time, past what is damaged, with what was lost on the way."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from duchenne.media.container import cause_of
from duchenne.media.frame_clock import FrameClock
from duchenne.media.jpeg_damage import is_damaged_jpeg, is_spoilt_jpeg

_MOST_FAILURES = 100
"""Failed attempts to read, one after the other, after which a file is given up."""
_GAP_S = 0.5
_LONG_STEP = 1.5
"""Frames; a longer step leaves one out where frames come evenly."""
_FEW = 0.02
_LAST_PACKETS = 3
_MARKS = 256
"""Marks of damaged packets that are kept; a picture comes out after far fewer."""
_KEPT_IF_DAMAGED = ("mpegts", "mpeg")
"""Formats of which a packet marked as damaged may still give a picture; elsewhere it was cut off by the end."""


@dataclass(frozen=True)
class DecodedFrame:
    """A picture as the decoder gives it.

    Attributes:
        picture: As stored: pixels perhaps not square, perhaps turned.
        time_s: Its time; None where the file has none.
        lost: Pictures before it, since the one before, that could not be decoded.
        damaged: Whether the decoder had to guess parts of it.
    """

    picture: VideoFrame
    time_s: float | None
    lost: int
    damaged: bool


class FrameDecoder:
    """Gives the pictures of a stream in the order of presentation; an iterator.

    A packet that cannot be decoded is left out and counted; the rest is decoded.

    Attributes:
        packets: Packets of pictures that the container gave.
        lost: Pictures that could not be decoded.
        trailing_s: Length of what could not be decoded at the end, in seconds.
        cause: What FFmpeg said of the first damage; None where it said nothing.
        empty_s: Start and end of the longest time above half a second that no picture fills by its own word.
        gap_s: Start and end of the longest step from picture to picture, if it is longer than usual.
        steps: From picture to picture.
        long_steps: Of these, those that are longer than usual.
        gave_up: Whether reading failed before the end of the file.
        damage_seen: Whether anything in the file is damaged.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, clock: FrameClock) -> None:
        self._container, self._stream, self._clock = container, stream, clock
        self.packets, self.lost, self.trailing_s = 0, 0, 0.0
        self.steps, self.long_steps = 0, 0
        self.gap_s = self.empty_s = (0.0, 0.0)
        self.cause: str | None = None
        self.gave_up, self.damage_seen = False, False
        self._is_jpeg = stream.codec_context.name == "mjpeg"
        self._last_mark = -_LAST_PACKETS
        rate = stream.average_rate
        self._fps = float(rate or 0)
        self._even = rate is not None and rate == stream.guessed_rate
        self._last_s: float | None = None
        self._next_s: float | None = None
        self._failed = self._given = 0
        self._marked: deque[int | None] = deque(maxlen=_MARKS)
        self._frames = self._decode_all()

    @property
    def cut_off(self) -> bool:
        """Whether the last packets are not whole."""
        return self.packets - self._last_mark < _LAST_PACKETS

    @property
    def misses_few(self) -> bool:
        """Whether pictures come evenly but for a few longer steps, which no frame rate explains."""
        return 0 < self.long_steps <= _FEW * self.steps

    def __iter__(self) -> Iterator[DecodedFrame]:
        return self

    def __next__(self) -> DecodedFrame:
        return next(self._frames)

    def _decode_all(self) -> Iterator[DecodedFrame]:
        """Give each picture once the next is known, whose time may show that times are out of order."""
        ahead: VideoFrame | None = None
        for packet in self._read_all():
            for picture in self._decode(packet):
                self._clock.see(picture)
                if ahead is not None:
                    yield self._placed(ahead)
                ahead = picture
                if not self._clock.reorders:
                    yield self._placed(ahead)
                    ahead = None
        if ahead is not None:
            yield self._placed(ahead)
        self._count_missing()

    def _count_missing(self) -> None:
        """Count pictures that never came out of a damaged file; decoders that work ahead do not tell of each."""
        missing = self.packets - self._given - self.lost if self.cause is not None else self._failed
        self.lost += max(missing, self._failed)
        self.trailing_s = max(self.trailing_s, missing / self._fps if self._fps else 0.0)

    def _placed(self, picture: VideoFrame) -> DecodedFrame:
        damaged = bool(picture.is_corrupt) or (picture.pts is not None and picture.pts in self._marked)
        self.damage_seen = self.damage_seen or damaged or self.cause is not None
        time_s, before_s = self._clock.time_of(picture), self._last_s
        self._last_s = time_s
        lost, self._failed = self._failed, 0
        if time_s is not None and before_s is not None:
            self._note_gap(before_s, time_s)
            if self.damage_seen and self._even:
                lost = max(0, round((time_s - before_s) * self._fps) - 1)
        self._next_s = (
            None if time_s is None else time_s + float((picture.duration or 0) * (self._stream.time_base or 0))
        )
        self.lost, self._given = self.lost + lost, self._given + 1
        return DecodedFrame(picture, time_s, lost, damaged)

    def _note_gap(self, before_s: float, time_s: float) -> None:
        """Keep the longest time without a picture that the picture before does not fill by its own word."""
        self.steps += 1
        gap_s = time_s - (self._next_s or before_s)
        if self._fps and (time_s - before_s) * self._fps > _LONG_STEP:
            self.long_steps += 1
            self.gap_s = max(self.gap_s, (before_s, time_s), key=lambda gap: gap[1] - gap[0])
        if gap_s > _GAP_S:
            self.empty_s = max(self.empty_s, (before_s, time_s), key=lambda gap: gap[1] - gap[0])

    def _read_all(self) -> Iterator[Packet]:
        """Yield packets, reading on past places that cannot be read; the last one is empty and flushes the decoder."""
        failures = 0
        packets = self._container.demux(self._stream)
        while failures < _MOST_FAILURES:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError, ValueError) as error:
                failures, self.cause = failures + 1, self.cause or cause_of(error)
                packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            failures = 0
            yield packet
        self.gave_up = True
        yield Packet()

    def _decode(self, packet: Packet) -> list[VideoFrame]:
        if packet.size:
            self._count(packet)
        if packet.is_corrupt and self._container.format.name not in _KEPT_IF_DAMAGED:
            self._lose(packet, "it is cut off")
            return []
        if self._is_jpeg and packet.size and is_spoilt_jpeg(bytes(packet)):
            self._lose(packet, "its data holds something that is not JPEG")
            return []
        try:
            pictures = self._stream.codec_context.decode(packet if packet.size else None)
            self.trailing_s = 0.0 if pictures else self.trailing_s
            if self._is_jpeg and packet.size and is_damaged_jpeg(bytes(packet)):
                self._marked.extend(picture.pts for picture in pictures)
            return pictures
        except av.EOFError:
            return []
        except (av.FFmpegError, ValueError) as error:
            self._lose(packet, cause_of(error))
            return []

    def _count(self, packet: Packet) -> None:
        self.packets += 1
        self._clock.mend(packet)
        if packet.is_corrupt:
            self._marked.append(packet.pts)
            self._last_mark = self.packets

    def _lose(self, packet: Packet, cause: str) -> None:
        self.cause = self.cause or cause
        if packet.size:
            self._failed += 1
            self.trailing_s += float((packet.duration or 0) * (packet.time_base or 0))
