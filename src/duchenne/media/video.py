"""Videos and cameras: frames in the order of presentation, one at a time, with their real times."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.stream import VideoStream

from duchenne.errors import MediaError, UsageError
from duchenne.media.container import check_size, open_container, stated_fps, stated_s
from duchenne.media.decoding import DecodedFrame, FrameDecoder
from duchenne.media.frame import Frame, check_readable
from duchenne.media.frame_clock import FrameClock
from duchenne.media.hardware_decoding import OFF, accelerator, hardware_for
from duchenne.media.notes import DamagedFrames, clock_notes, damage_notes, decoder_notes, picture_notes
from duchenne.media.upright import UprightPictures
from duchenne.media.wholeness import is_whole, later_recordings

_BREAK_S = 0.5
"""A video that ends this much before its own header says has been cut off, where its structure does not say more."""
_TIME_SLACK_S = 1e-6
_USUAL_FPS = 25.0


class Video:
    """The frames of a video or a camera: a context manager and an iterator; memory does not grow with its length.

    Frames are counted from 0, whether given or left out, those that are too damaged to decode among them, so that an
    index always means the same picture. Times count from the start of the file, as players show them, and never fall.
    Frames are upright by the rotation flag of the file, have square pixels, and all have the size of the first.

    Attributes:
        name: As `Frame.source`.
        width: Of a frame as given, in pixels.
        height: Likewise.
        fps: Mean frames per second as the file states; None where it does not.
        duration_s: Length as the file states; None where it does not, and for a camera.
        frame_count: Frames in the whole file, stated or reckoned from length and speed; None where unknown.
        has_sound: Whether the file has sound, too.
        start_offset_s: By how much the pictures begin after the file, whose sound begins first; 0 for a camera.

    Args:
        container: Open; closed with this.
        stream: Of its pictures.
        name: As `Frame.source`.
        start_s: As in `open_video`, like the others.
        end_s: Likewise.
        step: Likewise.
        first_frame: Likewise.
        live: Whether it is a camera.
        fallen_from: The device that was to decode it and cannot.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        name: str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        step: int = 1,
        first_frame: int = 0,
        live: bool = False,
        fallen_from: str | None = None,
    ) -> None:
        self.name, self._fallen_from = name, fallen_from
        self._container, self._stream, self._live = container, stream, live
        self._start_s, self._end_s = start_s, end_s
        self._step, self._first_frame = step, first_frame
        self.fps = stated_fps(container, stream)
        self._own_s = None if live else stated_s(stream)
        whole_s = container.duration / av.time_base if container.duration and not live else None
        self.duration_s = min((v for v in (self._own_s, whole_s) if v is not None), default=None)
        self.frame_count = None if live else self._estimate_count()
        self._clock = FrameClock(container, stream, 1 / (self.fps or _USUAL_FPS), live)
        self._decoder = FrameDecoder(container, stream, self._clock)
        self._index, self._last_s, self._given, self._ended = -1, 0.0, 0, False
        self._damaged = DamagedFrames()
        self._missing = 0
        first = self._first()
        self._peeked: DecodedFrame | None = first
        self._pictures = UprightPictures(stream, first.picture)
        self.width, self.height = self._pictures.width, self._pictures.height
        check_size(name, self.width, self.height)
        self.start_offset_s, self._untimed = first.time_s or 0.0, first.time_s is None
        self.has_sound = bool(container.streams.audio)
        self._streams, self._stream_number = len(container.streams.video), stream.index

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the decoder; called at the end of a `with`."""
        self._peeked = None
        self._container.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know of what was read so far: mended, lost, chosen."""
        return (
            *decoder_notes(self._fallen_from),
            *clock_notes(self._clock, self.start_offset_s, self.has_sound, self.fps if self._untimed else None),
            *picture_notes(self._pictures, self._streams, self._stream_number),
            *damage_notes(self._decoder, self._damaged, self._missing),
        )

    @property
    def expected_frames(self) -> int | None:
        """How many frames will be given in the chosen range, as well as the header lets one know; None if unknown."""
        if self.frame_count is None:
            return None
        fps = self.fps or _USUAL_FPS
        last = self.frame_count if self._end_s is None else min(self.frame_count, int(self._end_s * fps) + 1)
        return max(0, -(-(last - int((self._start_s or 0.0) * fps)) // self._step))

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        """Return the next frame that is asked for.

        Raises:
            MediaError: The video breaks off here, and the frames before have been given; or there is none in the range
                that was asked for.
        """
        while not self._ended:
            decoded, self._peeked = self._peeked or next(self._decoder, None), None
            if decoded is None:
                self._end()
                break
            self._index += 1 + decoded.lost
            self._last_s = self._time_of(decoded)
            if self._end_s is not None and self._last_s > self._end_s + _TIME_SLACK_S:
                self._ended = True
                self._check_given()
                break
            if decoded.damaged:
                self._damaged.add(self._last_s)
            if self._is_wanted():
                self._given += 1
                pixels = self._pictures.pixels_of(decoded.picture)
                return Frame(self.name, self._index, self._last_s, pixels, decoded.damaged)
            self._pictures.see(decoded.picture)
        raise StopIteration

    def _first(self) -> DecodedFrame:
        first = next(self._decoder, None)
        if first is None:
            cause = f" ({self._decoder.cause})" if self._decoder.cause else ""
            raise MediaError(
                f"{self.name}: not one frame can be decoded{cause}. Copy the video again, or convert it to MP4."
            )
        return first

    def _is_wanted(self) -> bool:
        late_enough = self._start_s is None or self._last_s >= self._start_s - _TIME_SLACK_S
        return late_enough and self._index >= self._first_frame and self._index % self._step == 0

    def _time_of(self, decoded: DecodedFrame) -> float:
        """Return the frame's time; streams without time stamps (raw H.264) are timed by their frame rate."""
        if decoded.time_s is not None:
            return decoded.time_s
        if self.fps is None:
            raise MediaError(f"{self.name}: the video holds neither time stamps nor a frame rate. Convert it to MP4.")
        return self._index / self.fps

    def _end(self) -> None:
        """Raise MediaError if the video ends before it should, or nothing of it was asked for."""
        self._ended = True
        if self._container.format.name == "avi" and self._decoder.damage_seen:
            self._missing = self._stream.frames - self._decoder.packets
        if not self._live:
            self._check_complete()
        self._check_given()

    def _check_complete(self) -> None:
        path, kind, decoder = Path(self.name), self._container.format.name, self._decoder
        if decoder.gave_up or decoder.trailing_s > _BREAK_S:
            raise MediaError(self._broken(f"its data is damaged from there on ({decoder.cause})"))
        whole = is_whole(path, kind)
        if whole is False or self._lacks_frames() or (whole is None and (decoder.cut_off or self._ends_early())):
            raise MediaError(self._broken("the file ends early"))
        if others := later_recordings(path, kind):
            raise MediaError(
                f"{self.name}: the file holds {others + 1} recordings that were joined byte by byte; players and this "
                f"program see the first alone, {self._index + 1} frames. Join the videos with FFmpeg instead."
            )

    def _lacks_frames(self) -> bool:
        """Return whether there are fewer frames than the index of an MP4 file lists."""
        return "mp4" in self._container.format.name and self._decoder.packets < self._stream.frames

    def _ends_early(self) -> bool:
        frame_s = 1 / (self.fps or 1.0)
        return self._own_s is not None and self._last_s + frame_s + _BREAK_S < self._own_s

    def _check_given(self) -> None:
        if self._given or self._first_frame:
            return
        start, end = self._start_s or 0.0, "the end" if self._end_s is None else f"{self._end_s:g} s"
        raise MediaError(
            f"{self.name}: no frame from {start:g} s to {end}, the range that was asked for; the video goes from "
            f"{self.start_offset_s:.2f} to {self._last_s:.2f} s. Choose another --start or --end."
        )

    def _broken(self, cause: str) -> str:
        length = f" of {self.duration_s:.2f} s" if self.duration_s else ""
        reached = f"breaks off after {self._index + 1} frames, at {self._last_s:.2f} s{length}"
        return f"{self.name}: the video {reached}; {cause}. What came before is done; copy or convert the file again."

    def _estimate_count(self) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        if self.duration_s is None or self.fps is None:
            return None
        return round(self.duration_s * self.fps)


def open_video(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    step: int = 1,
    first_frame: int = 0,
    hardware_decoding: str = OFF,
) -> Video:
    """Open a video in any container that FFmpeg reads.

    Args:
        path: The file.
        start_s: Leave out frames before this time.
        end_s: Stop after this time.
        step: Give the frames whose index is a multiple of it.
        first_frame: Leave out frames of a lower index, to continue where an earlier run stopped. What is left out is
            still decoded, since only so are indices and times right in every format.
        hardware_decoding: The device that decodes, as `hardware_decoding.hardware_for` takes it. What it cannot decode
            is decoded in software, and `Video.notes` says so.

    Raises:
        UsageError: `step`, `first_frame` or the time range makes no sense.
        MediaError: The file is missing, empty, no video, or has no video stream, or its frames are too large.
        DeviceError: The device was asked for by name and cannot be used here.
    """
    check_range(start_s, end_s, step, first_frame)
    check_readable(Path(path), "a video")
    opened = partial(_opened, str(path), start_s=start_s, end_s=end_s, step=step, first_frame=first_frame)
    if (hardware := hardware_for(hardware_decoding)) == OFF:
        return opened()
    try:
        return opened(hardware=accelerator(hardware))
    except MediaError:
        return opened(fallen_from=hardware)


def _opened(name: str, *, hardware: HWAccel | None = None, **options: Any) -> Video:
    container, stream = open_container(name, f"file:{name}", hardware)
    try:
        return Video(container, stream, name, **options)
    except MediaError:
        container.close()
        raise


def check_range(start_s: float | None, end_s: float | None, step: int, first_frame: int) -> None:
    """Raise UsageError where a choice of frames makes no sense."""
    if step < 1:
        raise UsageError(f"The frame step is {step}; it must be 1 (every frame) or more.")
    if first_frame < 0:
        raise UsageError(f"The first frame is {first_frame}; frames count from 0.")
    for label, value in (("start", start_s), ("end", end_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"The {label} is at {value:g} s; a time counts from 0 at the start of the video.")
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UsageError(f"The end, {end_s:g} s, does not lie after the start, {start_s or 0.0:g} s.")
