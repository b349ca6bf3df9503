"""From a frame to the faces in it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.facs import (
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    OUTER_EYE_IMAGE_LEFT,
    OUTER_EYE_IMAGE_RIGHT,
)

KEYPOINT_NAMES = ("eye_image_left", "eye_image_right", "nose_tip", "mouth_image_left", "mouth_image_right")
_KEYPOINT_LANDMARKS = (
    (OUTER_EYE_IMAGE_LEFT, INNER_EYE_IMAGE_LEFT),
    (INNER_EYE_IMAGE_RIGHT, OUTER_EYE_IMAGE_RIGHT),
    (13, 13),
    (31, 31),
    (37, 37),
)


@dataclass(frozen=True)
class FaceBox:
    """A face in a frame.

    Attributes:
        box: left, top, width, height in image pixels.
        confidence: 0-1.
        keypoints: (5, 2), image pixels, in the order of `KEYPOINT_NAMES`.
    """

    box: Float[np.ndarray, "4"]
    confidence: float
    keypoints: Float[np.ndarray, "5 2"]


def keypoints_from_landmarks(landmarks: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "5 2"]:
    """Return eye centres, nose tip and mouth corners of 49 landmarks."""
    pairs = np.array(_KEYPOINT_LANDMARKS)
    return landmarks[pairs].mean(1)


def box_from_landmarks(landmarks: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "4"]:
    """Return the square face box of 49 landmarks: left, top, width, height.

    Ours: the box of the points, grown by a tenth of its larger side, by a further tenth upwards for the brows' upper
    edge and the forehead, and made square. The same rule makes the finder's targets for real and rendered faces.
    """
    low, high = landmarks.min(0), landmarks.max(0)
    margin = 0.1 * float((high - low).max())
    low, high = low - [margin, 2 * margin], high + margin
    side = float((high - low).max())
    left, top = (low + high) / 2 - side / 2
    return np.array([left, top, side, side])
