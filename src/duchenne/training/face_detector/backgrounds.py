"""What lies behind the face detector's canvases: photographs, frames whose face is covered, textures; no face."""

import itertools
from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.pictures.photographs import photo_squares, resized_square
from duchenne.training.pictures.textures import TEXTURE_SIDE_PX, texture, textures

HARD_CONFIDENCE = 0.2
"""A place without a face in which a face detector sees one with this confidence is worth learning from."""


def background_pool(photos: list[Picture], faces: FacePool, count: int, seed: int) -> UInt8[np.ndarray, "m h w 3"]:
    """Return `count` squares of 320 px: a third photographs, half covered frames, the rest textures."""
    rng = np.random.default_rng(seed)
    sources: list[Iterator[Picture]] = [
        photo_squares(photos, TEXTURE_SIDE_PX, rng),
        _covered_squares(faces, rng),
        textures(rng),
    ]
    out = np.empty((count, TEXTURE_SIDE_PX, TEXTURE_SIDE_PX, 3), np.uint8)
    for row in range(count):
        out[row] = next(sources[(0, 0, 1, 1, 1, 2)[row % 6]])
    return out


def hard_squares(
    face_detector: FaceDetector, photos: list[Picture], count: int, tries: int, seed: int
) -> UInt8[np.ndarray, "m h w 3"]:
    """Return at most `count` squares of photographs and textures in which a face detector believes to see a face.

    Args:
        face_detector: Whose errors are looked for.
        photos: Without faces.
        count: Squares wanted.
        tries: Squares looked at.
        seed: Of the random choice.
    """
    rng = np.random.default_rng(seed)
    drawn = itertools.chain.from_iterable(zip(photo_squares(photos, TEXTURE_SIDE_PX, rng), textures(rng), strict=False))
    wrong = (
        square for square in itertools.islice(drawn, tries) if face_detector.find(square, confidence=HARD_CONFIDENCE)
    )
    found = list(itertools.islice(wrong, count))
    return np.array(found, np.uint8).reshape(len(found), TEXTURE_SIDE_PX, TEXTURE_SIDE_PX, 3)


def _covered_squares(faces: FacePool, rng: np.random.Generator) -> Iterator[Picture]:
    """Yield frames with much around the face, the face hidden under a piece of the same frame or a texture."""
    roomy = np.flatnonzero(faces.boxes[:, 2] < 0.45 * faces.sizes.max(1))
    if not len(roomy):
        raise TrainingError("No picture shows enough around its face to make a background of.")
    while True:
        row = int(roomy[rng.integers(len(roomy))])
        picture = covered(faces.picture(row), faces.boxes[row], rng)
        shorter = min(picture.shape[:2])
        part = int(shorter * rng.uniform(0.6, 1.0))
        top, left = (int(rng.integers(0, n - part + 1)) for n in picture.shape[:2])
        yield resized_square(picture[top : top + part, left : left + part], TEXTURE_SIDE_PX)


def covered(picture: Picture, box: np.ndarray, rng: np.random.Generator) -> Picture:
    """Return the picture with the face (centre x, centre y, side) under a texture or under what lies above it."""
    out, (x, y, side) = picture.copy(), box
    reach = int(side * rng.uniform(0.62, 0.85))
    low = np.maximum(0, [int(x) - reach, int(y) - int(1.15 * reach)])
    high = np.minimum(out.shape[1::-1], [int(x) + reach, int(y) + reach])
    cover = texture(rng) if rng.random() < 0.5 else out[: max(4, low[1]), :]
    out[low[1] : high[1], low[0] : high[0]] = cv2.resize(cover, tuple(int(v) for v in high - low))
    return out
