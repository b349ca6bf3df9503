"""Cut a square out of a picture through a similarity, without aliasing; used by the landmarker and the alignment."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from duchenne.geometry import Transform, scale_of, shift, transform_points

Picture = UInt8[np.ndarray, "_ _ 3"]
Part = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of a crop."""
_STRIPE_ROWS = 128
"""Of a picture that is made smaller at a time."""


def cut(
    pixels: Picture, crop_from_image: Transform, side_px: int, parts: Sequence[Part] | None = None
) -> UInt8[np.ndarray, "{side_px} {side_px} 3"]:
    """Return the side_px x side_px crop; what lies outside the picture is black.

    The picture is averaged over whole blocks first where the crop is less than half its scale, then read bilinearly.

    Args:
        pixels: The picture.
        crop_from_image: Where in it the crop lies.
        side_px: Of the crop.
        parts: Those of the crop that are filled, the rest stays black; None for all of it.
    """
    image_from_crop = np.linalg.inv(crop_from_image)
    window, window_from_image = _window(pixels, image_from_crop, side_px)
    factor = max(1, int(1.0 / max(scale_of(crop_from_image), 1e-6) + 1e-6))
    source = Image.fromarray(block_means(window, factor))
    if factor > 1:
        window_from_image = np.diag([1 / factor, 1 / factor, 1.0]) @ window_from_image
    source_from_crop = window_from_image @ image_from_crop
    return np.asarray(_read(source, source_from_crop, side_px, parts))


def block_means(pixels: Picture, factor: int) -> Picture:
    """Return a picture made smaller by a whole factor: each pixel is the rounded mean of a block.

    It is read in stripes that stay in the processor's cache, which takes a third of the time for a large picture.

    Example:
        >>> pixels = np.arange(4, dtype=np.uint8).reshape(2, 2, 1).repeat(3, 2)
        >>> block_means(pixels, 2)[0, 0].tolist()
        [2, 2, 2]
    """
    if factor == 1:
        return pixels
    rows = -(-_STRIPE_ROWS // factor) * factor
    stripes = (pixels[top : top + rows] for top in range(0, len(pixels), rows))
    return np.concatenate([np.asarray(Image.fromarray(stripe).reduce(factor)) for stripe in stripes])


def _read(source: Image.Image, source_from_crop: Transform, side_px: int, parts: Sequence[Part] | None) -> Image.Image:
    """Return the crop of a source; parts are read through their corners, which come to the same numbers."""
    size, bilinear = (side_px, side_px), Image.Resampling.BILINEAR
    if parts is None:
        coefficients = tuple(float(v) for v in source_from_crop[:2].ravel())
        return source.transform(size, Image.Transform.AFFINE, coefficients, bilinear)
    corners = np.array(parts, float)[:, [0, 1, 0, 3, 2, 3, 2, 1]]
    seen = transform_points(source_from_crop, corners.reshape(-1, 2)).reshape(len(parts), 8)
    mesh = [(part, tuple(quad)) for part, quad in zip(parts, seen.tolist(), strict=True)]
    return source.transform(size, Image.Transform.MESH, mesh, bilinear, fillcolor=(0, 0, 0))


def _window(pixels: Picture, image_from_crop: Transform, side_px: int) -> tuple[Picture, Transform]:
    """Return the part of the picture under the crop, so that a large frame is not touched as a whole."""
    corners = np.array([[0, 0], [side_px, 0], [0, side_px], [side_px, side_px]], float)
    seen = transform_points(image_from_crop, corners)
    height, width = pixels.shape[:2]
    left, top = (int(v) for v in np.clip(np.floor(seen.min(0)) - 2, 0, [width - 1, height - 1]))
    right, bottom = (int(v) for v in np.clip(np.ceil(seen.max(0)) + 2, [left + 1, top + 1], [width, height]))
    return np.ascontiguousarray(pixels[top:bottom, left:right]), shift(-left, -top)
