"""How many faces a face detector finds, and how many it finds where there are none."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import FaceBox, FaceDetector, overlap

SAME_FACE_IOU = 0.5
LOWEST_CONFIDENCE = 0.05
THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.01), 2)
FALSE_SHARE, LOWEST_RECALL = 0.005, 0.97


@dataclass(frozen=True)
class Hit:
    """The best answer of a face detector for one known face.

    Attributes:
        confidence: Of the most certain box that is the face; 0 where there is none.
        iou: Of that box.
        point_error: Mean distance of its keypoints from the known ones over the side of the face; 1 where none.
    """

    confidence: float
    iou: float
    point_error: float


def hit(found: list[FaceBox], box: Float[np.ndarray, "4"], points: Float[np.ndarray, "5 2"]) -> Hit:
    """Return the most certain found box with an IoU of at least .5 with a known one."""
    for face in found:
        iou = float(overlap(box, face.box[None])[0])
        if iou >= SAME_FACE_IOU:
            error = float(np.linalg.norm(face.keypoints - points, axis=1).mean() / box[2])
            return Hit(face.confidence, iou, error)
    return Hit(0.0, 0.0, 1.0)


def false_confidences(face_detector: FaceDetector, pictures: Iterable[Picture]) -> Float[np.ndarray, " n"]:
    """Return for each face-free picture the confidence of the most certain false face, 0 where there is none."""
    best = [face_detector.find(picture, confidence=LOWEST_CONFIDENCE) for picture in pictures]
    return np.array([faces[0].confidence if faces else 0.0 for faces in best])


def tiles(photo: Picture) -> list[Picture]:
    """Return a photograph and the six tiles, 3 x 2, that it falls into: seven pictures of different content scale."""
    rows, columns = (2, 3) if photo.shape[1] >= photo.shape[0] else (3, 2)
    parts = [photo]
    for band in np.array_split(photo, rows, axis=0):
        parts += [np.ascontiguousarray(tile) for tile in np.array_split(band, columns, axis=1)]
    return parts


def shrunk(pixels: Picture, scale: float) -> Picture:
    """Return the picture scaled by a factor below 1, averaged."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def choose_threshold(hits: Float[np.ndarray, " n"], false_faces: Float[np.ndarray, " m"]) -> float:
    """Return the lowest threshold at which at most `FALSE_SHARE` of the face-free pictures have a false face.

    Args:
        hits: Confidence with which each known face was found, 0 where it was not.
        false_faces: Confidence of the most certain false face of each face-free picture.

    Raises:
        TrainingError: No threshold does it, or so many faces are missed at it that the network is of no use.
    """
    quiet = THRESHOLDS[(false_faces[None] >= THRESHOLDS[:, None]).mean(1) <= FALSE_SHARE]
    if not len(quiet):
        raise TrainingError(f"False faces on more than {FALSE_SHARE:.1%} of pictures at any threshold; train longer.")
    found = float((hits >= quiet[0]).mean())
    if found < LOWEST_RECALL:
        raise TrainingError(f"Only {found:.1%} of the validation faces at threshold {quiet[0]:.2f}; train longer.")
    return float(quiet[0])
