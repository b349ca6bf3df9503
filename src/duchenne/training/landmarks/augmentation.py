"""What training does to a stored face before the landmarker sees it: a face detector's errors, mirror, camera, covers."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from duchenne.cropping import Picture
from duchenne.facs import MIRROR_LANDMARKS
from duchenne.geometry import Transform, scale_of, shift, similarity, transform_points
from duchenne.landmarks import INPUT_SIDE_PX
from duchenne.training.landmarks.pool import STORED_SIDE_PX, Sample
from duchenne.training.pictures.corruption import corrupt, greyed, tinted

LOWEST_SIDE_PX = 24


@dataclass(frozen=True)
class Target:
    """What the network should answer, in pixels of its crop; `known` masks the visibilities that nobody knows."""

    landmarks_3d: Float[np.ndarray, "49 3"]
    visible: Float[np.ndarray, "49"]
    known: Float[np.ndarray, "49"]
    face: float


def augment(sample: Sample, rng: np.random.Generator) -> tuple[UInt8[np.ndarray, "128 128 3"], Target]:
    """Return a changed crop of the network's size and its target."""
    crop, landmarks_3d, visible = sample.crop, sample.landmarks_3d, sample.visible
    if rng.random() < 0.5:
        crop, landmarks_3d, visible = (
            np.ascontiguousarray(crop[:, ::-1]),
            _mirrored(landmarks_3d),
            visible[MIRROR_LANDMARKS],
        )
    jitter = draw_jitter(rng)
    crop = cv2.warpAffine(crop, _centres(jitter), (INPUT_SIDE_PX, INPUT_SIDE_PX), flags=cv2.INTER_LINEAR)
    points = transform_points(jitter, landmarks_3d[:, :2])
    crop = _looks(crop, sample.grey, rng)
    known = np.full(len(visible), float(sample.visibility_known))
    seen = visible.astype(float)
    if rng.random() < 0.25:
        crop, low, high = _cover(crop, rng)
        seen[((points > low) & (points < high)).all(1)] = 0.0
    landmarks_3d = np.column_stack([points, landmarks_3d[:, 2] * scale_of(jitter)])
    return crop, Target(landmarks_3d, seen, known, float(sample.face))


def _mirrored(landmarks_3d: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 3"]:
    out = landmarks_3d[MIRROR_LANDMARKS].copy()
    out[:, 0] = STORED_SIDE_PX - out[:, 0]
    return out


def draw_jitter(rng: np.random.Generator) -> Transform:
    """Return a random transform from the stored crop to the network's.

    A third of them err as a face detector's box does, the others as the landmarker's own first pass.
    """
    half, stored = INPUT_SIDE_PX / 2, STORED_SIDE_PX / 2
    if rng.random() < 0.35:
        scale, turn_deg = np.exp(rng.normal(-0.03, 0.12)), rng.normal(0, 12)
        move = rng.uniform(-0.11, 0.11, 2) * INPUT_SIDE_PX
    else:
        scale, turn_deg = np.exp(rng.normal(0, 0.05)), rng.normal(0, 4)
        move = rng.normal(0, 0.025, 2) * INPUT_SIDE_PX
    turn_deg, scale = float(np.clip(turn_deg, -32, 32)), float(np.clip(scale, 0.7, 1.35))
    return shift(half + move[0], half + move[1]) @ similarity(scale, turn_deg) @ shift(-stored, -stored)


def _centres(transform: Transform) -> Float[np.ndarray, "2 3"]:
    """Return a transform of points counted from the corner as OpenCV wants it, counted from pixel centres."""
    return (shift(-0.5, -0.5) @ transform @ shift(0.5, 0.5))[:2]


def _looks(crop: Picture, grey: bool, rng: np.random.Generator) -> Picture:
    if grey and rng.random() < 0.35:
        crop = tinted(crop, rng)
    elif not grey and rng.random() < 0.1:
        crop = greyed(crop)
    if rng.random() < 0.15:
        side = int(np.exp(rng.uniform(np.log(LOWEST_SIDE_PX), np.log(0.8 * INPUT_SIDE_PX))))
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(small, (INPUT_SIDE_PX, INPUT_SIDE_PX), interpolation=cv2.INTER_LINEAR)
    return corrupt(crop, rng) if rng.random() < 0.8 else crop


def _cover(crop: Picture, rng: np.random.Generator) -> tuple[Picture, np.ndarray, np.ndarray]:
    """Return the crop with a rectangle painted over, and the rectangle's corners."""
    size = rng.uniform(0.08, 0.45, 2) * INPUT_SIDE_PX
    low = rng.uniform(0, INPUT_SIDE_PX - size).astype(int)
    high = (low + size).astype(int) + 1
    out = crop.copy()
    patch = out[low[1] : high[1], low[0] : high[0]]
    if rng.random() < 0.5:
        patch[:] = rng.integers(0, 256, 3, dtype=np.uint8)
    else:
        source = crop[::-1, ::-1][low[1] : high[1], low[0] : high[0]]
        patch[:] = cv2.blur(np.ascontiguousarray(source), (9, 9))
    return out, low, high
