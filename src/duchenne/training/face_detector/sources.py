"""Where the face detector's pictures come from, and which of them it may see in training."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.colour import is_grey
from duchenne.datasets.person_split import Part
from duchenne.faces import FaceDetector, box_from_landmarks, keypoints_from_landmarks
from duchenne.geometry import HeadPose
from duchenne.training.face_detector.backgrounds import background_pool, covered, hard_squares
from duchenne.training.face_detector.pool import FacePool, LabelledPicture, write_pool
from duchenne.training.face_detector.scores import LOWEST_CONFIDENCE, false_confidences, hit, tiles
from duchenne.training.pictures.photographs import held_back, photographs
from duchenne.training.pictures.real_faces import RealFace, real_faces
from duchenne.training.pictures.rendered_heads import faces_in

SHARES = {"portraits": 0.3, "video_frames": 0.3, "web": 0.15, "rendered": 0.6}
"""How often a canvas takes a face from each source."""
BACKGROUND_COUNT = 4800
HARD_COUNT, HARD_TRIES = 1200, 12_000
HEAD_COUNT = 12_000
TURNED_DEG = 20.0
"""Rendered heads are there for what real pictures lack: of those turned less, only every third is used."""


@dataclass(frozen=True)
class Prepared:
    """Decoded pictures on disk: parts of the face pool, their shares, the backgrounds."""

    parts: list[Path]
    shares: list[float]
    backgrounds: Path


def chosen_heads(folders: list[Path]) -> Iterator[LabelledPicture]:
    """Yield the rendered heads to train on: all that are turned, every third of the others.

    There are at most `HEAD_COUNT`, as many from each folder.
    """
    for folder in folders:
        wanted = (head for k, head in enumerate(faces_in(folder)) if is_turned(head.pose) or k % 3 == 0)
        for head in itertools.islice(wanted, HEAD_COUNT // len(folders)):
            yield LabelledPicture(head.pixels, head.landmarks, grey=False)


def is_turned(pose: HeadPose) -> bool:
    """Return whether the head turns so far that real pictures seldom show it."""
    return bool(np.hypot(pose.yaw_deg, pose.pitch_deg) >= TURNED_DEG)


def prepare(
    work: Path, faces: Path, labels: Path, rendered: list[Path], backgrounds: list[Path], start: Path | None = None
) -> Prepared:
    """Decode what is not decoded yet and return where it lies.

    Args:
        work: Where decoded pictures go.
        faces: Folder of real faces; those of the teaching persons that stand alone are used.
        labels: Of these, by the teachers.
        rendered: Folders of rendered heads.
        backgrounds: Photographs without faces, or folders.
        start: A face detector to go on from; places without a face in which it sees one are looked for and learnt from.

    Raises:
        TrainingError: A source is empty.
    """
    known = [face for face in real_faces(faces, labels, Part.TEACH) if face.alone]
    parts, shares = [], []
    for name in sorted({face.file.parent.name for face in known}):
        here = [face for face in known if face.file.parent.name == name]
        parts.append(work / name)
        shares.append(SHARES.get(name, 0.2))
        if not parts[-1].with_suffix(".npz").exists():
            write_pool(parts[-1], (_labelled(face) for face in here), len(here))
    backdrop = work / "backgrounds.npy"
    if not backdrop.exists():
        photos = [photo for file, photo in photographs(backgrounds).items() if not held_back(file)]
        behind = background_pool(photos, FacePool(parts, shares), BACKGROUND_COUNT, seed=1)
        if start is not None:
            hard = hard_squares(FaceDetector(start), photos, HARD_COUNT, HARD_TRIES, seed=3)
            behind = np.concatenate([behind, hard])
        np.save(backdrop, behind)
    if rendered:
        parts.append(work / "rendered")
        shares.append(SHARES["rendered"])
        if not parts[-1].with_suffix(".npz").exists():
            write_pool(parts[-1], chosen_heads(rendered), HEAD_COUNT)
    return Prepared(parts, shares, backdrop)


def _labelled(face: RealFace) -> LabelledPicture:
    pixels = face.pixels()
    return LabelledPicture(pixels, face.landmarks, is_grey(pixels))


def validation_confidences(
    face_detector: FaceDetector, faces: Path, labels: Path, backgrounds: list[Path]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Return the confidences for known faces of the persons who choose, and those of false faces.

    Pictures without a face are here the tiles of the held-back photographs, and roomy frames of the persons who
    choose, with the face covered.
    """
    rng = np.random.default_rng(2)
    found, pictures = [], []
    for face in real_faces(faces, labels, Part.CHOOSE):
        pixels, box = face.pixels(), box_from_landmarks(face.landmarks)
        answers = face_detector.find(pixels, confidence=LOWEST_CONFIDENCE)
        found.append(hit(answers, box, keypoints_from_landmarks(face.landmarks)).confidence)
        if face.alone and box[2] < 0.45 * max(pixels.shape[:2]):
            pictures.append(covered(pixels, np.array([*(box[:2] + box[2:] / 2), box[2]]), rng))
    photos = [photo for file, photo in photographs(backgrounds).items() if held_back(file)]
    pictures += [tile for photo in photos for tile in tiles(photo)]
    return np.array(found), false_confidences(face_detector, pictures)
