"""Videos and cameras: frames in the order of presentation, one at a time, with their real times."""

import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from duchenne.cropping import Picture
from duchenne.errors import MediaError, UsageError
from duchenne.media.frame import Frame, check_readable

VIDEO_ENDINGS = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mts", "m2ts"),
        *("ts", "wmv", "asf", "flv", "3gp", "ogv", "mxf", "dv", "vob"),
    )
)
_BREAK_S = 0.5
"""A video that ends this much before its own header says has been cut off."""
_TIME_SLACK_S = 1e-6
_CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "vfwcap"}


class Video:
    """The frames of a video or a camera: a context manager and an iterator; memory does not grow with its length.

    Frames are counted from 0 as they are decoded, whether given or left out, so that an index always means the same
    picture. Times count from the start of the stream. Frames are turned upright by the rotation flag of the file.

    Attributes:
        name: As `Frame.source`.
        width: Of a frame as given, in pixels.
        height: Likewise.
        fps: Mean frames per second as the file states; None where it does not.
        duration_s: Length as the file states; None where it does not, and for a camera.
        frame_count: Frames in the whole file, stated or reckoned from length and speed; None where unknown.
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
    ) -> None:
        self.name = name
        self._container, self._stream = container, stream
        self._start_s, self._end_s = start_s, end_s
        self._step, self._first_frame = step, first_frame
        self._decoded = container.decode(stream)
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else None
        own_s = None if live else _stated_s(stream)
        whole_s = container.duration / av.time_base if container.duration and not live else None
        self.duration_s = min((v for v in (own_s, whole_s) if v is not None), default=None)
        self._due_s = self.duration_s if own_s is not None else None
        self.frame_count = None if live else self._estimate_count()
        self._origin_s = None if live or stream.start_time is None else _seconds(stream, stream.start_time)
        self._index, self._last_s = -1, 0.0
        self._peeked = self._decode_next()
        if self._peeked is None:
            raise MediaError(f"{name}: not one frame can be decoded. Copy the video again, or convert it to MP4.")
        size = (self._peeked.width, self._peeked.height)
        self.width, self.height = size[::-1] if _quarter_turns(self._peeked) % 2 else size

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

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        """Return the next frame that is asked for.

        Raises:
            MediaError: The video breaks off here; the frames before have been given.
        """
        while True:
            decoded, self._peeked = self._peeked or self._decode_next(), None
            if decoded is None:
                self._check_complete()
                raise StopIteration
            self._index += 1
            self._last_s = self._time_of(decoded)
            if self._end_s is not None and self._last_s > self._end_s + _TIME_SLACK_S:
                self._decoded, self._due_s = iter(()), None
                raise StopIteration
            if self._is_wanted():
                return Frame(self.name, self._index, self._last_s, _upright(decoded))

    def _is_wanted(self) -> bool:
        late_enough = self._start_s is None or self._last_s >= self._start_s - _TIME_SLACK_S
        return late_enough and self._index >= self._first_frame and self._index % self._step == 0

    def _decode_next(self) -> VideoFrame | None:
        try:
            return next(self._decoded, None)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(self._broken(f"its data is damaged ({_cause(error)})")) from None

    def _time_of(self, decoded: VideoFrame) -> float:
        """Return the frame's time; streams without time stamps (raw H.264) are timed by their frame rate."""
        time_s = decoded.time
        if time_s is None and self.fps is None:
            raise MediaError(f"{self.name}: the video holds neither time stamps nor a frame rate. Convert it to MP4.")
        if time_s is None:
            return self._index / (self.fps or math.inf)
        if self._origin_s is None:
            self._origin_s = time_s
        return time_s - self._origin_s

    def _check_complete(self) -> None:
        if self._due_s is not None and self._last_s + 1 / (self.fps or 1.0) + _BREAK_S < self._due_s:
            raise MediaError(self._broken("the file ends early"))

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
) -> Video:
    """Open a video in any container that FFmpeg reads.

    Args:
        path: The file.
        start_s: Leave out frames before this time.
        end_s: Stop after this time.
        step: Give the frames whose index is a multiple of it.
        first_frame: Leave out frames of a lower index, to continue where an earlier run stopped. What is left out is
            still decoded, since only so are indices and times right in every format.

    Raises:
        UsageError: `step`, `first_frame` or the time range makes no sense.
        MediaError: The file is missing, empty, no video, or has no video stream.
    """
    _check_range(start_s, end_s, step, first_frame)
    check_readable(Path(path), "a video")
    container, stream = _open(str(path), f"file:{path}", None, {"protocol_whitelist": "file"})
    stream.thread_type = "AUTO"
    return Video(container, stream, str(path), start_s=start_s, end_s=end_s, step=step, first_frame=first_frame)


def open_camera(index: int = 0, step: int = 1, end_s: float | None = None) -> Video:
    """Open a camera of this machine; its frames have the source "camera:INDEX" and count on until it is closed.

    Raises:
        UsageError: `index`, `step` or `end_s` makes no sense.
        MediaError: There is no such camera, it is busy, or this platform has no way to it.
    """
    _check_range(None, end_s, step, 0)
    if index < 0:
        raise UsageError(f"The camera number is {index}; cameras count from 0: camera:0.")
    name, format_name = f"camera:{index}", _CAMERA_FORMATS.get(sys.platform)
    if format_name is None or format_name not in _device_formats():
        raise MediaError(f"{name}: the video library here cannot read cameras on {sys.platform}. Record a video first.")
    device = str(index)
    if sys.platform == "linux":
        device = f"/dev/video{index}"
        present = sorted(str(found) for found in Path("/dev").glob("video*"))
        if device not in present:
            raise MediaError(
                f"{name}: there is no {device}; cameras found: {', '.join(present) or 'none'}. "
                "Plug one in, or name another by its number."
            )
    container, stream = _open(name, device, format_name, {})
    return Video(container, stream, name, end_s=end_s, step=step, live=True)


def _device_formats() -> set[str]:
    return {part for name in av.formats_available for part in name.split(",")}


def _check_range(start_s: float | None, end_s: float | None, step: int, first_frame: int) -> None:
    if step < 1:
        raise UsageError(f"The frame step is {step}; it must be 1 (every frame) or more.")
    if first_frame < 0:
        raise UsageError(f"The first frame is {first_frame}; frames count from 0.")
    for label, value in (("start", start_s), ("end", end_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(f"The {label} is at {value:g} s; a time counts from 0 at the start of the video.")
    if end_s is not None and end_s <= (start_s or 0.0):
        raise UsageError(f"The end, {end_s:g} s, does not lie after the start, {start_s or 0.0:g} s.")


def _open(name: str, url: str, format_name: str | None, options: dict[str, str]) -> tuple[InputContainer, VideoStream]:
    try:
        container = av.open(url, format=format_name, options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(_not_opened(name, _cause(error), format_name is not None)) from None
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if container.format.name == "tty" or (not streams and not container.streams.audio):
        container.close()
        raise MediaError(_not_opened(name, "no video stream found", False))
    if not streams:
        container.close()
        raise MediaError(
            f"{name}: the file holds sound but no video stream. Expected a video; check which file the recorder wrote."
        )
    return container, streams[0]


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _not_opened(name: str, error: str, camera: bool) -> str:
    if camera:
        return f"{name}: the camera cannot be opened ({error}). Close other programs that use it; check permissions."
    return (
        f"{name}: the content is not that of a video or the file is damaged ({error}). "
        "Expected MP4, MOV, MKV, WebM, AVI or the like; play it in a viewer, or copy it again."
    )


def _is_cover(stream: VideoStream) -> bool:
    """Return whether the stream is the cover picture of a sound file."""
    return bool(stream.disposition & Disposition.attached_pic)


def _seconds(stream: VideoStream, ticks: int) -> float:
    return float(ticks * stream.time_base) if stream.time_base is not None else 0.0


def _stated_s(stream: VideoStream) -> float | None:
    """Return the length of the video stream itself; Matroska keeps the time of its end in a tag like 00:00:02.400."""
    if stream.duration:
        return _seconds(stream, stream.duration)
    found = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if found is None:
        return None
    end_s = sum(float(v) * s for v, s in zip(found.groups(), (3600, 60, 1), strict=True))
    return max(0.0, end_s - _seconds(stream, stream.start_time or 0))


def _quarter_turns(decoded: VideoFrame) -> int:
    """Return how many quarter turns counter-clockwise bring the frame upright."""
    return round(decoded.rotation / 90) % 4


def _upright(decoded: VideoFrame) -> Picture:
    pixels = decoded.to_ndarray(format="rgb24")
    turns = _quarter_turns(decoded)
    return np.ascontiguousarray(np.rot90(pixels, turns) if turns else pixels)
