"""Harder pictures of known faces to measure the face detector on: partly hidden, and many in one frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.faces import box_from_landmarks

Labelled = tuple[Picture, Float[np.ndarray, "49 2"]]
COVERS = {
    "lower third": (0.0, 0.67, 1.0, 1.0),
    "lower half": (0.0, 0.5, 1.0, 1.0),
    "eyes": (0.0, 0.2, 1.0, 0.45),
    "one side": (0.5, 0.0, 1.0, 1.0),
}
"""What is hidden, as left, top, right, bottom in sides of the face box: a mask, a hand, dark glasses, a door."""
COVER_COLOUR = (70, 90, 110)


def hidden(pixels: Picture, landmarks: Float[np.ndarray, "49 2"], cover: str) -> Picture:
    """Return the picture with a part of the face under one colour."""
    left, top, side, _ = box_from_landmarks(landmarks)
    low_x, low_y, high_x, high_y = COVERS[cover]
    bounds = np.array([[left + low_x * side, top + low_y * side], [left + high_x * side, top + high_y * side]])
    (x0, y0), (x1, y1) = np.clip(np.round(bounds), 0, pixels.shape[1::-1]).astype(int)
    out = pixels.copy()
    out[y0:y1, x0:x1] = COVER_COLOUR
    return out


@dataclass(frozen=True)
class Crowd:
    """One frame with many faces.

    Attributes:
        pixels: RGB.
        landmarks: (n, 49, 2), pixels of the frame.
    """

    pixels: Picture
    landmarks: Float[np.ndarray, "n 49 2"]


def crowds(pictures: Sequence[Labelled], columns: int, rows: int, height: int = 720) -> Iterator[Crowd]:
    """Yield frames of columns x rows pictures side by side, each with one known face, as far as there are pictures."""
    side = height // rows
    for first in range(0, len(pictures) - columns * rows + 1, columns * rows):
        frame = np.full((rows * side, columns * side, 3), 127, np.uint8)
        points = np.empty((columns * rows, 49, 2))
        for k, (pixels, landmarks) in enumerate(pictures[first : first + columns * rows]):
            scale = side / max(pixels.shape[:2])
            size = tuple(max(1, round(v * scale)) for v in pixels.shape[1::-1])
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            corner = np.array([k % columns, k // columns]) * side
            frame[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]] = cv2.resize(
                pixels, size, interpolation=method
            )
            points[k] = landmarks * (np.array(size) / pixels.shape[1::-1]) + corner
        yield Crowd(frame, points)
