"""From a picture and its faces to one picture that shows both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from duchenne.cropping import Picture
from duchenne.overlay.canvas import Canvas
from duchenne.overlay.marks import draw_face
from duchenne.overlay.panel import BACKGROUND, PANEL_EMS, draw_panel
from duchenne.results import FaceAUs

_SMALLEST_HEIGHT_PX = 400
"""Lower pictures are enlarged by a whole factor, so that landmarks and text stay apart ..."""
_LARGEST_ENLARGED_PX = 4096
"""... as long as neither side becomes longer than this."""
_SMALLEST_TEXT_PX, _LEGIBLE_SHARE = 10, 0.01
"""Text is never smaller than this, in pixels and as a part of the picture's height."""
_ROWS_OF_BARS = 39.0
"""Text sizes that fit into the height of a picture; the bars of all AUs need 37."""
_PANEL_SHARE = 0.42
"""The panel takes at most this part of the picture's width, as far as its text stays legible."""


@dataclass(frozen=True)
class Layout:
    """The sizes of an overlay, all in pixels; they depend on the size of the picture alone, so a video keeps them.

    Attributes:
        zoom: The picture is enlarged by this.
        picture_width, picture_height: After that.
        width, height: Of the overlay; even, as video encoders need it.
        text: Size of the largest text.
    """

    zoom: int
    picture_width: int
    picture_height: int
    width: int
    height: int
    text: int


def layout_of(width: int, height: int) -> Layout:
    """Return the sizes of the overlay of a picture of this size."""
    zoom = max(1, min(-(-_SMALLEST_HEIGHT_PX // height), _LARGEST_ENLARGED_PX // max(width, height)))
    wide, high = zoom * width, zoom * height
    by_size = min(high / _ROWS_OF_BARS, _PANEL_SHARE * wide / PANEL_EMS)
    text = max(_SMALLEST_TEXT_PX, int(by_size), int(high * _LEGIBLE_SHARE))
    total_high = max(high, int(_ROWS_OF_BARS * _SMALLEST_TEXT_PX))
    total_wide = wide + round(PANEL_EMS * text)
    return Layout(zoom, wide, high, total_wide + total_wide % 2, total_high + total_high % 2, text)


def draw(pixels: Picture, faces: Sequence[FaceAUs], thresholds: Mapping[str, float], caption: str = "") -> Picture:
    """Return the picture with box, landmarks and head axes of each face, and a panel of AU bars on its right.

    Nothing is laid over the faces but the marks themselves. Landmarks that are not visible are hollow. The axes start
    on the forehead. A tick on each bar is the threshold; AUs that reach it have a dot and a bright bar. Colours are
    told apart by colour-blind readers. Small pictures are enlarged by a whole factor.

    Args:
        pixels: H x W x 3, RGB; left as it is.
        faces: The faces of this picture.
        thresholds: By AU name, for every AU of the faces.
        caption: A short remark for the foot of the panel.
    """
    sizes = layout_of(pixels.shape[1], pixels.shape[0])
    out = np.empty((sizes.height, sizes.width, 3), np.uint8)
    out[sizes.picture_height :, : sizes.picture_width] = BACKGROUND
    out[: sizes.picture_height, : sizes.picture_width] = _enlarged(pixels, sizes)
    listed = draw_panel(Canvas(out[:, sizes.picture_width :]), faces, thresholds, sizes.text, caption)
    picture = Canvas(out[: sizes.picture_height, : sizes.picture_width])
    for face in faces:
        draw_face(picture, face, sizes.zoom, sizes.text, with_aus=face.face_id not in listed)
    return out


def _enlarged(pixels: Picture, sizes: Layout) -> Picture:
    if sizes.zoom == 1:
        return pixels
    size = (sizes.picture_width, sizes.picture_height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
