"""The mean shape of training faces and its spread, for networks that read pose-normalised landmarks."""

import numpy as np
from jaxtyping import Float

from duchenne.facs import MIRROR_LANDMARKS
from duchenne.pose_normalisation import mean_normalised_landmarks, pose_normalised

SHAPE_SAMPLE = 2000
"""Faces from which the mean shape and its spread are taken."""
MIN_SPREAD = 0.01
"""Least spread of a shape coordinate, in eye spans, so that stable points are not blown up."""


def shape_statistics(
    points: Float[np.ndarray, "n 49 3"], pose_deg: Float[np.ndarray, "n 3"], seed: int, symmetric: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference head (49, 3) and the spread (49, 3) of pose-normalised shapes around it, in eye spans.

    Args:
        points: Landmarks of the faces.
        pose_deg: Yaw, pitch and roll of their heads; a mean of those that look into the camera begins the search.
        seed: Of the sample.
        symmetric: Whether both sides of the reference head are made alike, so that a mirrored face is normalised to
            the mirrored landmarks.
    """
    rows = np.random.default_rng(seed).permutation(len(points))[:SHAPE_SAMPLE]
    rows = rows[np.argsort(np.abs(pose_deg[rows]).sum(1), kind="stable")]
    sample = points[rows].astype(float)
    reference = mean_normalised_landmarks(sample)
    if symmetric:
        reference = (reference + reference[MIRROR_LANDMARKS] * [-1.0, 1.0, 1.0]) / 2
    spread = np.std([pose_normalised(face, reference) for face in sample], axis=0)
    return reference, np.maximum(spread, MIN_SPREAD)
