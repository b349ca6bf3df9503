"""Where the face detector's pictures come from, and which of them it may see in training."""

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector, box_from_landmarks, keypoints_from_landmarks
from duchenne.geometry import HeadPose
from duchenne.training.face_detector.pool import FacePool, LabelledPicture, write_pool
from duchenne.training.face_detector.scores import LOWEST_CONFIDENCE, false_confidences, hit, tiles
from duchenne.training.pictures.photographs import background_pool, covered, hard_squares, held_back, photographs

HELD_OUT, VALIDATION = 0, 1
"""Last digit of the ids of persons who are never trained on, and of those who choose the threshold."""
SHARES = {"portraits": 0.3, "video_frames": 0.3, "web": 0.15, "rendered": 0.6}
"""How often a canvas takes a face from each source."""
BACKGROUND_COUNT = 4800
HARD_COUNT, HARD_TRIES = 1200, 12_000
HEAD_COUNT = 12_000
AGREEMENT_IOU = 0.5
TURNED_DEG = 20.0
"""Rendered heads are there for what real pictures lack: of those turned less, only every third is used."""


@dataclass(frozen=True)
class RealFace:
    """A real picture on which both detectors agree.

    Attributes:
        file: Where it lies.
        person: The id by which pictures are split.
        landmarks: Of the landmark teacher, pixels.
        trusted: The landmark teacher is sure, and no detector sees a second face: good enough to train on.
    """

    file: Path
    person: int
    landmarks: Float[np.ndarray, "49 2"]
    trusted: bool

    def pixels(self) -> Picture:
        """Return the picture."""
        with Image.open(self.file) as image:
            return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class Prepared:
    """Decoded pictures on disk: parts of the face pool, their shares, the backgrounds."""

    parts: list[Path]
    shares: list[float]
    backgrounds: Path


def real_faces(folder: Path, labels: Path, last_digits: set[int]) -> list[RealFace]:
    """Return the faces on which both detectors agree, of the persons whose id ends in one of some digits.

    The labels are arrays with one row for each row of the folder's index.csv: `picture` (file name), `iou` of the two
    detectors' boxes, `n_short` and `n_full` (faces that each saw), `points` (49 landmarks, x and y in pixels counted
    from pixel centres), `presence` (the landmark teacher's logit that this is a face).

    Raises:
        TrainingError: The labels are of other pictures.
    """
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(labels) as table:
        columns = {name: table[name] for name in ("picture", "iou", "n_short", "n_full", "points", "presence")}
    if [row["file"] for row in rows] != list(columns["picture"]):
        raise TrainingError(f"{labels} does not label the pictures that {folder / 'index.csv'} lists, in their order.")
    points = columns["points"][:, :, :2].astype(np.float64) + 0.5
    agreed = (columns["iou"] >= AGREEMENT_IOU) & np.isfinite(points).all((1, 2))
    alone = (columns["n_short"] < 2) & (columns["n_full"] < 2) & (columns["presence"] > 0)
    return [
        RealFace(folder / row["file"], int(row["person"]), points[k], bool(alone[k]))
        for k, row in enumerate(rows)
        if agreed[k] and int(row["person"]) % 10 in last_digits
    ]


def rendered_faces(folder: Path) -> Iterator[tuple[HeadPose, LabelledPicture]]:
    """Yield the pose and the picture, with exact landmarks, of each rendered head of a folder.

    Raises:
        SynthesisError: It holds none.
    """
    from duchenne.synthesis.sets.stills import read_stills

    columns = ["image", "landmarks", "yaw_deg", "pitch_deg", "roll_deg"]
    for table in read_stills(folder, columns):
        for encoded, points, *angles in zip(*(table[name] for name in columns), strict=True):
            with Image.open(io.BytesIO(encoded)) as image:
                pixels = np.asarray(image.convert("RGB"))
            landmarks = np.frombuffer(points, np.float32).reshape(49, 2).astype(np.float64)
            yield HeadPose(*(float(angle) for angle in angles)), LabelledPicture(pixels, landmarks, grey=False)


def chosen_heads(folders: list[Path]) -> Iterator[LabelledPicture]:
    """Yield the rendered heads to train on: all that are turned, every third of the others.

    There are at most `HEAD_COUNT`, as many from each folder.
    """
    for folder in folders:
        drawn = enumerate(rendered_faces(folder))
        wanted = (head for k, (pose, head) in drawn if is_turned(pose) or k % 3 == 0)
        yield from itertools.islice(wanted, HEAD_COUNT // len(folders))


def is_turned(pose: HeadPose) -> bool:
    """Return whether the head turns so far that real pictures seldom show it."""
    return bool(np.hypot(pose.yaw_deg, pose.pitch_deg) >= TURNED_DEG)


def prepare(
    work: Path, faces: Path, labels: Path, rendered: list[Path], backgrounds: list[Path], start: Path | None = None
) -> Prepared:
    """Decode what is not decoded yet and return where it lies.

    Args:
        work: Where decoded pictures go.
        faces: Folder of real faces.
        labels: Of these.
        rendered: Folders of rendered heads.
        backgrounds: Photographs without faces, or folders.
        start: A face detector to go on from; places without a face in which it sees one are looked for and learnt from.

    Raises:
        TrainingError: A source is empty.
    """
    digits = set(range(10)) - {HELD_OUT, VALIDATION}
    known = [face for face in real_faces(faces, labels, digits) if face.trusted]
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
    grey = bool((np.ptp(pixels.astype(np.int16), axis=2) < 6).all())
    return LabelledPicture(pixels, face.landmarks, grey)


def validation_confidences(
    face_detector: FaceDetector, faces: Path, labels: Path, backgrounds: list[Path]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Return the confidences for known faces of the validation persons, and those of false faces.

    Pictures without a face are here the tiles of the held-back photographs, and the validation persons' roomy frames
    with the face covered.
    """
    rng = np.random.default_rng(2)
    found, pictures = [], []
    for face in real_faces(faces, labels, {VALIDATION}):
        pixels, box = face.pixels(), box_from_landmarks(face.landmarks)
        answers = face_detector.find(pixels, confidence=LOWEST_CONFIDENCE)
        found.append(hit(answers, box, keypoints_from_landmarks(face.landmarks)).confidence)
        if face.trusted and box[2] < 0.45 * max(pixels.shape[:2]):
            pictures.append(covered(pixels, np.array([*(box[:2] + box[2:] / 2), box[2]]), rng))
    photos = [photo for file, photo in photographs(backgrounds).items() if held_back(file)]
    pictures += [tile for photo in photos for tile in tiles(photo)]
    return np.array(found), false_confidences(face_detector, pictures)
