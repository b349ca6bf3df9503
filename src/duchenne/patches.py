"""From an aligned face to the square windows around chosen landmarks that the region network reads.

The network filters a window of the input with its first, shared layer; cutting windows before that layer equals
cutting patches out of its map after it (docs/method.md), and is much faster to train.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from duchenne.alignment import CROP_SIDE_PX
from duchenne.errors import UsageError
from duchenne.facs import LANDMARK_COUNT, PATCH_LANDMARKS


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
    side = len(pixels) // reduction
    sums = np.zeros((side, side, 3), np.uint32)
    for row in range(reduction):
        for column in range(reduction):
            sums += pixels[row::reduction, column::reduction]
    return ((sums + reduction * reduction // 2) // (reduction * reduction)).astype(np.uint8)


def window_corners(landmarks: Float[np.ndarray, "49 2"], layout: PatchLayout) -> np.ndarray:
    """Return the top left corner (x, y) of each window in pixels of the reduced crop, centres inside its margin."""
    centres = landmarks[np.array(layout.landmarks) - 1] / layout.reduction
    side, margin = CROP_SIDE_PX // layout.reduction, layout.margin_px // layout.reduction
    return np.clip(np.round(centres), -margin, side + margin).astype(np.int64) - layout.side_px // 2


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
    half, margin = layout.side_px // 2, layout.margin_px // layout.reduction
    if len(reduced) != (wanted := CROP_SIDE_PX // layout.reduction + 2 * margin):
        raise UsageError(
            f"Windows with a margin of {layout.margin_px} px need a crop of {wanted} px; got {len(reduced)}."
        )
    padded = np.pad(reduced, ((half, half), (half, half), (0, 0)))
    corners = window_corners(landmarks, layout) + half + margin
    views = np.lib.stride_tricks.sliding_window_view(padded, (layout.side_px, layout.side_px), axis=(0, 1))
    return np.ascontiguousarray(views[corners[:, 1], corners[:, 0]].transpose(0, 2, 3, 1))
