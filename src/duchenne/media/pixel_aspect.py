"""Pixels that are not square: what a picture must be scaled to so that a circle is a circle."""

from fractions import Fraction

from PIL import Image

WIDEST = 4
"""A pixel that is said to be more than this many times as wide as high, or as high as wide, is not believed."""


def square_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return the width and height of a picture once its pixels are square; the height stays, as players have it.

    Args:
        width: As stored.
        height: As stored.
        aspect: Width of a pixel over its height; None, 0 or anything absurd counts as square.

    Example:
        >>> square_size(480, 480, Fraction(4, 3))
        (640, 480)
    """
    if aspect is None or not Fraction(1, WIDEST) <= aspect <= WIDEST:
        return width, height
    return max(1, round(width * aspect)), height


def still_aspect(image: Image.Image) -> Fraction | None:
    """Return the width of a picture's pixels over their height, from its resolutions across and down; None for square.

    JPEG states the ratio itself or a resolution (JFIF), PNG (pHYs) and TIFF resolutions.
    """
    across, down = image.info.get("jfif_density") or image.info.get("dpi") or (1, 1)
    try:
        return Fraction(float(down)).limit_denominator(10_000) / Fraction(float(across)).limit_denominator(10_000)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        return None
