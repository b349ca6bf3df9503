"""Measure a face detector on people it has never seen, on photographs without a face and on rendered heads."""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from duchenne.datasets.person_split import Part
from duchenne.evaluation.pretrained.face_detector_result import (
    AngleRecall,
    FaceDetectorResult,
    FalseFaces,
    PhotographResults,
    Recall,
)
from duchenne.evaluation.pretrained.hard_pictures import COVERS, Labelled, crowds, hidden, shrunk
from duchenne.evaluation.pretrained.landmark_errors import pose_name
from duchenne.faces import FaceDetector, box_from_landmarks, keypoints_from_landmarks
from duchenne.geometry import HeadPose
from duchenne.training.face_detector.scores import LOWEST_CONFIDENCE, Hit, false_confidences, hit, tiles
from duchenne.training.pictures.photographs import photographs
from duchenne.training.pictures.real_faces import RealFace, real_faces
from duchenne.training.pictures.rendered_heads import faces_in
from duchenne.weights import sha256_of, weights_path

SIDES_PX = (20, 30, 40, 80)
TURN_BINS_DEG = (0, 20, 40, 61)
CROWDS = ((7, 4), (12, 7))
"""Pictures across and down."""
_PROTOCOL = {
    "recall": "Faces of held-out persons (id % 10 == 0, never trained on) on which both teachers' detectors agree. A "
    "face is found when a box at the stored threshold has an IoU of at least .5 with box_from_landmarks of the "
    "teacher's 49 points.",
    "false_faces": "Different photographs without a face, of other sources than in training, each as a whole and cut "
    "into its 3 x 2 tiles. A picture counts when any box reaches the stored threshold.",
    "by_side_px": "The same faces, pictures shrunk so that the face's box has this side; only faces that were larger.",
    "rendered": "Rendered heads of identities that were not trained on; exact landmarks.",
    "partly_hidden": "The same faces with a part of the face's box under one colour (hard_pictures.COVERS).",
    "in_crowds": "The trusted ones of the same pictures side by side in one frame.",
    "point_error": "Mean distance of the five keypoints from the teacher's over the box's side; median of found faces.",
}


@dataclass(frozen=True)
class FaceDetectorTrial:
    """What a face detector is measured on.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        backgrounds: Photographs without faces, or folders of them.
        without: Stems of photographs to leave out: they show a face or another photograph.
        rendered: Folder of rendered heads that were not trained on.
        grid: Folder of such heads under a grid of poses.
        weights: The face detector; the package's own unless given.
        command: That asked for it, to be recorded.
    """

    faces: Path
    labels: Path
    backgrounds: tuple[Path, ...]
    without: tuple[str, ...] = ()
    rendered: Path | None = None
    grid: Path | None = None
    weights: Path | None = None
    command: str = ""


def measure_face_detector(trial: FaceDetectorTrial) -> FaceDetectorResult:
    """Return everything that can be measured of a face detector.

    Raises:
        TrainingError: Labels and pictures do not belong together, or there are none.
    """
    weights = trial.weights or weights_path("face_detector.onnx")
    detector = FaceDetector(weights)
    faces = real_faces(trial.faces, trial.labels, Part.JUDGE)
    hits = best_hits(detector, ((face.pixels(), face.landmarks) for face in faces))
    return FaceDetectorResult(
        command=trial.command,
        protocol=_PROTOCOL,
        weights_sha256=sha256_of(weights),
        labels_sha256=_fingerprint(trial.faces / "index.csv", trial.labels),
        threshold=detector.confidence,
        persons=len({face.person for face in faces}),
        recall=recall(hits, detector.confidence),
        recall_by_source=_by_name([face.file.parent.name for face in faces], hits, detector.confidence),
        false_faces=_on_photographs(detector, trial.backgrounds, trial.without),
        recall_by_side_px={str(side): _recall_of(detector, _shrunk_to(faces, side)) for side in SIDES_PX},
        recall_partly_hidden=_on_hidden(detector, faces),
        recall_in_crowds=_on_crowds(detector, faces),
        recall_rendered=None if trial.rendered is None else _on_heads(detector, trial.rendered),
        recall_rendered_by_pose=None if trial.grid is None else _on_grid(detector, trial.grid),
    )


def best_hits(detector: FaceDetector, pictures: Iterable[Labelled]) -> list[Hit]:
    """Return the face detector's best answer for each picture with its 49 landmarks."""
    out = []
    for pixels, landmarks in pictures:
        found = detector.find(pixels, confidence=LOWEST_CONFIDENCE)
        out.append(hit(found, box_from_landmarks(landmarks), keypoints_from_landmarks(landmarks)))
    return out


def recall(hits: Sequence[Hit], threshold: float) -> Recall:
    """Return how many faces there are, the share that is found, and how well those are placed."""
    if not hits:
        return Recall(0)
    found = [h for h in hits if h.confidence >= threshold]
    share = round(len(found) / len(hits), 4)
    if not found:
        return Recall(len(hits), 0, share)
    iou, error = np.mean([h.iou for h in found]), np.median([h.point_error for h in found])
    return Recall(len(hits), len(found), share, round(float(iou), 4), round(float(error), 4))


def false_faces(confidences: Float[np.ndarray, " n"], threshold: float) -> FalseFaces:
    """Return how many face-free pictures there are and on which share of them a face is found."""
    wrong = int((confidences >= threshold).sum())
    return FalseFaces(len(confidences), wrong, round(wrong / len(confidences), 4))


def _recall_of(detector: FaceDetector, pictures: Iterable[Labelled]) -> Recall:
    return recall(best_hits(detector, pictures), detector.confidence)


def _shrunk_to(faces: Sequence[RealFace], side_px: int) -> Iterable[Labelled]:
    for face in faces:
        scale = side_px / float(box_from_landmarks(face.landmarks)[2])
        if scale <= 1:
            small = shrunk(face.pixels(), scale)
            yield small, face.landmarks * (np.array(small.shape[1::-1]) / face.pixels().shape[1::-1])


def _by_name(names: Sequence[str], hits: Sequence[Hit], threshold: float) -> dict[str, Recall]:
    named = np.array(names)
    return {name: recall(_chosen(hits, named == name), threshold) for name in sorted(set(names))}


def _on_heads(detector: FaceDetector, folder: Path) -> AngleRecall:
    poses, hits = _rendered_hits(detector, folder)

    def by_size(angles_deg: list[float]) -> dict[str, Recall]:
        size = np.abs(angles_deg)
        return {
            f"{low}-{min(high, 60)}": recall(_chosen(hits, (size >= low) & (size < high)), detector.confidence)
            for low, high in itertools.pairwise(TURN_BINS_DEG)
        }

    return AngleRecall(by_size([pose.yaw_deg for pose in poses]), by_size([pose.pitch_deg for pose in poses]))


def _on_grid(detector: FaceDetector, folder: Path) -> dict[str, Recall]:
    poses, hits = _rendered_hits(detector, folder)
    names = [pose_name(pose) for pose in poses]
    found = _by_name(names, hits, detector.confidence)
    return {name: found[name] for name in dict.fromkeys(names)}


def _rendered_hits(detector: FaceDetector, folder: Path) -> tuple[list[HeadPose], list[Hit]]:
    poses: list[HeadPose] = []

    def pictures() -> Iterable[Labelled]:
        for head in faces_in(folder):
            poses.append(head.pose)
            yield head.pixels, head.landmarks

    hits = best_hits(detector, pictures())
    return poses, hits


def _chosen(hits: Sequence[Hit], rows: Bool[np.ndarray, " n"]) -> list[Hit]:
    return [hits[k] for k in np.flatnonzero(rows).tolist()]


def _on_hidden(detector: FaceDetector, faces: Sequence[RealFace]) -> dict[str, Recall]:
    return {
        cover: _recall_of(detector, ((hidden(face.pixels(), face.landmarks, cover), face.landmarks) for face in faces))
        for cover in COVERS
    }


def _on_crowds(detector: FaceDetector, faces: Sequence[RealFace]) -> dict[str, Recall]:
    pictures, out = [(face.pixels(), face.landmarks) for face in faces if face.alone], {}
    for (columns, rows), min_face_px in itertools.product(CROWDS, (None, SIDES_PX[0])):
        hits = []
        for crowd in crowds(pictures, columns, rows):
            found = detector.find(crowd.pixels, min_face_px, LOWEST_CONFIDENCE)
            hits += [hit(found, box_from_landmarks(p), keypoints_from_landmarks(p)) for p in crowd.landmarks]
        asked = "" if min_face_px is None else f", --min-face {min_face_px}"
        out[f"{columns * rows} in 1280 x 720{asked}"] = recall(hits, detector.confidence)
    return out


def _on_photographs(detector: FaceDetector, places: Sequence[Path], without: Sequence[str]) -> PhotographResults:
    photos = photographs(list(places), without)
    confidences = [false_confidences(detector, tiles(photo)) for photo in photos.values()]
    whole, parts = np.array([c[0] for c in confidences]), np.concatenate([c[1:] for c in confidences])
    return PhotographResults(
        all=false_faces(np.concatenate([whole, parts]), detector.confidence),
        whole_photographs=false_faces(whole, detector.confidence),
        tiles=false_faces(parts, detector.confidence),
        photographs_by_place={place.name: sum(file.is_relative_to(place) for file in photos) for place in places},
        left_out=tuple(sorted(without)),
    )


def _fingerprint(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
