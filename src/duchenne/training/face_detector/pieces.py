"""Pieces of pictures that must not be taken for a face: bodies, hair, single eyes and mouths, shuffled faces, skin."""

import cv2
import numpy as np

from duchenne.cropping import Picture
from duchenne.training.face_detector.pool import FacePool


def piece_without_face(faces: FacePool, row: int, rng: np.random.Generator) -> Picture:
    """Return a piece made from one face picture, or a blob of skin colour, that shows no whole face."""
    kind = rng.random()
    if kind < 0.4:
        piece = _beside_the_face(faces.picture(row), faces.boxes[row], rng)
        if piece is not None:
            return piece
    if kind < 0.7:
        return _part_of_the_face(faces.picture(row), faces.boxes[row], rng)
    if kind < 0.88:
        return _shuffled_face(faces.picture(row), faces.boxes[row], rng)
    return _skin_blob(rng)


def _window(picture: Picture, low: np.ndarray, size: np.ndarray) -> Picture:
    """Return the part of a picture inside a rectangle, at least 2 x 2 pixels of it."""
    high = np.array(picture.shape[1::-1])
    x, y = np.clip(low.astype(int), 0, high - 2)
    right, bottom = np.clip((low + size).astype(int), [x + 2, y + 2], high)
    return np.ascontiguousarray(picture[y:bottom, x:right])


def _beside_the_face(picture: Picture, box: np.ndarray, rng: np.random.Generator) -> Picture | None:
    """Return a rectangle that holds less than a tenth of the face's box, or None where there is no such place."""
    high = np.array(picture.shape[1::-1], float)
    face_low, face_high = box[:2] - 0.5 * box[2], box[:2] + 0.5 * box[2]
    for _ in range(8):
        size = np.minimum(box[2] * np.exp(rng.uniform(np.log(0.3), np.log(1.6), 2)), high)
        low = rng.uniform(0, np.maximum(high - size, 1e-6))
        shared = np.clip(np.minimum(low + size, face_high) - np.maximum(low, face_low), 0, None).prod()
        if shared < 0.1 * box[2] ** 2 and min(size) >= 8:
            return _window(picture, low, size)
    return None


def _part_of_the_face(picture: Picture, box: np.ndarray, rng: np.random.Generator) -> Picture:
    """Return an eye, a mouth, a cheek: at most four tenths of the face's side."""
    size = box[2] * rng.uniform(0.18, 0.4, 2)
    low = box[:2] - box[2] / 2 + rng.uniform(0, 1, 2) * (box[2] - size)
    return _window(picture, low, size)


def _shuffled_face(picture: Picture, box: np.ndarray, rng: np.random.Generator) -> Picture:
    """Return the face cut into 2 x 2 or 3 x 3 tiles and put together wrongly."""
    face = cv2.resize(_window(picture, box[:2] - box[2] / 2, box[[2, 2]]), (96, 96), interpolation=cv2.INTER_AREA)
    count = int(rng.integers(2, 4))
    side = 96 // count
    tiles = [face[y : y + side, x : x + side] for y in range(0, 96, side) for x in range(0, 96, side)]
    order = rng.permutation(len(tiles))
    while (order == np.arange(len(tiles))).sum() > len(tiles) // 3:
        order = rng.permutation(len(tiles))
    rows = [np.hstack([tiles[i] for i in order[r * count : (r + 1) * count]]) for r in range(count)]
    return np.vstack(rows)


def _skin_blob(rng: np.random.Generator) -> Picture:
    """Return a smooth shaded patch in a tone of skin, now and then with two dark spots off their place."""
    light = np.array([1.0, rng.uniform(0.6, 0.85), rng.uniform(0.4, 0.75)]) * rng.uniform(0.2, 1.0)
    shade = cv2.resize(rng.uniform(0.6, 1.1, (4, 4)).astype(np.float32), (64, 64), interpolation=cv2.INTER_CUBIC)
    blob = np.clip(shade[..., None] * light * 255, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 3))):
        at = tuple(int(v) for v in rng.integers(5, 59, 2))
        axes = tuple(int(v) for v in rng.integers(2, 9, 2))
        cv2.ellipse(blob, at, axes, float(rng.uniform(0, 180)), 0, 360, (light * 80).tolist(), -1)
    return cv2.GaussianBlur(blob, (0, 0), 1.2)
