"""What a network reads of an aligned face: windows around points, or the face itself, and what else of its points."""

from dataclasses import dataclass

import numpy as np

from duchenne.alignment import CROP_SIDE_PX
from duchenne.errors import UsageError
from duchenne.patches import PatchLayout

GRID_ROWS = (4, 5, 4, 5, 4)
"""Patches in each row of the uniform grid: 22 in all, like the landmarks' patches."""
GRID_STEP_PX = 36.0
_SCALES = (1, 2, 4)


@dataclass(frozen=True)
class View:
    """What a network reads.

    Attributes:
        layout: Windows to cut; None for the whole face.
        side_px: Side of what is read of the whole face.
        cropped_from_px: Side to which the whole face is brought before a window of `side_px` is cut out of it, at a
            random place in training and from the middle otherwise; 0 to bring it to `side_px` and cut nothing.
        grey: Whether colours are mixed to one channel.
        grid: Whether windows lie on `grid_points` instead of landmarks.
        shape: Whether pose-normalised landmarks are read too.
        points: Whether the 49 points, in pixels of the face read, are read too.
        frontal: Whether the face is turned to the front first.
    """

    layout: PatchLayout | None = None
    side_px: int = CROP_SIDE_PX
    cropped_from_px: int = 0
    grey: bool = False
    grid: bool = False
    shape: bool = False
    points: bool = False
    frontal: bool = False

    def __post_init__(self) -> None:
        if self.grid and (self.layout is None or len(self.layout.landmarks) != sum(GRID_ROWS)):
            raise UsageError(f"The uniform grid has {sum(GRID_ROWS)} patches; give the layout as many.")
        if self.cropped_from_px and (self.layout is not None or self.points or self.cropped_from_px < self.side_px):
            raise UsageError(
                f"A window of {self.side_px} px cannot be cut out of {self.cropped_from_px} px, or this network reads "
                "landmarks, which a window would shift. Give a larger side, or 0 to read the whole face."
            )

    @property
    def reduction(self) -> int:
        """Whole number by which the 200 x 200 crop is reduced first; a whole face never below what is read."""
        if self.layout is not None:
            return self.layout.reduction
        return max(
            scale for scale in _SCALES if scale == 1 or scale * max(self.side_px, self.cropped_from_px) <= CROP_SIDE_PX
        )

    @property
    def margin_px(self) -> int:
        """How much around the 200 x 200 crop windows read, in its pixels."""
        return 0 if self.layout is None else self.layout.margin_px


def grid_points(layout: PatchLayout) -> np.ndarray:
    """Return (49, 2) points of the 200 x 200 crop that hold the uniform grid at the layout's landmarks."""
    points = np.full((49, 2), CROP_SIDE_PX / 2)
    middle = CROP_SIDE_PX / 2
    centres = [
        (middle + (column - (count - 1) / 2) * GRID_STEP_PX, middle + (row - (len(GRID_ROWS) - 1) / 2) * GRID_STEP_PX)
        for row, count in enumerate(GRID_ROWS)
        for column in range(count)
    ]
    points[np.array(layout.landmarks) - 1] = centres
    return points
