"""What training does to an aligned face before it cuts windows: landmark errors, mirror, light, resolution, JPEG.

Landmarks are moved as a landmarker errs, and the face is aligned again by the moved points, as detection will do it.
Everything is drawn from the generator handed in, so the same seed gives the same windows.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from duchenne.alignment import CROP_SIDE_PX, crop_transform
from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.geometry import Transform, scale_of, shift, transform_points
from duchenne.patches import PatchLayout, windows_of
from duchenne.training.aligned_store import crop_from_stored
from duchenne.training.amounts import Augmentation

Crop = UInt8[np.ndarray, "s s c"]
Points = Float[np.ndarray, "49 3"]

_GROUP_OF = np.repeat(np.arange(len(LANDMARK_GROUPS)), [len(group) for group in LANDMARK_GROUPS.values()])


def augment(
    crop: Crop, points: Points, layout: PatchLayout, amounts: Augmentation, *, grey: bool, rng: np.random.Generator
) -> tuple[UInt8[np.ndarray, "p w w k"], Points]:
    """Return the windows of a changed face and its moved points in pixels of the new 200 x 200 crop.

    Args:
        crop: As the store keeps it, with its margin.
        points: In pixels of the 200 x 200 crop.
        layout: The windows.
        amounts: How much of what.
        grey: Whether colours are mixed to one channel, by random weights.
        rng: Source of every random choice.
    """
    if rng.random() < amounts.mirror:
        crop, points = mirror(crop, points)
    found = move_points(points, amounts, rng)
    reduced, found = realign(tint(crop, grey, rng), found, layout.reduction)
    reduced = degrade(relight(reduced, amounts, rng), amounts, rng)
    return windows_of(reduced, found[:, :2], layout), found


def mirror(crop: Crop, points: Points) -> tuple[Crop, Points]:
    """Return the face flipped left to right, its points renamed so that each keeps its meaning."""
    flipped = points[MIRROR_LANDMARKS].copy()
    flipped[:, 0] = CROP_SIDE_PX - flipped[:, 0]
    return np.ascontiguousarray(crop[:, ::-1]), flipped


def move_points(points: Points, amounts: Augmentation, rng: np.random.Generator) -> Points:
    """Return points with the error of a landmarker: common to the face, common to a feature, and each point's own.

    Ours: a fifth of the variance is a common shift, a sixth turn and scale, a third the features', the rest the
    points'. The size of the error differs between faces, evenly between a fifth and 1.8 times the mean.
    """
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    # The mean length of a normal vector in the plane is 1.25 of its spread along each axis.
    spread = rng.uniform(0.2, 1.8) * amounts.landmark_error * size / 1.25
    centred = points[:, :2] - points[:, :2].mean(0)
    turn, growth = rng.normal(size=2) * 0.29 * spread / np.sqrt((centred**2).mean())
    moved = points.copy()
    moved[:, :2] += centred * growth + np.column_stack([-centred[:, 1], centred[:, 0]]) * turn
    moved[:, :2] += rng.normal(size=2) * 0.45 * spread
    moved[:, :2] += rng.normal(size=(len(LANDMARK_GROUPS), 2))[_GROUP_OF] * 0.58 * spread
    moved[:, :2] += rng.normal(size=(len(points), 2)) * 0.55 * spread
    tilt = rng.normal(size=2) * amounts.depth_error
    moved[:, 2] = moved[:, 2] * np.exp(rng.normal() * 2 * amounts.depth_error) + centred @ tilt
    moved[:, 2] += rng.normal(size=len(LANDMARK_GROUPS))[_GROUP_OF] * amounts.depth_error * size
    moved[:, 2] += rng.normal(size=len(points)) * 0.3 * amounts.depth_error * size
    return moved


def tint(crop: Crop, grey: bool, rng: np.random.Generator) -> UInt8[np.ndarray, "s s k"]:
    """Return the crop as one channel mixed by random weights, or with a random gain on each colour."""
    if not grey:
        return np.clip(crop * np.exp(rng.normal(size=3) * 0.1), 0, 255).astype(np.uint8)
    weights = rng.dirichlet([3.6, 6.0, 2.4])[None]
    return cv2.transform(crop, weights)[..., None].astype(np.uint8)


def realign(crop: Crop, points: Points, reduction: int) -> tuple[UInt8[np.ndarray, "t t c"], Points]:
    """Return the face aligned by these points, at the scale of the layout, and the points in its 200 x 200 pixels.

    Raises:
        LandmarkError: As `alignment.crop_transform`.
    """
    new_from_old = crop_transform(points[:, :2])
    small_from_stored = np.diag([1 / reduction, 1 / reduction, 1.0]) @ new_from_old @ crop_from_stored()
    side = CROP_SIDE_PX // reduction
    warped = cv2.warpAffine(crop, _between_pixel_centres(small_from_stored)[:2], (side, side), flags=cv2.INTER_LINEAR)
    depth = points[:, 2] * scale_of(new_from_old)
    return warped.reshape(side, side, -1), np.column_stack([transform_points(new_from_old, points[:, :2]), depth])


def relight(crop: Crop, amounts: Augmentation, rng: np.random.Generator) -> Crop:
    """Return the crop with another gamma, contrast and brightness."""
    gamma = np.exp(rng.normal() * amounts.gamma)
    contrast, lift = np.exp(rng.normal() * amounts.contrast), rng.normal() * amounts.brightness
    levels = (np.linspace(0, 1, 256) ** gamma - 0.5) * contrast + 0.5 + lift
    return np.clip(levels * 255 + 0.5, 0, 255).astype(np.uint8)[crop]


def degrade(crop: Crop, amounts: Augmentation, rng: np.random.Generator) -> Crop:
    """Return the crop with, by chance, the resolution of a small face and the traces of JPEG."""
    side = crop.shape[0]
    small = crop
    if rng.random() < amounts.low_resolution:
        target = int(rng.integers(amounts.min_side_px * side // 100, side))
        small = cv2.resize(crop, (target, target), interpolation=cv2.INTER_AREA)
    if rng.random() < amounts.jpeg:
        quality = int(rng.integers(*amounts.jpeg_quality, endpoint=True))
        _, packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        small = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED))
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR).reshape(crop.shape).astype(np.uint8)


def _between_pixel_centres(transform: Transform) -> Transform:
    """Return a transform of our points for OpenCV, which puts the origin into the centre of the top left pixel."""
    return shift(-0.5, -0.5) @ transform @ shift(0.5, 0.5)
