"""Where the landmarker's faces come from, and which of them it may see in training."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from PIL import Image

from duchenne.alignment import eye_span_px
from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import HeadPose, rigid_rotation, rotation_from_pose
from duchenne.pose_normalisation import STABLE_LANDMARKS, pose_normalised
from duchenne.training.face_detector.sources import AGREEMENT_IOU, HELD_OUT, VALIDATION
from duchenne.training.landmarks.pool import Sample, empty_sample, face_sample, write_part
from duchenne.training.pictures.photographs import photographs

MIN_PRESENCE = 2.0
"""Logit above which the teacher's own doubt is small."""
MAX_INCONSISTENCY = 0.03
"""Mean way between the teacher's two passes, over the root of the area of the points' box; 1% differ by more."""
EMPTY_PER_FACE_SOURCE, EMPTY_FROM_PHOTOGRAPHS = 1200, 1800
_PER_PART = 1000


@dataclass(frozen=True)
class TaughtFace:
    """A real picture with the teacher's points.

    Attributes:
        file: Where it lies.
        person: The id by which pictures are split.
        solid: (49, 3), points and depth, image pixels.
        trusted: The teacher is sure and consistent, and no detector sees a second face.
    """

    file: Path
    person: int
    landmarks_3d: Float[np.ndarray, "49 3"]
    trusted: bool

    def pixels(self) -> Picture:
        """Return the picture."""
        with Image.open(self.file) as image:
            return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class RenderedFace:
    """A drawn head with its truth.

    Attributes:
        pixels: RGB.
        solid: (49, 3), points and depth, image pixels.
        visible: (49,).
        pose: Of the head against the camera.
    """

    pixels: Picture
    landmarks_3d: Float[np.ndarray, "49 3"]
    visible: Bool[np.ndarray, "49"]
    pose: HeadPose


def taught_faces(folder: Path, labels: Path, last_digits: set[int]) -> list[TaughtFace]:
    """Return the faces on which both detectors agree, of the persons whose id ends in one of some digits.

    Args:
        folder: Pictures with an index.csv (file, person).
        labels: As `teachers.label_pictures` writes them.
        last_digits: Of the persons' ids.

    Raises:
        TrainingError: The labels are of other pictures.
    """
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = {row["file"]: int(row["person"]) for row in csv.DictReader(file)}
    with np.load(labels) as table:
        t = {name: table[name] for name in table.files}
    if not set(t["picture"]) <= set(rows):
        raise TrainingError(f"{labels} labels pictures that {folder / 'index.csv'} does not list.")
    agreed = (t["iou"] > AGREEMENT_IOU) & np.isfinite(t["points"]).all((1, 2))
    trusted = (t["presence"] > MIN_PRESENCE) & (t["consistency"] < MAX_INCONSISTENCY)
    trusted &= (t["n_short"] < 2) & (t["n_full"] < 2)
    landmarks_3d = t["points"].astype(np.float64) + np.array([0.5, 0.5, 0.0])
    return [
        TaughtFace(folder / name, rows[name], landmarks_3d[k], bool(trusted[k]))
        for k, name in enumerate(t["picture"])
        if agreed[k] and rows[name] % 10 in last_digits
    ]


def rendered_faces(file: Path) -> Iterator[RenderedFace]:
    """Yield the heads of a file of stills."""
    columns = ["image", "landmarks_3d", "visibility", "yaw_deg", "pitch_deg", "roll_deg"]
    table = pd.read_parquet(file, engine="fastparquet", columns=columns)
    for image, landmarks, visibility, *angles in zip(*(table[name] for name in columns), strict=True):
        with Image.open(io.BytesIO(image)) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        landmarks_3d = np.frombuffer(landmarks, np.float32).reshape(LANDMARK_COUNT, 3).astype(np.float64)
        visible = np.frombuffer(visibility, np.uint8).astype(bool)
        yield RenderedFace(pixels, landmarks_3d, visible, HeadPose(*(float(angle) for angle in angles)))


def prepare_real(
    work: Path, faces: Path, labels: Path, average: Float[np.ndarray, "49 3"]
) -> tuple[list[Path], list[Path]]:
    """Write the parts of real faces that are not there yet; return those to train on and those to choose on."""
    training = [face for face in taught_faces(faces, labels, set(range(10)) - {HELD_OUT, VALIDATION}) if face.trusted]
    choosing = [face for face in taught_faces(faces, labels, {VALIDATION}) if face.trusted]
    difference = depth_difference(training, average)
    return (
        _write_real(work, "real", [with_depth(face, average, difference) for face in training]),
        _write_real(work, "choose", [with_depth(face, average, difference) for face in choosing]),
    )


def depth_difference(faces: list[TaughtFace], average: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49"]:
    """Return by how much the mean rendered face lies deeper than the mean of the teacher's faces, in eye spans."""
    return average[:, 2] - np.mean([pose_normalised(face.landmarks_3d, average)[:, 2] for face in faces], axis=0)


def with_depth(face: TaughtFace, average: np.ndarray, difference: Float[np.ndarray, "49"]) -> TaughtFace:
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


def _write_real(work: Path, name: str, faces: list[TaughtFace]) -> list[Path]:
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


def stills_in(folders: list[Path]) -> list[Path]:
    """Return the files of stills in folders, those of each folder in order."""
    return [file for folder in folders for file in sorted(folder.resolve().glob("stills-*.parquet"))]


def prepare_empty(work: Path, faces: Path, labels: Path, backgrounds: list[Path], seed: int = 1) -> list[Path]:
    """Write the part of places without a face: beside the faces of training persons, and in photographs."""
    part = work / "empty"
    if not part.with_suffix(".npz").exists():
        rng = np.random.default_rng(seed)
        known = taught_faces(faces, labels, set(range(10)) - {HELD_OUT, VALIDATION})
        write_part(part, [*_beside_faces(known, rng), *_in_photographs(backgrounds, rng)])
    return [part]


def _beside_faces(faces: list[TaughtFace], rng: np.random.Generator) -> Iterator[Sample]:
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
        raise TrainingError(f"No stills-*.parquet in {places}. Draw some with: duchenne render --protocol stills.")
    points = np.mean(faces, axis=0)
    return (points - points.mean(0)) / eye_span_px(points[:, :2])


def write_mean_face(face: Float[np.ndarray, "49 3"], path: Path) -> None:
    """Write the file that `landmarks.mean_face` reads."""
    about = "mean of rendered heads, turned to look straight into the camera; x right, y down, z away; eye span 1"
    text = json.dumps({"about": about, "points": np.round(face, 4).tolist()}, indent=1)
    path.write_text(re.sub(r"\s+(?=[-\d\]])", " ", text) + "\n", encoding="utf-8")
