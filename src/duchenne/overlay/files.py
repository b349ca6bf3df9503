"""Overlays on disk: a picture for each picture, a video for each video.

A file is written under a temporary name (`NAME.mp4.part`) and gets its own at the end, so a file with the final name
is whole. When a run is interrupted, the part that was drawn stays under the temporary name, closed so that it plays; a
video encoder cannot go on in the middle of a file, so the next run draws it anew. Sound is not copied. Each file says
of itself that it is an overlay, so that no later run takes it for a source.
"""

import io
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

import av
from av.container import OutputContainer
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from duchenne.cropping import Picture
from duchenne.errors import OutputError
from duchenne.files.whole_files import FULL_DISK, put_in_place, write_all, write_whole
from duchenne.media import Frame, Source
from duchenne.media.own_pictures import OVERLAY_MARK
from duchenne.overlay.drawing import draw
from duchenne.overlay.targets import is_moving, make_room, overlay_paths
from duchenne.results import FaceAUs
from duchenne.results.run_record import RunRecord

_TICKS_PER_S = 60_000
"""Time base of videos: the common frame rates are whole numbers of ticks, and MPEG-4 allows no more than 65,535."""
_JPEG_QUALITY = 92
_BT709 = 1
_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}


class OverlayWriter:
    """Draws the overlays of a run's sources; a context manager.

    Args:
        target: A file for one source, a folder for several.
        sources: All sources of the run.
        thresholds: Ticks on the bars, by AU name.
        overwrite: Whether existing files may be replaced.
        done: Names of sources whose overlay was drawn by an earlier run.
        goes_on: Whether an earlier run may have drawn pictures of the others, too; one that is as it would be drawn
            again is kept, any other is named when its turn comes.

    Raises:
        UsageError, OutputError: As `targets.overlay_paths` and `targets.make_room`, before any work.
    """

    def __init__(
        self,
        target: str | Path,
        sources: Sequence[Source],
        thresholds: Mapping[str, float],
        overwrite: bool = False,
        done: Collection[str] = (),
        goes_on: bool = False,
    ) -> None:
        self.paths = overlay_paths(Path(target), sources)
        left = [source for source in sources if source.name not in done and not (goes_on and not is_moving(source))]
        make_room(Path(target), [self.paths[source.name] for source in left], overwrite)
        self._overwrite = overwrite
        self._thresholds = dict(thresholds)
        self._video: VideoFile | None = None
        self._source: str | None = None

    def __enter__(self) -> "OverlayWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish_video()
        elif self._video is not None:
            self._video.abandon()

    def add(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Draw one frame; those of one video come one after another.

        Raises:
            OutputError: The file cannot be written.
        """
        if self._source != source.name:
            self._finish_video()
            self._source = source.name
        path = self.paths[source.name]
        if not is_moving(source):
            write_picture(path, draw(frame.pixels, faces, self._thresholds), self._overwrite)
            return
        if self._video is None:
            self._video = VideoFile(path, self._overwrite)
        self._video.add(draw(frame.pixels, faces, self._thresholds, f"{frame.timestamp_s:.2f} s"), frame.timestamp_s)

    def _finish_video(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            video.finish()


def write_picture(path: Path, pixels: Picture, overwrite: bool = True) -> None:
    """Write a picture in the format of its ending, whole or not at all; it says of itself that it is an overlay.

    A file that holds the same already is kept.

    Raises:
        OutputError: The disk is full or gone, or a file has appeared there that may not be replaced.
    """
    packed, image = io.BytesIO(), Image.fromarray(pixels)
    if path.suffix.lower() == ".png":
        said = PngInfo()
        said.add_text("comment", OVERLAY_MARK)
        image.save(packed, "PNG", pnginfo=said)
    else:
        image.save(packed, "JPEG", quality=_JPEG_QUALITY, subsampling=0, comment=OVERLAY_MARK.encode())
    try:
        if not overwrite and path.is_file() and path.read_bytes() == packed.getvalue():
            return
        write_whole(path, packed.getbuffer(), overwrite)
    except OSError as error:
        raise _failed(path, error) from error


class VideoFile:
    """A video that grows frame by frame: H.264 where the encoder is there, else MPEG-4; frames keep their times.

    Args:
        path: Final name; its ending chooses the container.
        overwrite: Whether a file of that name, or a part that an earlier run left, may be replaced.

    Raises:
        UsageError: A file that no run made bears the temporary name.
        OutputError: The file cannot be made.
    """

    def __init__(self, path: Path, overwrite: bool = True) -> None:
        self.path, self._overwrite = path, overwrite
        self._record = RunRecord(path, {"overlay": True})
        self._stream: VideoStream | None = None
        self._origin_s, self._last_tick = 0.0, -1
        try:
            if not overwrite:
                self._record.check_own()
            elif not self._record.is_own():
                self._record.remove()
            self._file = self._record.begin()
        except OSError as error:
            raise _failed(path, error) from error
        self._sink = _Sink(self._file)
        self._container: OutputContainer = av.open(self._sink, "w", format=_FORMATS[path.suffix.lower()])
        self._container.metadata["comment"] = OVERLAY_MARK

    def add(self, pixels: Picture, time_s: float) -> None:
        """Add a frame, of the same even size each time; times count from the first.

        Raises:
            OutputError: The disk is full or gone.
        """
        self._attempt(lambda: self._encode(pixels, time_s))

    def finish(self) -> None:
        """Close the file and give it its final name.

        Raises:
            OutputError: The disk is full or gone.
        """
        self._attempt(self._close)
        try:
            put_in_place(self._record.part, self.path, self._overwrite)
            self._record.remove()
        except OSError as error:
            raise _failed(self.path, error) from error

    def abandon(self) -> None:
        """Close the file under its temporary name, as far as the disk allows."""
        with suppress(av.FFmpegError, OSError):
            self._close()
        with suppress(OSError):
            self._file.close()
        self._record.close()

    def _encode(self, pixels: Picture, time_s: float) -> None:
        if self._stream is None:
            self._stream = _add_stream(self._container, pixels.shape[1], pixels.shape[0])
            self._origin_s = time_s
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        self._last_tick = max(round((time_s - self._origin_s) * _TICKS_PER_S), self._last_tick + 1)
        frame.pts, frame.time_base = self._last_tick, Fraction(1, _TICKS_PER_S)
        self._container.mux(self._stream.encode(frame))

    def _close(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if self._sink.error is not None:  # The library may not have handed it on.
            raise self._sink.error
        os.fsync(self._file.fileno())
        self._file.close()

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (av.FFmpegError, OSError) as error:
            self.abandon()
            raise _failed(self.path, error) from error


@lru_cache(maxsize=1)
def video_encoder() -> str:
    """Return the name of the best encoder that the installed FFmpeg has."""
    return next(name for name in ("libx264", "mpeg4") if name in av.codecs_available)


def _add_stream(container: OutputContainer, width: int, height: int) -> VideoStream:
    options = {"preset": "superfast", "crf": "20"} if video_encoder() == "libx264" else {"q": "3"}
    stream = cast(VideoStream, container.add_stream(video_encoder(), rate=30, options=options))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, _TICKS_PER_S)
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


class _Sink:
    """What the encoder writes to: all of a piece or an error, which is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            write_all(self._file, data)
        except OSError as error:
            self.error = self.error or error
            raise
        return len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()


def _failed(path: Path, error: Exception) -> OutputError:
    if isinstance(error, FileExistsError):
        there = error.filename2 or error.filename
        return OutputError(f"{path}: {there} lies there already. Move it away, or replace it with --overwrite.")
    cause = getattr(error, "strerror", None) or str(error)
    what = "the disk is full, and " if getattr(error, "errno", None) in FULL_DISK else ""
    return OutputError(
        f"{path}: {what}the overlay cannot be written ({cause}). Make room or check the permissions, then run it again."
    )
