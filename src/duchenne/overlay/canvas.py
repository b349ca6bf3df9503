"""Anti-aliased marks on RGB arrays: text, dots, lines, filled rectangles. What falls outside the array is cut off.

Positions are pixels, (x, y), with the origin at the outer corner of the top left pixel, as in `geometry`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from duchenne.cropping import Picture

Colour = tuple[int, int, int]

DARK: Colour = (16, 16, 20)
WHITE: Colour = (245, 245, 245)
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
"""Told apart by colour-blind readers. Source: Okabe and Ito, Color Universal Design (2008)."""

_PHASES = 4
"""Dots are placed to a quarter of a pixel, so that few different stamps are needed."""


@dataclass(frozen=True)
class Stamp:
    """A small mark ready to be laid on a picture: out = picture * keep + add."""

    keep: Float[np.ndarray, "h w 1"]
    add: Float[np.ndarray, "h w 3"]


class Canvas:
    """An RGB array to draw on, in place.

    Attributes:
        pixels: H x W x 3, uint8; a view of a larger picture will do.
    """

    def __init__(self, pixels: Picture) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def fill(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle, its edges rounded to whole pixels."""
        x0, x1 = (round(min(max(v, 0), self.width)) for v in (left, right))
        y0, y1 = (round(min(max(v, 0), self.height)) for v in (top, bottom))
        self.pixels[y0:y1, x0:x1] = _row(colour, max(x1 - x0, 0))

    def frame(self, left: float, top: float, right: float, bottom: float, width: int, colour: Colour) -> None:
        """Draw the four edges of a rectangle, `width` thick outwards from its sides."""
        outer_left, outer_top, outer_right, outer_bottom = left - width, top - width, right + width, bottom + width
        self.fill(outer_left, outer_top, outer_right, top, colour)
        self.fill(outer_left, bottom, outer_right, outer_bottom, colour)
        self.fill(outer_left, top, left, bottom, colour)
        self.fill(right, top, outer_right, bottom, colour)

    def stamp(self, stamp: Stamp, left: int, top: int) -> None:
        """Lay a stamp with its top left corner at a pixel."""
        high, wide = stamp.keep.shape[:2]
        x0, x1 = max(left, 0), min(left + wide, self.width)
        y0, y1 = max(top, 0), min(top + high, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        rows, cols = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        under = self.pixels[y0:y1, x0:x1]
        under[...] = under * stamp.keep[rows, cols] + stamp.add[rows, cols]

    def text(self, x: float, middle: float, words: str, size_px: int, colour: Colour) -> None:
        """Write one line that begins at x, its capitals centred on the height `middle`."""
        self.stamp(_text_stamp(words, size_px, colour), round(x), round(middle - 0.5 * _line_px(size_px)))

    def dot(self, x: float, y: float, radius: float, colour: Colour, hollow: bool = False) -> None:
        """Draw a dot, or a ring, with a dark rim."""
        if not (-radius <= x <= self.width + radius and -radius <= y <= self.height + radius):
            return
        column, row = int(np.floor(x)), int(np.floor(y))
        phase_x, phase_y = int((x - column) * _PHASES), int((y - row) * _PHASES)
        mark = _dot_stamp(round(4 * radius) / 4, phase_x, phase_y, colour, hollow)
        reach = mark.keep.shape[0] // 2
        self.stamp(mark, column - reach, row - reach)

    def line(self, start: tuple[float, float], end: tuple[float, float], width: float, colour: Colour) -> None:
        """Draw a line with round ends and a dark rim."""
        a, b = np.array(start, np.float32), np.array(end, np.float32)
        reach = width / 2 + 2
        left, top = (int(v) for v in np.floor(np.clip(np.minimum(a, b) - reach, 0, [self.width, self.height])))
        right, bottom = (int(v) for v in np.ceil(np.clip(np.maximum(a, b) + reach, 0, [self.width, self.height])))
        if left >= right or top >= bottom:
            return
        dx = np.arange(left, right, dtype=np.float32)[None, :] + 0.5 - a[0]
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - a[1]
        along = b - a
        share = np.clip((dx * along[0] + dy * along[1]) / max(float(along @ along), 1e-6), 0, 1)
        distance = np.hypot(dx - share * along[0], dy - share * along[1])
        self.stamp(_rimmed(distance, width / 2, colour), left, top)


def text_width(words: str, size_px: int) -> float:
    """Return how wide one line of text is, in pixels."""
    return float(_font(size_px).getlength(words))


@lru_cache(maxsize=4096)
def _row(colour: Colour, width: int) -> np.ndarray:
    """Return a row of one colour; numpy copies rows many times faster than it repeats three numbers."""
    return np.tile(np.array(colour, np.uint8), (width, 1))


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType; install it from PyPI.")
    return font


def _line_px(size_px: int) -> int:
    return round(1.5 * size_px)


@lru_cache(maxsize=4096)
def _text_stamp(words: str, size_px: int, colour: Colour) -> Stamp:
    size = (max(1, int(np.ceil(text_width(words, size_px))) + 2), _line_px(size_px))
    image = Image.new("L", size)
    capitals = _font(size_px).getbbox("X", anchor="ls")[1]
    ImageDraw.Draw(image).text((0, (size[1] - capitals) / 2), words, 255, _font(size_px), anchor="ls")
    return _covered(np.asarray(image, np.float32) / 255, colour)


@lru_cache(maxsize=4096)
def _dot_stamp(radius: float, phase_x: int, phase_y: int, colour: Colour, hollow: bool) -> Stamp:
    reach = int(np.ceil(radius + 2))
    centre = reach + (np.array([phase_x, phase_y]) + 0.5) / _PHASES
    grid = np.arange(2 * reach + 1) + 0.5
    distance = np.hypot(grid[None, :] - centre[0], grid[:, None] - centre[1])
    if hollow:
        return _rimmed(np.abs(distance - radius), max(0.6, radius / 4), colour)
    return _rimmed(distance, radius, colour)


def _rimmed(distance: np.ndarray, half_width: float, colour: Colour) -> Stamp:
    """Return a mark covering all within `half_width` of something, and a dark rim of one pixel around it."""
    inner = np.clip(half_width + 0.5 - distance, 0, 1).astype(np.float32)[..., None]
    outer = 0.8 * np.clip(half_width + 1.5 - distance, 0, 1).astype(np.float32)[..., None]
    dark, bright = np.array(DARK, np.float32), np.array(colour, np.float32)
    return Stamp((1 - outer) * (1 - inner), outer * (1 - inner) * dark + inner * bright)


def _covered(coverage: np.ndarray, colour: Colour) -> Stamp:
    return Stamp(1 - coverage[..., None], coverage[..., None] * np.array(colour, np.float32))
