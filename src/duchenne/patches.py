"""From an aligned face to the square windows around chosen landmarks that the region network reads.

The network filters a window of the input with its first, shared layer; cutting windows before that layer equals
cutting patches out of its map after it (docs/method.md), and is much faster to train.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from duchenne.alignment import CROP_SIDE_PX, AlignedFace, align, crop_transform
from duchenne.cropping import Part, Picture, cut
from duchenne.errors import UsageError
from duchenne.facs import LANDMARK_COUNT, PATCH_LANDMARKS
from duchenne.geometry import transform_points

_BANDS = 4
_FITS = 256
"""So many values of 8 bits, and half as much again, have a sum of 16 bits."""


@dataclass(frozen=True)
class PatchLayout:
    """Which windows are cut, and at which scale.

    Attributes:
        landmarks: Landmark numbers, counted from 1.
        side_px: Side of a window at the layout's scale; even.
        reduction: Whole number by which the 200 x 200 crop is averaged down first.
        margin_px: How far beyond the 200 x 200 crop windows read on, in its pixels, where the picture does; black
            beyond. Windows of turned faces leave the crop.
    """

    landmarks: tuple[int, ...] = PATCH_LANDMARKS
    side_px: int = 58
    reduction: int = 1
    margin_px: int = 0

    def __post_init__(self) -> None:
        if not self.landmarks or not all(1 <= n <= LANDMARK_COUNT for n in self.landmarks):
            raise UsageError(f"Patch landmarks must lie in 1..{LANDMARK_COUNT}; got {self.landmarks}.")
        if self.side_px < 2 or self.side_px % 2:
            raise UsageError(f"The side of a patch window must be even and at least 2; got {self.side_px}.")
        if self.reduction < 1 or CROP_SIDE_PX % self.reduction:
            raise UsageError(f"The reduction must divide {CROP_SIDE_PX}; got {self.reduction}.")
        if not 0 <= self.margin_px <= CROP_SIDE_PX // 2 or self.margin_px % self.reduction:
            raise UsageError(
                f"The margin must be 0 to {CROP_SIDE_PX // 2} px and a multiple of the reduction; got {self.margin_px}."
            )


def reduce_crop(pixels: UInt8[np.ndarray, "t t 3"], reduction: int) -> UInt8[np.ndarray, "s s 3"]:
    """Return the crop, with or without its margin, averaged over reduction x reduction blocks."""
    if reduction == 1:
        return pixels
    area, side = reduction * reduction, len(pixels) // reduction
    kind = np.uint16 if area <= _FITS else np.uint32
    rows = _sum_of([pixels.reshape(side, reduction, -1)[:, k] for k in range(reduction)], kind)
    sums = _sum_of([rows.reshape(side, side, reduction, 3)[:, :, k] for k in range(reduction)], kind)
    return np.asarray((sums + area // 2) // area, np.uint8)


def _sum_of(arrays: Sequence[np.ndarray], kind: type[Any]) -> np.ndarray:
    total: np.ndarray = arrays[0].astype(kind)
    for values in arrays[1:]:
        total += values
    return total


def window_corners(landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout) -> np.ndarray:
    """Return the top left corner (x, y) of each window in pixels of the reduced crop, centres inside its margin."""
    centres = landmarks[np.array(layout.landmarks) - 1] / layout.reduction
    side, margin = CROP_SIDE_PX // layout.reduction, layout.margin_px // layout.reduction
    return np.clip(np.round(centres), -margin, side + margin).astype(np.int64) - layout.side_px // 2


def align_under_windows(pixels: Picture, landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout) -> AlignedFace:
    """Return the aligned face where a network reads it, in half the time of `alignment.align`; the rest may be black.

    Args:
        pixels: The whole picture.
        landmarks: In its pixels.
        layout: The windows that are read.

    Raises:
        LandmarkError: As `alignment.crop_transform`.
    """
    if layout.margin_px:
        return align(pixels, landmarks, layout.margin_px)
    crop_from_image = crop_transform(landmarks)
    in_crop = transform_points(crop_from_image, landmarks)
    parts = _under_windows(in_crop, layout)
    return AlignedFace(cut(pixels, crop_from_image, CROP_SIDE_PX, parts), in_crop, crop_from_image)


def _under_windows(landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout) -> list[Part]:
    """Return the parts of the crop that hold all windows: bands from its top to its bottom, each as wide as needed."""
    corners, side_px = window_corners(landmarks, layout) * layout.reduction, layout.side_px * layout.reduction
    windows = np.clip(np.hstack([corners, corners + side_px]), 0, CROP_SIDE_PX).tolist()
    parts, band_px = [], CROP_SIDE_PX // _BANDS
    for start in range(0, CROP_SIDE_PX, band_px):
        inside = [w for w in windows if w[1] < start + band_px and w[3] > start and w[0] < w[2]]
        if inside:
            left, top, right, bottom = zip(*inside, strict=True)
            parts.append((min(left), max(start, min(top)), max(right), min(start + band_px, max(bottom))))
    return parts


def cut_windows(
    pixels: UInt8[np.ndarray, "t t 3"], landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout
) -> UInt8[np.ndarray, "p w w 3"]:
    """Return the windows around the layout's landmarks; what lies outside the crop and its margin is black.

    Args:
        pixels: The aligned face with the layout's margin.
        landmarks: In pixels of the 200 x 200 crop.
        layout: Which windows.

    Raises:
        UsageError: The face has another margin.
    """
    return windows_of(reduce_crop(pixels, layout.reduction), landmarks, layout)


def windows_of(
    reduced: UInt8[np.ndarray, "s s c"], landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout
) -> UInt8[np.ndarray, "p w w c"]:
    """Return the windows of a crop that is already at the layout's scale; landmarks in 200 x 200 crop pixels.

    Raises:
        UsageError: The crop has another side than the layout's margin gives it.
    """
    half, side, margin = layout.side_px // 2, layout.side_px, layout.margin_px // layout.reduction
    height, width = reduced.shape[:2]
    if height != (wanted := CROP_SIDE_PX // layout.reduction + 2 * margin):
        raise UsageError(f"Windows with a margin of {layout.margin_px} px need a crop of {wanted} px; got {height}.")
    padded = np.zeros((height + side, width + side, reduced.shape[2]), reduced.dtype)
    padded[half : half + height, half : half + width] = reduced
    corners = (window_corners(landmarks, layout) + half + margin).tolist()
    return np.stack([padded[y : y + side, x : x + side] for x, y in corners])
