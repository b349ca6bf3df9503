"""What is drawn on the picture itself: box, label, the 49 landmarks and the axes of the head."""

import numpy as np

from duchenne.facs import BROW_ENDS, NOSE_TIP
from duchenne.geometry import rotation_from_pose
from duchenne.overlay.canvas import (
    DARK,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Canvas,
    Colour,
    text_width,
)
from duchenne.results import FaceAUs

AXES: tuple[tuple[str, Colour, tuple[float, float, float]], ...] = (
    ("across", VERMILLION, (1.0, 0.0, 0.0)),
    ("up", GREEN, (0.0, -1.0, 0.0)),
    ("ahead", SKY, (0.0, 0.0, -1.0)),
)
"""Name, colour and direction in head axes of each line of the pose: the image's right, up, where the nose points."""
SEEN_FROM = 0.5
"""Landmarks whose visibility is below this are drawn hollow."""
_FACE_COLOURS = (YELLOW, SKY, PURPLE, ORANGE, GREEN, VERMILLION)
_SMALLEST_LABEL_PX, _LABEL_SIDES = 10, 0.12


def face_colour(face_id: int) -> Colour:
    """Return the colour of a face: the same for the same number."""
    return _FACE_COLOURS[face_id % len(_FACE_COLOURS)]


def draw_face(canvas: Canvas, face: FaceAUs, zoom: float, text_px: int, with_aus: bool) -> None:
    """Draw one face on the picture.

    Args:
        canvas: The picture, enlarged by `zoom`.
        face: In pixels of the picture before that.
        zoom: Scale of the canvas over the picture.
        text_px: Size of the label.
        with_aus: Whether to write the numbers of the present AUs under the box, for a face that has no bars.
    """
    left, top, width, height = (float(v) * zoom for v in face.box.box)
    side, colour = max(width, height), face_colour(face.face_id)
    thick = int(np.clip(side / 120, 1, text_px / 4 + 1))
    canvas.frame(left, top, left + width, top + height, thick + 2, DARK)
    canvas.frame(left - 1, top - 1, left + width + 1, top + height + 1, thick, colour)
    _draw_axes(canvas, face, zoom, side)
    _draw_landmarks(canvas, face, zoom, side, colour)
    edge = thick + 2
    label_px = round(min(text_px, max(_SMALLEST_LABEL_PX, _LABEL_SIDES * side)))
    below = _label(canvas, f"{face.face_id}   {face.box.confidence:.2f}", left - edge, top - edge, top + height + edge,
                   label_px, colour)  # fmt: skip
    if with_aus:
        present = " ".join(name.removeprefix("AU").lstrip("0") for name in np.array(face.aus)[face.occurrence])
        _label_at(canvas, f"AU {present or '-'}", left - edge, below, label_px, colour)


def _draw_landmarks(canvas: Canvas, face: FaceAUs, zoom: float, side: float, colour: Colour) -> None:
    radius = float(np.clip(0.009 * side, 1.25, 14))
    seen = face.landmarks.visibility >= SEEN_FROM
    for (x, y), visible in zip(face.landmarks.points * zoom, seen, strict=True):
        canvas.dot(float(x), float(y), radius, colour, hollow=not visible)


def _draw_axes(canvas: Canvas, face: FaceAUs, zoom: float, side: float) -> None:
    """Draw the head's axes from the forehead, where they hide no landmark; the one nearest the viewer comes last."""
    rotation = rotation_from_pose(face.pose)
    points = face.landmarks.points * zoom
    brows = points[list(BROW_ENDS[1:3])].mean(0)
    origin = brows + 0.3 * (brows - points[NOSE_TIP])
    tips = [(float((rotation @ direction)[2]), rotation @ direction, colour) for _, colour, direction in AXES]
    for _, tip, colour in sorted(tips, key=lambda item: -item[0]):
        end = origin + 0.28 * side * tip[:2]
        width = float(np.clip(side / 70, 2, 16))
        canvas.line((float(origin[0]), float(origin[1])), (float(end[0]), float(end[1])), width, colour)


def _label(canvas: Canvas, words: str, left: float, top: float, bottom: float, text_px: int, colour: Colour) -> float:
    """Write the label above the box, or below where there is no room; return where the next one below may begin."""
    high = 1.4 * text_px
    if top >= high:
        _label_at(canvas, words, left, top - high, text_px, colour)
        return bottom
    start = min(bottom, canvas.height - high)
    _label_at(canvas, words, left, start, text_px, colour)
    return start + high


def _label_at(canvas: Canvas, words: str, left: float, top: float, text_px: int, colour: Colour) -> None:
    high, pad = 1.4 * text_px, 0.4 * text_px
    wide = text_width(words, text_px) + 2 * pad
    left = max(0.0, min(left, canvas.width - wide))
    top = min(top, canvas.height - high)
    canvas.fill(left, top, left + wide, top + high, colour)
    canvas.text(left + pad, top + high / 2, words, text_px, DARK)
