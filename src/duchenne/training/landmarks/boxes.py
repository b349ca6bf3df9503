"""Where a landmarker looks for a face whose points are known, and what it finds there."""

from collections.abc import Callable

import numpy as np

from duchenne.cropping import Picture
from duchenne.errors import LandmarkError
from duchenne.faces import FaceBox, FaceDetector, box_from_landmarks, keypoints_from_landmarks, overlap
from duchenne.landmarks import FaceLandmarks, Landmarker

MIN_OVERLAP = 0.3
"""A found box that overlaps the true one less is another face, or none."""

Boxes = Callable[[Picture, np.ndarray], FaceBox | None]


def boxes_of_face_detector(face_detector: FaceDetector) -> Boxes:
    """Return a function from picture and true points to the found box of that face; None where it was not found."""

    def box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
        found = face_detector.find(pixels)
        if not found:
            return None
        shared = overlap(box_from_landmarks(points), np.array([face.box for face in found]))
        return found[int(shared.argmax())] if shared.max() >= MIN_OVERLAP else None

    return box


def true_box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
    """Return the box that the points themselves give, for a measure without the face detector."""
    return FaceBox(box_from_landmarks(points), 1.0, keypoints_from_landmarks(points))


def locate(landmarker: Landmarker, pixels: Picture, box: FaceBox | None) -> FaceLandmarks | None:
    """Return the landmarks in a box; None where there is no box or no landmarks."""
    if box is None:
        return None
    try:
        return landmarker.locate(pixels, box)
    except LandmarkError:
        return None
