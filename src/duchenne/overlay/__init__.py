"""From faces and frames to pictures and videos that show what was found."""

from duchenne.overlay.drawing import draw
from duchenne.overlay.files import OverlayWriter, VideoFile, write_picture

__all__ = ["OverlayWriter", "VideoFile", "draw", "write_picture"]
