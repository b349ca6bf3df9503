"""Similarity transforms, rotations and head pose; the only module that sees radians.

Camera axes are OpenCV's: x to the image's right, y down, z away from the camera. A face that looks straight into the
camera has the identity rotation. Signs: yaw > 0 turns the face to the image's right (the subject's left), pitch > 0
lifts it, roll > 0 tilts the head clockwise as seen in the image. The rotation is R = Rz(roll) Ry(-yaw) Rx(-pitch) in
the usual right-handed matrices, so that turning the picture in its plane changes the roll alone.

Image points are (x, y) with the origin at the outer corner of the top left pixel: pixel i covers [i, i + 1) and its
centre lies at i + .5. Matrices are named target_from_source.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.errors import LandmarkError

Points = Float[np.ndarray, "n 2"]
Points3D = Float[np.ndarray, "n 3"]
Transform = Float[np.ndarray, "3 3"]


@dataclass(frozen=True)
class HeadPose:
    """Rotation of the head against the camera, in degrees; signs as in this module's docstring."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def rotation_from_pose(pose: HeadPose) -> Transform:
    """Return the 3 x 3 rotation that takes head axes to camera axes."""
    yaw, pitch, roll = np.radians([-pose.yaw_deg, -pose.pitch_deg, pose.roll_deg])
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    rx = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return rz @ ry @ rx


def pose_from_rotation(rotation: Transform) -> HeadPose:
    """Return the head pose of a rotation; the inverse of `rotation_from_pose` for |yaw| < 90."""
    yaw = -np.arcsin(np.clip(-rotation[2, 0], -1.0, 1.0))
    pitch = -np.arctan2(rotation[2, 1], rotation[2, 2])
    roll = np.arctan2(rotation[1, 0], rotation[0, 0])
    yaw_deg, pitch_deg, roll_deg = (float(v) for v in np.degrees([yaw, pitch, roll]))
    return HeadPose(yaw_deg, pitch_deg, roll_deg)


def rotation_from_vector(vector_deg: Float[np.ndarray, "3"]) -> Transform:
    """Return the rotation of a rotation vector: about this axis, by its length in degrees.

    Source: Rodrigues' formula.
    """
    angle = float(np.radians(np.linalg.norm(vector_deg)))
    x, y, z = np.radians(vector_deg) / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def rotation_vector(rotation: Transform) -> Float[np.ndarray, "3"]:
    """Return the axis of a rotation, as long as its angle in degrees; inverts `rotation_from_vector` below 180."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return np.degrees(axis * (0.5 if angle < 1e-6 else angle / (2 * np.sin(angle))))


def angle_between_deg(first: HeadPose, second: HeadPose) -> float:
    """Return the angle of the single rotation that takes one pose to the other, 0-180 degrees."""
    return float(np.linalg.norm(rotation_vector(rotation_from_pose(first).T @ rotation_from_pose(second))))


def rigid_rotation(source: Points3D, target: Points3D, weights: Float[np.ndarray, " n"]) -> Transform:
    """Return the rotation R that minimises the weighted squares of target - (s R source + t).

    Source: Umeyama, IEEE TPAMI 1991, eq. 34-43.

    Raises:
        LandmarkError: The points are not finite or have no extent.
    """
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise LandmarkError("Landmarks are not finite, so the head has no pose.")
    w = weights / weights.sum()
    a, b = source - w @ source, target - w @ target
    u, s, vt = np.linalg.svd((b * w[:, None]).T @ a)
    if s[1] < 1e-12:
        raise LandmarkError("Landmarks lie on a line, so the head has no pose.")
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return u @ np.diag(flip) @ vt


def similarity_from_two_points(source: Float[np.ndarray, "2 2"], target: Float[np.ndarray, "2 2"]) -> Transform:
    """Return the similarity (scale, rotation, shift) that takes the two source points to the two target points.

    Raises:
        LandmarkError: The source points coincide or are not finite.
    """
    if not np.isfinite(source).all() or np.linalg.norm(source[1] - source[0]) < 1e-6:
        raise LandmarkError("The two points coincide or are not finite, so they fix no scale.")
    a, b = complex(*(source[1] - source[0])), complex(*(target[1] - target[0]))
    ratio = b / a
    linear = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    out = np.eye(3)
    out[:2, :2], out[:2, 2] = linear, target[0] - linear @ source[0]
    return out


def similarity(scale: float, rotation_deg: float, shift: tuple[float, float] = (0.0, 0.0)) -> Transform:
    """Return scaling and clockwise rotation (as seen in the image) about the origin, followed by a shift."""
    angle = np.radians(rotation_deg)
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0.0, 0.0, 1.0]])


def shift(dx: float, dy: float) -> Transform:
    """Return the translation by (dx, dy)."""
    return np.array([[1.0, 0.0, dx], [0.0, 1.0, dy], [0.0, 0.0, 1.0]])


def transform_points(transform: Transform, points: Points) -> Points:
    """Return the points taken through an affine transform."""
    return points @ transform[:2, :2].T + transform[:2, 2]


def scale_of(transform: Transform) -> float:
    """Return the linear scale of an affine transform (the root of its area factor)."""
    (a, b), (c, d) = transform[:2, :2].tolist()
    return float(np.sqrt(abs(a * d - b * c)))


def inverse_of(transform: Transform) -> Transform:
    """Return the affine transform that leads back; quicker than the inverse of any matrix.

    Example:
        >>> inverse_of(shift(1.0, 2.0) @ similarity(2.0, 0.0)).tolist()
        [[0.5, -0.0, -0.5], [-0.0, 0.5, -1.0], [0.0, 0.0, 1.0]]
    """
    (a, b, x), (c, d, y) = transform[:2].tolist()
    area = a * d - b * c
    a, b, c, d = d / area, -b / area, -c / area, a / area
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)], [0.0, 0.0, 1.0]])


def angle_deg(vector: Float[np.ndarray, "2"]) -> float:
    """Return the clockwise angle of an image vector against the x axis."""
    return float(np.degrees(np.arctan2(vector[1], vector[0])))
