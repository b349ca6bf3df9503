"""From files, folders, videos and cameras to frames."""

from duchenne.media.camera import open_camera
from duchenne.media.container import MAX_VIDEO_PIXELS, VIDEO_ENDINGS
from duchenne.media.frame import Frame
from duchenne.media.in_memory import PictureLike, frame_from_array, frame_of
from duchenne.media.limits import MAX_PIXELS
from duchenne.media.picture import PICTURE_ENDINGS, read_picture, read_standard_input
from duchenne.media.sources import Source, SourceKind, expand_sources, kind_of
from duchenne.media.video import Video, open_video

__all__ = [
    "MAX_PIXELS",
    "MAX_VIDEO_PIXELS",
    "PICTURE_ENDINGS",
    "VIDEO_ENDINGS",
    "Frame",
    "PictureLike",
    "Source",
    "SourceKind",
    "Video",
    "expand_sources",
    "frame_from_array",
    "frame_of",
    "kind_of",
    "open_camera",
    "open_video",
    "read_picture",
    "read_standard_input",
]
