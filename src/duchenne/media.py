"""From files, folders, videos and cameras to frames."""

import glob
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from duchenne.cropping import Picture
from duchenne.errors import MediaError, UsageError

MAX_PIXELS = 180_000_000
"""Pictures beyond this are refused before they are decoded; 180 megapixels take half a gigabyte."""
PICTURE_ENDINGS = frozenset(".jpg .jpeg .jpe .png .bmp .tif .tiff .webp .gif .ppm .pgm .jp2 .avif".split())
VIDEO_ENDINGS = frozenset(".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .flv .mts .m2ts .ts .3gp .ogv".split())
STDIN = "-"
_CAMERA_INPUTS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


class SourceKind(StrEnum):
    """What a source is."""

    PICTURE = "picture"
    VIDEO = "video"
    CAMERA = "camera"


@dataclass(frozen=True)
class Source:
    """Something to look at: a path, "-" or "camera:0", and what it is."""

    name: str
    kind: SourceKind


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        source: The path, "-" for standard input or "camera:0".
        index: Counted from 0 in the source; 0 for a picture.
        timestamp_s: Presentation time from the start of the video; 0 for a picture.
        pixels: H x W x 3, RGB.
    """

    source: str
    index: int
    timestamp_s: float
    pixels: Picture


def expand_sources(arguments: Sequence[str]) -> tuple[list[Source], list[MediaError]]:
    """Return what the arguments name, in order, and a problem for each that names nothing.

    An argument is a file, a folder (its pictures and videos at any depth, in natural order), a quoted pattern such as
    "clips/*.mp4", a camera ("camera:0" or a bare number that is no file) or "-" for a picture on standard input.
    """
    sources: list[Source] = []
    problems: list[MediaError] = []
    for argument in arguments:
        try:
            sources += _expand(argument)
        except MediaError as error:
            problems.append(error)
    return sources, problems


def _expand(argument: str) -> list[Source]:
    if argument == STDIN:
        return [Source(STDIN, SourceKind.PICTURE)]
    path = Path(argument)
    if path.is_dir():
        found = [Source(str(p), kind) for p in _natural(path.rglob("*")) if (kind := _kind_by_ending(p)) is not None]
        if not found:
            raise MediaError(f"{argument}: the folder holds no picture and no video. Name a folder that does.")
        return found
    if path.exists():
        return [Source(argument, kind_of(path))]
    if match := re.fullmatch(r"(?:camera:)?(\d{1,3})", argument):
        return [Source(f"camera:{int(match[1])}", SourceKind.CAMERA)]
    matches = _natural(Path(p) for p in glob.glob(argument, recursive=True)) if glob.has_magic(argument) else []
    if not matches:
        raise MediaError(f"{argument}: there is no such file or folder. Check the spelling and the working folder.")
    return [Source(str(p), kind_of(p)) for p in matches if p.is_file()]


def _natural(paths: Iterator[Path] | Any) -> list[Path]:
    """Return visible paths sorted so that frame2 comes before frame10."""
    visible = [p for p in paths if not any(part.startswith(".") and part not in ("..", ".") for part in p.parts)]
    return sorted(visible, key=lambda p: [int(w) if w.isdigit() else w.lower() for w in re.split(r"(\d+)", str(p))])


def _kind_by_ending(path: Path) -> SourceKind | None:
    ending = path.suffix.lower()
    if not path.is_file():
        return None
    return SourceKind.PICTURE if ending in PICTURE_ENDINGS else SourceKind.VIDEO if ending in VIDEO_ENDINGS else None


def kind_of(path: Path) -> SourceKind:
    """Return whether a file is a picture or a video; by its ending, or by its content where the ending says nothing.

    Raises:
        MediaError: It is neither.
    """
    kind = _kind_by_ending(path)
    if kind is not None:
        return kind
    try:
        with Image.open(path):
            return SourceKind.PICTURE
    except (OSError, ValueError, Image.DecompressionBombError):
        pass
    try:
        with av.open(str(path)) as container:
            if container.streams.video:
                return SourceKind.VIDEO
    except (av.error.FFmpegError, OSError, ValueError):
        pass
    raise MediaError(f"{path}: neither a picture nor a video that can be read. Give a JPEG, PNG, MP4 or the like.")


def frame_from_array(pixels: np.ndarray, source: str = "array") -> Frame:
    """Return a frame of an array H x W x 3 (RGB) or H x W (grey), uint8.

    Raises:
        MediaError: The array has another shape or type.
    """
    if (
        pixels.dtype != np.uint8
        or pixels.size == 0
        or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3))
    ):
        raise MediaError(
            f"The array has shape {pixels.shape} and type {pixels.dtype}; a picture is H x W x 3 (RGB) or H x W, uint8."
        )
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    return Frame(source, 0, 0.0, np.ascontiguousarray(pixels))


def read_picture(source: str | Path) -> Frame:
    """Return a picture as RGB: EXIF orientation respected, grey and palette widened, alpha laid on white.

    Of an animated picture the first frame is read. "-" reads standard input.

    Raises:
        MediaError: It cannot be read, or is larger than `MAX_PIXELS`.
    """
    name = str(source)
    data: BytesIO | str = name
    if name == STDIN:
        data = BytesIO(sys.stdin.buffer.read())
        if not data.getbuffer().nbytes:
            raise MediaError("-: nothing came on standard input. Pipe a picture in: cat face.jpg | duchenne detect -")
    elif Path(name).is_dir():
        raise MediaError(f"{name}: a folder, where one picture was expected. Name a file in it.")
    elif Path(name).is_file() and Path(name).stat().st_size == 0:
        raise MediaError(f"{name}: the file is empty. Copy or download it again.")
    try:
        return Frame(name, 0, 0.0, _decode(name, data))
    except FileNotFoundError as error:
        raise MediaError(f"{name}: there is no such file. Check the spelling and the working folder.") from error
    except PermissionError as error:
        raise MediaError(f"{name}: not allowed to read it. Change its permissions.") from error
    except UnidentifiedImageError as error:
        raise MediaError(
            f"{name}: not a picture in any known format, whatever its name says. Open it in a viewer to see what it is."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise MediaError(
            f"{name}: the picture is damaged or cut short ({error}). Copy or download it again."
        ) from error


def _decode(name: str, data: BytesIO | str) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(data)
        except Image.DecompressionBombError as error:
            raise _too_large(name, "more than 350 megapixels") from error
        with picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise _too_large(name, f"{picture.width} x {picture.height}")
            return np.array(_as_rgb(ImageOps.exif_transpose(picture)))


def _too_large(name: str, found: str) -> MediaError:
    return MediaError(
        f"{name}: the picture has {found} pixels; up to {MAX_PIXELS // 10**6} megapixels are read. Scale it down first."
    )


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(picture, np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray((values * (255.0 / top)).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        opaque = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(opaque, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


class Video:
    """Frames of a video in order, decoded as they are asked for; a context manager.

    Timestamps are the container's own, so a variable frame rate stays true. The rotation flag is applied.

    Attributes:
        width, height: Of the frames as shown, after rotation.
        fps: Mean frames per second; 0 where the container does not say.
        duration_s: Length; None where the container does not say.
        frame_count: How many frames will come, estimated; None where nobody knows.
    """

    def __init__(self, name: str, container: Any, first_s: float, end_s: float | None, step: int, first: int) -> None:
        self.name, self._container = name, container
        self._start_s, self._end_s, self._step, self._first = first_s, end_s, step, first
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        context = self._stream.codec_context
        self.width, self.height = context.width, context.height
        self.fps = float(self._stream.average_rate or 0)
        self.duration_s = self._duration()
        self.frame_count = self._estimate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames; raise a `MediaError` where the video breaks off, after what came before it."""
        index, origin_s = -1, None
        try:
            for decoded in self._container.decode(self._stream):
                index += 1
                time_s = float(decoded.time) if decoded.time is not None else index / (self.fps or 25.0)
                origin_s = time_s if origin_s is None else origin_s
                time_s -= origin_s
                if self._end_s is not None and time_s > self._end_s:
                    return
                if index < self._first or time_s < self._start_s or index % self._step:
                    continue
                yield Frame(self.name, index, time_s, _upright(decoded))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise MediaError(
                f"{self.name}: the video breaks off after frame {index} ({_reason(error)}). "
                "What came before it is done; copy or download the file again for the rest."
            ) from error
        if index < 0 and self._container.duration != 0:
            raise MediaError(f"{self.name}: no frame could be decoded. Convert it, for example to H.264 in MP4.")

    def _duration(self) -> float | None:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return float(Fraction(self._container.duration, av.time_base)) if self._container.duration else None

    def _estimate(self) -> int | None:
        total = self._stream.frames or (round(self.duration_s * self.fps) if self.duration_s and self.fps else 0)
        if not total:
            return None
        fps = self.fps or total / (self.duration_s or 1.0)
        first = max(self._first, int(self._start_s * fps))
        last = total if self._end_s is None else min(total, int(self._end_s * fps) + 1)
        return max(0, -(-(last - first) // self._step))


def _upright(decoded: Any) -> Picture:
    pixels = decoded.to_ndarray(format="rgb24")
    turns = round(decoded.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels


def open_video(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    step: int = 1,
    first_frame: int = 0,
) -> Video:
    """Open a video for reading frame by frame.

    Args:
        path: The file.
        start_s: Leave out what comes before.
        end_s: Leave out what comes after.
        step: Give every step-th frame, counted from the first of the file.
        first_frame: Leave out frames with a lower index; they are decoded and dropped, so that indices stay exact.

    Raises:
        MediaError: The file is missing, empty, no video, or has no video stream.
        UsageError: The step or the time range makes no sense.
    """
    _check_range(start_s, end_s, step)
    name = str(path)
    if not Path(name).exists():
        raise MediaError(f"{name}: there is no such file. Check the spelling and the working folder.")
    if Path(name).is_file() and Path(name).stat().st_size == 0:
        raise MediaError(f"{name}: the file is empty (0 bytes). Copy or download it again.")
    try:
        container = av.open(name)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{name}: cannot be read as a video ({_reason(error)}). Play it to check it; convert it to MP4 if it plays."
        ) from error
    if not container.streams.video:
        container.close()
        raise MediaError(f"{name}: holds sound but no video stream. Name the file that has the picture.")
    return Video(name, container, start_s or 0.0, end_s, step, first_frame)


def open_camera(index: int) -> Video:
    """Open a camera by number.

    Raises:
        MediaError: There is no such camera, or it is in use.
    """
    kind, pattern = _CAMERA_INPUTS.get(sys.platform, _CAMERA_INPUTS["linux"])
    try:
        container = av.open(pattern.format(index), format=kind)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"camera:{index}: cannot be opened ({_reason(error)}). Plug it in, close other programs that use it, "
            "or try another number."
        ) from error
    return Video(f"camera:{index}", container, 0.0, None, 1, 0)


def _check_range(start_s: float | None, end_s: float | None, step: int) -> None:
    if step < 1:
        raise UsageError(f"The step is {step}; it must be at least 1 (every frame).")
    if start_s is not None and not start_s >= 0:
        raise UsageError(f"The start is {start_s:g} s; it must not be negative.")
    if end_s is not None and not end_s > (start_s or 0.0):
        raise UsageError(f"The end, {end_s:g} s, must come after the start, {start_s or 0:g} s.")


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return str(text).replace(os.linesep, " ").strip() or type(error).__name__
