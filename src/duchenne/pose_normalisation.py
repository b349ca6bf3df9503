"""From landmarks with depth to the shape of the face without its pose.

The points are turned, scaled and shifted onto a reference head by the points that no AU moves much: eye corners, nose
bridge and nose base. What remains is the person and the expression.
"""

import numpy as np
from jaxtyping import Float

from duchenne.errors import LandmarkError
from duchenne.facs import (
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    LANDMARK_COUNT,
    LANDMARK_GROUPS,
    OUTER_EYE_IMAGE_LEFT,
    OUTER_EYE_IMAGE_RIGHT,
)
from duchenne.geometry import rigid_rotation

Shape = Float[np.ndarray, "49 3"]

STABLE_LANDMARKS: tuple[int, ...] = (
    *LANDMARK_GROUPS["nose_bridge"],
    *LANDMARK_GROUPS["nose_base"],
    OUTER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    OUTER_EYE_IMAGE_RIGHT,
)
"""Indices (from 0) of the landmarks that fix the pose."""

_WEIGHTS = np.isin(np.arange(LANDMARK_COUNT), STABLE_LANDMARKS).astype(float)


def landmarks_3d(points: Float[np.ndarray, "49 2"], depth: Float[np.ndarray, "49"]) -> Shape:
    """Return (x, y, z) of image points and their depth, both in the same pixels."""
    return np.column_stack([points, depth])


def pose_normalised(points: Shape, reference: Shape) -> Shape:
    """Return the points moved onto the reference by the similarity that fits the stable landmarks best.

    Source: Umeyama, IEEE TPAMI 1991, eq. 40-42.

    Raises:
        LandmarkError: The stable points are not finite, or lie on a line or in a point.
    """
    stable = list(STABLE_LANDMARKS)
    rotation = rigid_rotation(points, reference, _WEIGHTS)
    centre, goal = points[stable].mean(0), reference[stable].mean(0)
    turned = (points - centre) @ rotation.T
    extent = float((turned[stable] ** 2).sum())
    if extent < 1e-12:
        raise LandmarkError("The eye corners and the nose coincide, so the face has no shape.")
    scale = float((turned[stable] * (reference[stable] - goal)).sum()) / extent
    return turned * scale + goal


def mean_normalised_landmarks(faces: Float[np.ndarray, "n 49 3"], rounds: int = 3) -> Shape:
    """Return the mean of the pose-normalised faces, centred, with an outer eye span of 1.

    The first face only starts the search; it should look roughly into the camera, since the mean keeps its direction.

    Source: Gower, Psychometrika 1975 (generalised Procrustes analysis).

    Raises:
        LandmarkError: As `pose_normalised`.
    """
    reference = _unit(faces[0])
    for _ in range(rounds):
        reference = _unit(np.mean([pose_normalised(face, reference) for face in faces], axis=0))
    return reference


def _unit(face: Shape) -> Shape:
    span = np.linalg.norm(face[OUTER_EYE_IMAGE_RIGHT] - face[OUTER_EYE_IMAGE_LEFT])
    if span < 1e-12:
        raise LandmarkError("The outer eye corners coincide, so the face has no scale.")
    return (face - face[list(STABLE_LANDMARKS)].mean(0)) / span
