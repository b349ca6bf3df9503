"""From landmarks to an aligned face: 200 x 200 pixels with the outer eye corners in fixed places.

Source: paper, section 2 ("the left corner of the right eye becomes the origin of the common space"); the places of the
two corners are ours: docs/method.md.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture, cut
from duchenne.errors import LandmarkError
from duchenne.facs import OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT
from duchenne.geometry import Points, Transform, shift, similarity_from_two_points, transform_points

CROP_SIDE_PX = 200
EYE_CORNERS_IN_CROP = np.array([[60.0, 64.0], [140.0, 64.0]])
MIN_EYE_SPAN_PX = 8.0


@dataclass(frozen=True)
class AlignedFace:
    """A face in the common space.

    Attributes:
        pixels: 200 x 200 x 3, RGB.
        landmarks: (49, 2), crop pixels.
        crop_from_image: The similarity that made the crop.
        with_margin: The same with what lies around it, for networks whose windows read on there; None unless asked for.
    """

    pixels: Picture
    landmarks: Points
    crop_from_image: Transform
    with_margin: Picture | None = None


def eye_span_px(landmarks: Float[np.ndarray, "49 2"]) -> float:
    """Return the distance between the outer eye corners.

    Source: 300-W error normaliser (Sagonas et al., ICCVW 2013).
    """
    return float(np.linalg.norm(landmarks[OUTER_EYE_IMAGE_RIGHT] - landmarks[OUTER_EYE_IMAGE_LEFT]))


def crop_transform(landmarks: Float[np.ndarray, "49 2"]) -> Transform:
    """Return the similarity that takes image points to crop points.

    Raises:
        LandmarkError: The eye corners are not finite or closer than `MIN_EYE_SPAN_PX`.
    """
    span = eye_span_px(landmarks)
    if not np.isfinite(landmarks).all() or span < MIN_EYE_SPAN_PX:
        raise LandmarkError(
            f"The outer eye corners are {span:.1f} px apart; alignment needs at least {MIN_EYE_SPAN_PX:g} px."
        )
    corners = landmarks[[OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT]]
    return similarity_from_two_points(corners, EYE_CORNERS_IN_CROP)


def align(pixels: Picture, landmarks: Float[np.ndarray, "49 2"], margin_px: int = 0) -> AlignedFace:
    """Return the aligned face.

    Args:
        pixels: The whole picture.
        landmarks: In its pixels.
        margin_px: How much around the crop is wanted, too; in its pixels.

    Raises:
        LandmarkError: As `crop_transform`.
    """
    crop_from_image, wide = crop_transform(landmarks), None
    if margin_px:
        wide = cut(pixels, shift(margin_px, margin_px) @ crop_from_image, CROP_SIDE_PX + 2 * margin_px)
    return AlignedFace(
        cut(pixels, crop_from_image, CROP_SIDE_PX),
        transform_points(crop_from_image, landmarks),
        crop_from_image,
        wide,
    )
