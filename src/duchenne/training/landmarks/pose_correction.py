"""How the shape of a face corrects its pose, as `duchenne dev fit-pose-correction` fits it.

The landmarker looks at rendered heads that it was not trained on; the true pose is known. What the fit of the mean face
leaves is regressed on the shape of the level face, by ridge regression, each head counted with its mirror image.
"""

import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT, MIRROR_LANDMARKS
from duchenne.geometry import HeadPose, rotation_from_pose, rotation_vector
from duchenne.landmarks import Landmarker, level_face
from duchenne.pose_normalisation import landmarks_3d
from duchenne.training.landmarks.boxes import locate, true_box
from duchenne.training.pictures.rendered_heads import RenderedFace, rendered_faces, stills_in

RIDGE = 0.02
"""Noise of a coordinate that the fit reckons with, in roots of the mean square distance from the centre."""
MAX_RESIDUAL_DEG = 30.0
"""A head further off was not found; it teaches nothing."""
_MIRROR = np.array([-1.0, 1.0, 1.0])


def observed(landmarker: Landmarker, heads: Iterable[RenderedFace]) -> tuple[np.ndarray, np.ndarray]:
    """Return the shape (n x 147) and the missing rotation vector (n x 3) of each found head and its mirror image."""
    shapes, turns = [], []
    for head in heads:
        found = locate(landmarker, head.pixels, true_box(head.pixels, head.landmarks_3d[:, :2]))
        if found is None:
            continue
        seen = landmarks_3d(found.points, found.depth)
        for points, pose in ((seen, head.pose), (seen[MIRROR_LANDMARKS] * _MIRROR, _mirrored(head.pose))):
            rotation, shape = level_face(points)
            shapes.append(shape)
            turns.append(rotation_vector(rotation.T @ rotation_from_pose(pose)))
    return np.array(shapes), np.array(turns)


def _mirrored(pose: HeadPose) -> HeadPose:
    return HeadPose(-pose.yaw_deg, pose.pitch_deg, -pose.roll_deg)


def fit(shapes: Float[np.ndarray, "n 147"], turns_deg: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "147 3"]:
    """Return the ridge regression of turns on shapes, through the origin: the mean face needs no correction.

    Raises:
        TrainingError: There are fewer heads than coordinates.
    """
    kept = np.linalg.norm(turns_deg, axis=1) <= MAX_RESIDUAL_DEG
    x, y = shapes[kept], turns_deg[kept]
    if len(x) < x.shape[1]:
        raise TrainingError(f"{len(x)} heads do not fit {x.shape[1]} coordinates; render more.")
    return np.linalg.solve(x.T @ x + len(x) * RIDGE**2 * np.eye(x.shape[1]), x.T @ y)


def fit_pose_correction(rendered: Sequence[Path], count: int, out: Path) -> None:
    """Fit the correction of the package's landmarker and write it.

    Args:
        rendered: Folders of rendered heads that the landmarker was not trained on.
        count: Heads to look at.
        out: The JSON to write.

    Raises:
        TrainingError: There are fewer heads than coordinates.
    """
    heads = itertools.chain.from_iterable(rendered_faces(file) for file in stills_in(list(rendered)))
    matrix = fit(*observed(Landmarker(), itertools.islice(heads, count)))
    about = (
        f"degrees of rotation vector for each of {3 * LANDMARK_COUNT} coordinates of the level face less the mean face"
    )
    text = json.dumps({"about": about, "rotation_vector_deg": np.round(matrix, 3).tolist()}, indent=1)
    out.write_text(re.sub(r"\s+(?=[-\d\]])", " ", text) + "\n", encoding="utf-8")
