"""From detected faces to tables and files."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from duchenne.faces import FaceBox
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks


@dataclass(frozen=True)
class FaceAUs:
    """Everything known of one face in one frame.

    Attributes:
        source: As `Frame.source`.
        frame: Index of the frame, from 0.
        timestamp_s: Its time.
        face_id: The same number for the same face in a video, from 0.
        box: Where the finder, or in video the face before, saw it.
        landmarks: The 49 points.
        pose: Head rotation.
        aus: AU names in the order of the two arrays.
        probability: One value 0-1 per AU.
        occurrence: The probability against the AU's threshold.
    """

    source: str
    frame: int
    timestamp_s: float
    face_id: int
    box: FaceBox
    landmarks: FaceLandmarks
    pose: HeadPose
    aus: tuple[str, ...]
    probability: Float[np.ndarray, " a"]
    occurrence: Bool[np.ndarray, " a"]
