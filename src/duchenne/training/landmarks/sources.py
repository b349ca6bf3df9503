"""Where the landmarker's faces come from, and which of them it may see in training."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.alignment import eye_span_px
from duchenne.datasets.person_split import Part
from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import rigid_rotation, rotation_from_pose
from duchenne.pose_normalisation import STABLE_LANDMARKS, pose_normalised
from duchenne.training.landmarks.pool import Sample, empty_sample, face_sample, write_part
from duchenne.training.pictures.photographs import photographs
from duchenne.training.pictures.real_faces import RealFace, real_faces
from duchenne.training.pictures.rendered_heads import rendered_faces, stills_in

EMPTY_PER_FACE_SOURCE, EMPTY_FROM_PHOTOGRAPHS = 1200, 1800
_PER_PART = 1000


def prepare_real(
    work: Path, faces: Path, labels: Path, average: Float[np.ndarray, "49 3"]
) -> tuple[list[Path], list[Path]]:
    """Write the parts of real faces that are not there yet; return those to train on and those to choose on."""
    training = [face for face in real_faces(faces, labels, Part.TEACH) if face.trusted]
    choosing = [face for face in real_faces(faces, labels, Part.CHOOSE) if face.trusted]
    difference = depth_difference(training, average)
    return (
        _write_real(work, "real", [with_depth(face, average, difference) for face in training]),
        _write_real(work, "choose", [with_depth(face, average, difference) for face in choosing]),
    )


def depth_difference(faces: list[RealFace], average: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49"]:
    """Return by how much the mean rendered face lies deeper than the mean of the teacher's faces, in eye spans."""
    return average[:, 2] - np.mean([pose_normalised(face.landmarks_3d, average)[:, 2] for face in faces], axis=0)


def with_depth(face: RealFace, average: np.ndarray, difference: Float[np.ndarray, "49"]) -> RealFace:
    """Return the face with its depth on the rendered heads' scale, so that both sources teach one depth.

    Ours: the teacher's mean face differs from the rendered one by up to a tenth of the eye span at mouth and brows;
    the difference is added along the head's axis as far as it shows in depth. Image points stay as they are.
    """
    stable = np.isin(np.arange(LANDMARK_COUNT), STABLE_LANDMARKS).astype(float)
    rotation = rigid_rotation(average, face.landmarks_3d / np.ptp(face.landmarks_3d, axis=0).max(), stable)
    level = (face.landmarks_3d - face.landmarks_3d.mean(0)) @ rotation
    moved = face.landmarks_3d.copy()
    moved[:, 2] += rotation[2, 2] * difference * eye_span_px(level[:, :2])
    return replace(face, landmarks_3d=moved)


def _write_real(work: Path, name: str, faces: list[RealFace]) -> list[Path]:
    parts = []
    for first in range(0, len(faces), _PER_PART):
        part = work / f"{name}-{first // _PER_PART:03d}"
        if not part.with_suffix(".npz").exists():
            write_part(part, (face_sample(f.pixels(), f.landmarks_3d, None) for f in faces[first : first + _PER_PART]))
        parts.append(part)
    return parts


def prepare_rendered(work: Path, folders: list[Path]) -> list[Path]:
    """Write a part for each file of stills in the folders that has none yet; return all parts."""
    parts = []
    for file in stills_in(folders):
        part = work / f"rendered-{file.parent.parent.name}-{file.parent.name}-{file.stem}"
        if not part.with_suffix(".npz").exists():
            heads = (head for head in rendered_faces(file) if head.visible.sum() > LANDMARK_COUNT // 3)
            write_part(part, (face_sample(head.pixels, head.landmarks_3d, head.visible) for head in heads))
        parts.append(part)
    return parts


def prepare_empty(work: Path, faces: Path, labels: Path, backgrounds: list[Path], seed: int = 1) -> list[Path]:
    """Write the part of places without a face: beside the faces of training persons, and in photographs."""
    part = work / "empty"
    if not part.with_suffix(".npz").exists():
        rng = np.random.default_rng(seed)
        known = real_faces(faces, labels, Part.TEACH)
        write_part(part, [*_beside_faces(known, rng), *_in_photographs(backgrounds, rng)])
    return [part]


def _beside_faces(faces: list[RealFace], rng: np.random.Generator) -> Iterator[Sample]:
    """Yield squares that hold less than a quarter of the face's points or only a tiny part of the face."""
    given = 0
    while given < EMPTY_PER_FACE_SOURCE:
        face = faces[rng.integers(len(faces))]
        pixels = face.pixels()
        side = int(min(pixels.shape[:2]) * rng.uniform(0.2, 0.8))
        top, left = (int(rng.integers(0, n - side + 1)) for n in pixels.shape[:2])
        inside = (
            (face.landmarks_3d[:, :2] > [left, top]) & (face.landmarks_3d[:, :2] < [left + side, top + side])
        ).all(1)
        if inside.mean() < 0.25:
            given += 1
            yield empty_sample(pixels[top : top + side, left : left + side])


def _in_photographs(backgrounds: list[Path], rng: np.random.Generator) -> Iterator[Sample]:
    photos = list(photographs(backgrounds).values())
    for _ in range(EMPTY_FROM_PHOTOGRAPHS):
        photo = photos[rng.integers(len(photos))]
        side = int(min(photo.shape[:2]) * np.exp(rng.uniform(np.log(0.1), 0.0)))
        top, left = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        yield empty_sample(photo[top : top + side, left : left + side])


def mean_face(folders: list[Path], count: int = 2000) -> Float[np.ndarray, "49 3"]:
    """Return the average of rendered heads with their rotation undone, with outer eye corners one unit apart.

    Raises:
        TrainingError: The folders hold no stills.
    """
    faces = []
    for file in stills_in(folders)[: -(-count // 250)]:
        for head in rendered_faces(file):
            landmarks_3d = (head.landmarks_3d - head.landmarks_3d.mean(0)) @ rotation_from_pose(head.pose)
            faces.append(landmarks_3d / np.sqrt((landmarks_3d**2).sum(1).mean()))
    if not faces:
        places = ", ".join(map(str, folders))
        raise TrainingError(f"No stills-*.parquet in {places}. Render some with: duchenne render --protocol stills.")
    points = np.mean(faces, axis=0)
    return (points - points.mean(0)) / eye_span_px(points[:, :2])


def write_mean_face(face: Float[np.ndarray, "49 3"], path: Path) -> None:
    """Write the file that `landmarks.mean_face` reads."""
    about = "mean of rendered heads, turned to look straight into the camera; x right, y down, z away; eye span 1"
    text = json.dumps({"about": about, "points": np.round(face, 4).tolist()}, indent=1)
    path.write_text(re.sub(r"\s+(?=[-\d\]])", " ", text) + "\n", encoding="utf-8")
