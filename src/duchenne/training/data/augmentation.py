"""What training does to an aligned face before it cuts windows: landmark errors, mirror, light, resolution, JPEG.

Landmarks are moved as a landmarker errs, and the face is aligned again by the moved points, as detection will do it.
Everything is drawn from the generator handed in, so the same seed gives the same windows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from duchenne.alignment import CROP_SIDE_PX, crop_transform
from duchenne.colour import LUMINANCE
from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.geometry import Transform, scale_of, shift, similarity, transform_points
from duchenne.training.recipes.augmentation import AugmentationConfig

Crop = UInt8[np.ndarray, "s s c"]
Points = Float[np.ndarray, "49 3"]

_GROUP_OF = np.repeat(np.arange(len(LANDMARK_GROUPS)), [len(group) for group in LANDMARK_GROUPS.values()])


@dataclass(frozen=True)
class ChangedFace:
    """A face as training shows it.

    Attributes:
        pixels: Aligned by the moved points, at the scale of the view.
        points: In pixels of the new 200 x 200 crop.
        mirrored: Whether left and right have changed places.
    """

    pixels: UInt8[np.ndarray, "s s k"]
    points: Points
    mirrored: bool = False


def change(
    crop: Crop,
    points: Points,
    crop_from_stored: Transform,
    reduction: int,
    config: AugmentationConfig,
    *,
    grey: bool,
    rng: np.random.Generator,
    margin_px: int = 0,
) -> ChangedFace:
    """Return a face changed at random, and aligned again by its moved points.

    Args:
        crop: As the store keeps it, with its margin.
        points: In pixels of the 200 x 200 crop.
        crop_from_stored: From pixels of the stored crop to those of the 200 x 200 crop.
        reduction: Whole number by which the 200 x 200 crop is reduced.
        config: How much of what.
        grey: Whether colours are mixed to one channel.
        rng: Source of every random choice.
        margin_px: How much around the 200 x 200 crop is kept, in its pixels.
    """
    mirrored = bool(rng.random() < config.mirror)
    if mirrored:
        points = mirror_points(points)
    found = jitter_features(move_points(points, config, rng), config, rng)
    stored = tint(crop, grey, rng, config.tint)
    if mirrored:
        # Flipping the transform instead of the pixels saves a copy of them.
        crop_from_stored = np.array([[-1.0, 0, CROP_SIDE_PX], [0, 1, 0], [0, 0, 1]]) @ crop_from_stored
    pixels, found = realign(stored, found, reduction, crop_from_stored, margin_px)
    return ChangedFace(degrade(relight(pixels, config, rng), config, rng), found, mirrored)


def mirror(crop: Crop, points: Points) -> tuple[Crop, Points]:
    """Return the face flipped left to right, its points renamed so that each keeps its meaning."""
    return np.ascontiguousarray(crop[:, ::-1]), mirror_points(points)


def mirror_points(points: Points) -> Points:
    """Return the points of the 200 x 200 crop flipped left to right and renamed."""
    flipped = points[MIRROR_LANDMARKS].copy()
    flipped[:, 0] = CROP_SIDE_PX - flipped[:, 0]
    return flipped


def move_points(points: Points, config: AugmentationConfig, rng: np.random.Generator) -> Points:
    """Return points with the error of a landmarker: common to the face, common to a feature, and each point's own.

    Ours: a fifth of the variance is a common shift, a sixth turn and scale, a third the features', the rest the
    points'. The size of the error differs between faces, evenly between a fifth and 1.8 times the mean.
    """
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    # The mean length of a normal vector in the plane is 1.25 of its spread along each axis.
    spread = rng.uniform(0.2, 1.8) * config.landmark_error * size / 1.25
    centred = points[:, :2] - points[:, :2].mean(0)
    turn, growth = rng.normal(size=2) * 0.29 * spread / np.sqrt((centred**2).mean())
    moved = points.copy()
    moved[:, :2] += centred * growth + np.column_stack([-centred[:, 1], centred[:, 0]]) * turn
    moved[:, :2] += rng.normal(size=2) * 0.45 * spread
    moved[:, :2] += rng.normal(size=(len(LANDMARK_GROUPS), 2))[_GROUP_OF] * 0.58 * spread
    moved[:, :2] += rng.normal(size=(len(points), 2)) * 0.55 * spread
    tilt = rng.normal(size=2) * config.depth_error
    moved[:, 2] = moved[:, 2] * np.exp(rng.normal() * 2 * config.depth_error) + centred @ tilt
    moved[:, 2] += rng.normal(size=len(LANDMARK_GROUPS))[_GROUP_OF] * config.depth_error * size
    moved[:, 2] += rng.normal(size=len(points)) * 0.3 * config.depth_error * size
    return moved


def jitter_features(points: Points, config: AugmentationConfig, rng: np.random.Generator) -> Points:
    """Return points whose features are rotated about their middles and shifted vertically, as other people's are.

    Ours: rendered people differ less in the tilt and height of their eyes and lips than real ones, and their
    landmarks lie a little elsewhere on them. A network that has seen neither takes a stranger's brows for moved ones.
    """
    if not (config.feature_jitter_deg or config.feature_jitter_shift):
        return points
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    angles, jittered = dict(zip(LANDMARK_GROUPS, rng.normal(size=len(LANDMARK_GROUPS)), strict=True)), points.copy()
    for name, rows in LANDMARK_GROUPS.items():
        angle = _rotation_of(name, angles)
        middle, own = points[rows, :2].mean(0), slice(rows.start, rows.stop)
        about = similarity(1.0, angle * config.feature_jitter_deg)
        jittered[own, :2] = middle + transform_points(about, points[own, :2] - middle)
        jittered[own, 1] += rng.normal() * config.feature_jitter_shift * size
    return jittered


def _rotation_of(name: str, angles: Mapping[str, float]) -> float:
    """Return a feature's rotation: left and right mirror each other; mouth and nose stay, since AUs tilt them."""
    if name.endswith("_left"):
        return angles[name]
    twin = name.replace("_right", "_left")
    return 0.0 if twin == name else 0.3 * angles[name] - angles[twin]


def tint(
    crop: UInt8[np.ndarray, "s s 3"], grey: bool, rng: np.random.Generator, amount: float = 0.1
) -> UInt8[np.ndarray, "s s k"]:
    """Return the crop as one channel mixed by random weights, or with a random gain on each colour.

    An amount of 0 takes the weights of luminance, or leaves colours as they are.
    """
    if not grey:
        return np.clip(crop * np.exp(rng.normal(size=3) * amount), 0, 255).astype(np.uint8) if amount else crop
    weights = rng.dirichlet([3.6, 6.0, 2.4])[None] if amount else np.array([LUMINANCE])
    return cv2.transform(crop, weights)[..., None].astype(np.uint8)


def realign(
    crop: Crop, points: Points, reduction: int, crop_from_stored: Transform, margin_px: int = 0
) -> tuple[UInt8[np.ndarray, "t t c"], Points]:
    """Return the face aligned by these points, at the scale of the layout, and the points in its 200 x 200 pixels.

    With a margin, the face reaches so many of these pixels beyond on each side; what the stored crop lacks is black.

    Raises:
        LandmarkError: As `alignment.crop_transform`.
    """
    new_from_old = crop_transform(points[:, :2])
    wide_from_stored = shift(margin_px, margin_px) @ new_from_old @ crop_from_stored
    small_from_stored = np.diag([1 / reduction, 1 / reduction, 1.0]) @ wide_from_stored
    side = (CROP_SIDE_PX + 2 * margin_px) // reduction
    warped = cv2.warpAffine(crop, _between_pixel_centres(small_from_stored)[:2], (side, side), flags=cv2.INTER_LINEAR)
    depth = points[:, 2] * scale_of(new_from_old)
    return warped.reshape(side, side, -1), np.column_stack([transform_points(new_from_old, points[:, :2]), depth])


def relight(crop: Crop, config: AugmentationConfig, rng: np.random.Generator) -> Crop:
    """Return the crop with another gamma, contrast and brightness."""
    if not (config.gamma or config.contrast or config.brightness):
        return crop
    gamma = np.exp(rng.normal() * config.gamma)
    contrast, lift = np.exp(rng.normal() * config.contrast), rng.normal() * config.brightness
    levels = (np.linspace(0, 1, 256) ** gamma - 0.5) * contrast + 0.5 + lift
    return np.clip(levels * 255 + 0.5, 0, 255).astype(np.uint8)[crop]


def degrade(crop: Crop, config: AugmentationConfig, rng: np.random.Generator) -> Crop:
    """Return the crop with, by chance, the resolution of a small face and the traces of JPEG."""
    side = crop.shape[0]
    small = crop
    if rng.random() < config.low_resolution:
        target = int(rng.integers(config.min_side_px * side // 100, side))
        small = cv2.resize(crop, (target, target), interpolation=cv2.INTER_AREA)
    if rng.random() < config.jpeg:
        quality = int(rng.integers(*config.jpeg_quality, endpoint=True))
        _, packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        small = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED))
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR).reshape(crop.shape).astype(np.uint8)


def _between_pixel_centres(transform: Transform) -> Transform:
    """Return a transform of our points for OpenCV, which puts the origin into the centre of the top left pixel."""
    return shift(-0.5, -0.5) @ transform @ shift(0.5, 0.5)
