"""Pictures of videos that a browser cannot play (AVI, MPEG-4 part 2, HEVC, ...), one by one, for any moment."""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from duchenne.media.moments import VideoMoments

_OPEN_VIDEOS = 3
_JPEG_QUALITY = 85
LEAST_WIDTH, MOST_WIDTH = 160, 1920


@dataclass(frozen=True)
class Film:
    """What the page must know of a video to show it.

    Attributes:
        width: Of its pictures, in pixels.
        height: Likewise.
        fps: Mean frames per second.
        duration_s: Its length; None where the file does not state it.
    """

    width: int
    height: int
    fps: float
    duration_s: float | None


class ServedPictures:
    """Decodes one picture at a time; the videos that were asked for last stay open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, VideoMoments] = OrderedDict()

    def film(self, path: Path) -> Film:
        """Return what is known of a video.

        Raises:
            MediaError: It cannot be decoded.
        """
        with self._lock:
            video = self._video(path)
            return Film(video.width, video.height, video.fps, video.duration_s)

    def jpeg(self, path: Path, time_s: float, width: int) -> tuple[bytes, float]:
        """Return the picture that is shown at a time, at most so wide, and when it begins.

        Raises:
            MediaError: It cannot be decoded.
        """
        with self._lock:
            frame = self._video(path).at(time_s)
        picture = Image.fromarray(frame.pixels)
        picture.thumbnail((min(max(width, LEAST_WIDTH), MOST_WIDTH),) * 2, Image.Resampling.BILINEAR)
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_JPEG_QUALITY)
        return data.getvalue(), frame.timestamp_s

    def close(self) -> None:
        """Close all videos."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _video(self, path: Path) -> VideoMoments:
        if path not in self._open:
            self._open[path] = VideoMoments(path)
            if len(self._open) > _OPEN_VIDEOS:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(path)
        return self._open[path]
