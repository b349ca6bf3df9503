"""From a face in a frame to its 49 landmarks."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class FaceLandmarks:
    """The 49 landmarks of a face, in the order of `facs`.

    Attributes:
        points: (49, 2), image pixels.
        depth: (49,), in the same unit, 0 at the mean, positive away from the camera (weak perspective).
        visibility: (49,), probability 0-1 that the point is neither outside the picture nor hidden.
        confidence: 0-1, how much the crop looks like a face to the landmarker.
    """

    points: Float[np.ndarray, "49 2"]
    depth: Float[np.ndarray, "49"]
    visibility: Float[np.ndarray, "49"]
    confidence: float
