"""What is drawn beside the picture: for each face its pose and a bar for each action unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duchenne.facs import AU_BY_NAME
from duchenne.overlay.canvas import DARK, ORANGE, WHITE, Canvas, Colour, text_width
from duchenne.overlay.marks import AXES, face_colour
from duchenne.results import FaceAUs

BACKGROUND: Colour = (26, 26, 31)
_TRACK: Colour = (62, 62, 70)
_ABSENT: Colour = (128, 128, 138)
_DIM: Colour = (165, 165, 172)

_EMS_BY_COLUMNS = {1: 25.5, 2: 11.0, 3: 7.6, 4: 7.0}
"""Width of one column of bars in text sizes: with titles and numbers, with numbers, with names and bars alone."""
_NEARLY = 0.8
"""Fewer columns, which say more, are preferred while they keep this part of the largest possible text."""
_SMALLEST_PX = 6
_ROW_EMS = 1.3
_TALLEST_ROW_EMS = 1.6
_HEADER_EMS = {1: 3.6, 2: 3.2, 3: 1.8, 4: 1.8}
PANEL_EMS = _EMS_BY_COLUMNS[1] + 2.0
"""Width of the panel in text sizes, margins included."""


@dataclass(frozen=True)
class Blocks:
    """How the faces of one frame share the panel.

    Attributes:
        count: Faces that have a block.
        columns: Columns of bars in a block.
        text_px: Size of their text.
        height_px: Of a block.
    """

    count: int
    columns: int
    text_px: int
    height_px: float


def share_panel(faces: int, aus: int, width_px: float, height_px: float, text_px: int, smallest_px: int) -> Blocks:
    """Return the division that gives about the largest text; faces that would make it too small go without."""
    for count in range(faces, 0, -1):
        sizes = {c: _text_px(c, aus, width_px, height_px / count, text_px) for c in _EMS_BY_COLUMNS}
        columns = min(c for c, size in sizes.items() if size >= _NEARLY * max(sizes.values()))
        size = sizes[columns]
        if size >= smallest_px or count == 1:
            tallest = size * (_HEADER_EMS[columns] + _TALLEST_ROW_EMS * -(-aus // columns) + 1)
            return Blocks(count, columns, max(size, _SMALLEST_PX), min(height_px / count, tallest))
    return Blocks(0, 1, text_px, height_px)


def _text_px(columns: int, aus: int, width_px: float, height_px: float, text_px: int) -> int:
    rows = -(-aus // columns)
    by_height = height_px / (_HEADER_EMS[columns] + _ROW_EMS * rows + 0.6)
    by_width = width_px / (columns * _EMS_BY_COLUMNS[columns])
    return int(min(text_px, by_height, by_width))


def draw_panel(
    canvas: Canvas, faces: Sequence[FaceAUs], thresholds: Mapping[str, float], text_px: int, caption: str
) -> set[int]:
    """Fill the panel and return the numbers of the faces that have bars in it.

    Args:
        canvas: The panel.
        faces: All faces of the frame.
        thresholds: By AU name; a tick on each bar.
        text_px: Largest text.
        caption: What to write at the bottom, for example the time; may be empty.
    """
    canvas.fill(0, 0, canvas.width, canvas.height, BACKGROUND)
    margin, foot = float(text_px), canvas.height - 0.9 * text_px
    height = canvas.height - 3.6 * text_px
    smallest = max(9, round(canvas.height / 80))
    blocks = share_panel(len(faces), len(thresholds), canvas.width - 2 * margin, height, text_px, smallest)
    largest = sorted(faces, key=lambda face: -float(face.box.box[2] * face.box.box[3]))[: blocks.count]
    shown = sorted(largest, key=lambda face: face.face_id)
    for number, face in enumerate(shown):
        top = 0.4 * text_px + number * blocks.height_px
        _draw_block(canvas, face, thresholds, blocks, margin, top)
    _draw_legend(canvas, margin, foot - 1.3 * text_px, text_px)
    hidden = len(faces) - len(shown)
    remark = "no face found" if not faces else f"and {hidden} more, with AUs at the box" if hidden else ""
    canvas.text(margin, foot, "   ".join(v for v in (caption, remark) if v), text_px, WHITE)
    return {face.face_id for face in shown}


def _draw_legend(canvas: Canvas, left: float, middle: float, text_px: int) -> None:
    """Name the axes of the head in their colours."""
    small = max(_SMALLEST_PX, round(0.8 * text_px))
    canvas.text(left, middle, "head axes", small, _DIM)
    left += text_width("head axes", small) + text_px
    for name, colour, _ in AXES:
        canvas.fill(left, middle - 0.12 * small, left + 1.2 * small, middle + 0.12 * small, colour)
        canvas.text(left + 1.5 * small, middle, name, small, _DIM)
        left += text_width(name, small) + 2.5 * small


def _draw_block(
    canvas: Canvas, face: FaceAUs, thresholds: Mapping[str, float], blocks: Blocks, left: float, top: float
) -> None:
    em, columns = blocks.text_px, blocks.columns
    header = _HEADER_EMS[columns] * em
    _draw_header(canvas, face, left, top, em, two_lines=header > 2 * em)
    rows = -(-len(face.aus) // columns)
    row_px = min((blocks.height_px - header - 0.6 * em) / rows, _TALLEST_ROW_EMS * em)
    wide = (canvas.width - 2 * left) / columns
    for k, name in enumerate(face.aus):
        x, middle = left + (k // rows) * wide, top + header + (k % rows + 0.5) * row_px
        span = wide if columns == 1 else wide - 0.8 * em
        letter = None if face.intensity is None else face.letter_of(name)
        _draw_row(canvas, name, float(face.probability[k]), bool(face.occurrence[k]), letter, thresholds.get(name),
                  x, middle, span, em, columns)  # fmt: skip


def _draw_header(canvas: Canvas, face: FaceAUs, left: float, top: float, em: int, two_lines: bool) -> None:
    pose = face.pose
    middle = top + 0.9 * em
    canvas.fill(left, middle - 0.45 * em, left + 0.9 * em, middle + 0.45 * em, face_colour(face.face_id))
    name = f"face {face.face_id}"
    canvas.text(left + 1.4 * em, middle, name, em, WHITE)
    after = left + 2.2 * em + text_width(name, em)
    pose_text = f"yaw {pose.yaw_deg:+.0f}°  pitch {pose.pitch_deg:+.0f}°  roll {pose.roll_deg:+.0f}°"
    if two_lines:
        canvas.text(after, middle, f"confidence {face.box.confidence:.2f}", em, _DIM)
        canvas.text(left + 1.4 * em, middle + 1.4 * em, pose_text, em, _DIM)
    else:
        canvas.text(after, middle, pose_text, em, _DIM)


def _draw_row(
    canvas: Canvas,
    name: str,
    probability: float,
    present: bool,
    letter: str | None,
    threshold: float | None,
    left: float,
    middle: float,
    span: float,
    em: int,
    columns: int,
) -> None:
    """Draw one AU: a dot where it is present, its name, its title where there is room, the bar, number and letter."""
    ink = WHITE if present else _DIM
    if present:
        canvas.dot(left + 0.35 * em, middle, 0.24 * em, ORANGE)
    canvas.text(left + em, middle, name if columns < 3 else name.removeprefix("AU"), em, ink)
    bar_left = left + {1: 15.3, 2: 4.3}.get(columns, 2.6) * em
    bar_right = left + span - ((2.6 if letter is None else 3.9) * em if columns < 3 else 0)
    if columns == 1:
        canvas.text(left + 4.3 * em, middle, AU_BY_NAME[name].title, em, ink)
    if columns < 3:
        canvas.text(bar_right + 0.5 * em, middle, f"{probability:.2f}", em, ink)
        canvas.text(bar_right + 2.9 * em, middle, letter or "", em, ORANGE)
    top, bottom = middle - 0.34 * em, middle + 0.34 * em
    length = bar_right - bar_left
    canvas.fill(bar_left, top, bar_right, bottom, _TRACK)
    filled = float(np.clip(probability, 0, 1)) * length
    canvas.fill(bar_left, top, bar_left + filled, bottom, ORANGE if present else _ABSENT)
    if threshold is not None:
        tick, half = bar_left + float(np.clip(threshold, 0, 1)) * length, max(1.0, 0.07 * em)
        canvas.fill(tick - half - 1, top - 0.16 * em, tick + half + 1, bottom + 0.16 * em, DARK)
        canvas.fill(tick - half, top - 0.16 * em, tick + half, bottom + 0.16 * em, WHITE)
