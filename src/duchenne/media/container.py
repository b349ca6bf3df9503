"""Opened containers: which formats are read, and which of their streams is the picture."""

import re
from fractions import Fraction

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from duchenne.errors import MediaError

VIDEO_ENDINGS = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mts", "m2ts"),
        *("ts", "wmv", "asf", "flv", "3gp", "ogv", "mxf", "dv", "vob"),
    )
)
MAX_VIDEO_PIXELS = 40_000_000
"""Videos with larger frames are refused before decoding; 8K (7680 x 4320) has 33 million."""

_FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo"),
    *("asf", "asf_o", "flv", "live_flv", "ogg", "mxf", "dv", "nut", "ivf", "rm", "gxf", "nsv", "wtv", "dhav", "cine"),
    *("h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "m4v", "vc1", "mjpeg", "mpjpeg", "yuv4mpegpipe"),
    *("mp3", "aac", "flac", "wav", "aiff"),
)
"""FFmpeg's names of what is opened: files that hold their pictures, and sound, which is then named as such. Playlists
are not among them, since they make other files be read."""
_DECODER_BYTES = 256 << 20
"""Frames that the threads of a decoder may hold together."""
_BYTES_PER_PIXEL = 3
_THUMBNAILS = Disposition.attached_pic | Disposition.timed_thumbnails


def open_container(name: str, url: str, hardware: HWAccel | None = None) -> tuple[InputContainer, VideoStream]:
    """Open a file and choose the video stream that players show.

    Args:
        name: For messages.
        url: What FFmpeg opens.
        hardware: The device that decodes; None for the processor.

    Raises:
        MediaError: It is of no format that is read, damaged, without a video stream, or its frames are too large; or
            the device cannot decode this stream.
    """
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(_FORMATS),
        "max_pixels": str(MAX_VIDEO_PIXELS),
    }
    try:
        container = av.open(url, options=options, hwaccel=hardware)
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise MediaError(_not_opened(name, cause_of(error))) from None
    try:
        stream = shown_stream(container, name)
        check_size(name, stream.codec_context.width, stream.codec_context.height)
        if hardware is not None and not stream.codec_context.is_hwaccel:
            raise MediaError(_not_opened(name, "the device has no decoder for it"))
    except MediaError:
        container.close()
        raise
    stream.codec_context.options = {"max_pixels": str(MAX_VIDEO_PIXELS)}
    set_threads(stream, container.format.name)
    if hardware is not None:
        stream.codec_context.thread_count = 1  # The device does the work.
    return container, stream


def shown_stream(container: InputContainer, name: str) -> VideoStream:
    """Return the video stream that players show: the one marked as default, else the one that FFmpeg prefers.

    Cover pictures and thumbnails are no videos.

    Raises:
        MediaError: There is none, or none that can be decoded.
    """
    streams = [s for s in container.streams.video if not s.disposition & _THUMBNAILS]
    if not streams and container.streams.audio:
        raise MediaError(
            f"{name}: the file holds sound but no video stream. Expected a video; check which file the recorder wrote."
        )
    if not streams:
        raise MediaError(_not_opened(name, "no video stream found"))
    decodable = [s for s in streams if s.codec_context is not None]
    if not decodable:
        raise MediaError(f"{name}: FFmpeg has no decoder for this video. Convert it to MP4 (H.264) first.")
    best = container.streams.best("video")
    return max(decodable, key=lambda s: (bool(s.disposition & Disposition.default), s is best, -s.index))


def check_size(name: str, width: int, height: int) -> None:
    """Refuse frames that are too large.

    Raises:
        MediaError: They have more than `MAX_VIDEO_PIXELS`.
    """
    if width * height > MAX_VIDEO_PIXELS:
        limit = f"{MAX_VIDEO_PIXELS // 10**6} million"
        raise MediaError(f"{name}: frames of {width} x {height} pixels; the limit is {limit}. Scale the video down.")


def set_threads(stream: VideoStream, format_name: str) -> None:
    """Let a decoder use as many threads as its frames allow; a codec without references has no gain from more than one.

    Each thread that decodes ahead holds frames of its own. Without them, a damaged frame is known as soon as it is met,
    which matters in AVI, whose times are counted.
    """
    context = stream.codec_context
    if context.codec.intra_only or format_name == "avi":
        stream.thread_type = "SLICE"
        return
    stream.thread_type = "AUTO"
    frame_bytes = max(1, context.width * context.height * _BYTES_PER_PIXEL)
    if _DECODER_BYTES // frame_bytes < 16:  # As many as FFmpeg takes at most.
        context.thread_count = max(1, _DECODER_BYTES // frame_bytes)


def seconds(stream: VideoStream, ticks: int) -> float:
    """Return a time of a stream in seconds."""
    return float(ticks * (stream.time_base or Fraction(0)))


def stated_fps(container: InputContainer, stream: VideoStream) -> float | None:
    """Return the frames per second that a file states; of bare streams, for which FFmpeg assumes 25, the codec's."""
    rate = stream.average_rate or stream.guessed_rate
    if Flags.no_timestamps in Flags(container.format.flags):
        rate = stream.codec_context.framerate or rate
    return float(rate) if rate else None


def stated_s(stream: VideoStream) -> float | None:
    """Return the length of the video stream itself; Matroska keeps the time of its end in a tag like 00:00:02.400."""
    if stream.duration:
        return seconds(stream, stream.duration)
    found = re.fullmatch(r"(\d{1,6}):(\d{1,2}):(\d{1,2}(?:\.\d*)?)", stream.metadata.get("DURATION", ""))
    if found is None:
        return None
    end_s = sum(float(v) * s for v, s in zip(found.groups(), (3600, 60, 1), strict=True))
    return max(0.0, end_s - seconds(stream, stream.start_time or 0))


def cause_of(error: Exception) -> str:
    """Return what FFmpeg or the system says of an error."""
    return getattr(error, "strerror", None) or str(error)


def _not_opened(name: str, cause: str) -> str:
    return (
        f"{name}: the content is not that of a video or the file is damaged ({cause}). Expected MP4, MOV, MKV, WebM, "
        "AVI or the like; play it in a viewer, or copy it again. Playlists (.m3u8, .ffconcat, .sdp) are not read: name "
        "the videos themselves."
    )
