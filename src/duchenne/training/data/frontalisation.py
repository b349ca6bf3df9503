"""A face turned to the front: its pixels moved to where its points lie once the head's pose is gone.

The points with depth are the 3D fit; a triangle mesh over them and over the picture's border carries the pixels.

Source: Toser et al., ECCV Workshops 2016 (pose normalisation before a small network); ours: the mesh of 49 points.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.interpolate import LinearNDInterpolator

from duchenne.alignment import CROP_SIDE_PX, EYE_CORNERS_IN_CROP
from duchenne.facs import OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT
from duchenne.pose_normalisation import pose_normalised

_GRID_PX = 4
"""The map is computed for each fourth pixel and interpolated between."""
_BORDER = np.array([[x, y] for x in (0, 0.5, 1) for y in (0, 0.5, 1) if (x, y) != (0.5, 0.5)]) * CROP_SIDE_PX


def front_points(points: Float[np.ndarray, "49 3"], reference: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 2"]:
    """Return where the points lie in the 200 x 200 crop once the head faces straight ahead."""
    turned = pose_normalised(points, reference)
    left, right = reference[OUTER_EYE_IMAGE_LEFT], reference[OUTER_EYE_IMAGE_RIGHT]
    goal_left, goal_right = np.asarray(EYE_CORNERS_IN_CROP, float)
    scale = np.linalg.norm(goal_right - goal_left) / np.linalg.norm((right - left)[:2])
    return (turned[:, :2] - (left + right)[:2] / 2) * scale + (goal_left + goal_right) / 2


def frontalise(
    pixels: UInt8[np.ndarray, "s s c"], points: Float[np.ndarray, "49 3"], reference: Float[np.ndarray, "49 3"]
) -> UInt8[np.ndarray, "s s c"]:
    """Return the face, warped piecewise so that its points lie as in a frontal view.

    Args:
        pixels: The aligned face.
        points: In pixels of the 200 x 200 crop, with depth.
        reference: The head whose direction counts as frontal.
    """
    front = np.concatenate([front_points(points, reference), _BORDER])
    source = np.concatenate([points[:, :2], _BORDER])
    side = pixels.shape[0]
    coarse = (np.arange(CROP_SIDE_PX // _GRID_PX) + 0.5) * _GRID_PX
    x, y = np.meshgrid(coarse, coarse)
    came_from = LinearNDInterpolator(front, source)(x, y)
    came_from = np.where(np.isfinite(came_from), came_from, np.stack([x, y], -1)).astype(np.float32)
    dense = cv2.resize(came_from, (side, side), interpolation=cv2.INTER_LINEAR) * (side / CROP_SIDE_PX) - 0.5
    warped = cv2.remap(pixels, dense, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return warped.reshape(pixels.shape).astype(np.uint8)
