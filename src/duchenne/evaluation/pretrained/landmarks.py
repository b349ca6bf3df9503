"""Measure a landmarker on people it has never seen, on rendered heads and on photographs without a face.

Real faces are those of the held-out persons on which both detectors of the teacher agree. Each goes the way of the
product: the face detector gives the box (the one that overlaps the teacher's points best), the landmarker makes its
refinement passes. The teacher is no truth: it is the measure that a small network can be held to without hand-made
labels. Rendered heads of other people than in training have exact points, pose and visibility. Places without a face
are squares of photographs, into which the mean face is laid as the face detector's box would be; after both passes
some may still seem a face.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from duchenne.cropping import Picture
from duchenne.datasets.person_split import Part
from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained.landmark_errors import by_yaw, measure_rendered, point_error, point_errors
from duchenne.evaluation.pretrained.landmark_result import LandmarksResult, RealErrors, SquaresWithoutFace
from duchenne.faces import FaceDetector
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose, mean_face
from duchenne.location import MIN_FACE_CONFIDENCE
from duchenne.training.landmarks.boxes import Boxes, boxes_of_face_detector, locate, true_box
from duchenne.training.pictures.photographs import photographs
from duchenne.training.pictures.real_faces import RealFace, real_faces
from duchenne.training.pictures.rendered_heads import faces_in
from duchenne.weights import sha256_of

SQUARES_PER_PHOTOGRAPH = 20
FACE_IN_SQUARE = 0.55
"""Width of the mean face's points in a square, over its side."""


@dataclass(frozen=True)
class LandmarksTrial:
    """What a landmarker is measured on.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        rendered: Folder of rendered heads of other people than in training.
        grid: Folder of such heads under a grid of poses.
        photographs: Photographs without a face, or folders of them.
        without: Stems of photographs to leave out: they show a face.
        weights: The landmarker; the package's own unless given.
        boxes: Where boxes come from: our face detector, or the true points.
        command: That asked for it, to be recorded.

    Raises:
        EvaluationError: There is nothing to measure on, or real faces have no labels.
    """

    faces: Path | None = None
    labels: Path | None = None
    rendered: Path | None = None
    grid: Path | None = None
    photographs: tuple[Path, ...] = ()
    without: tuple[str, ...] = ()
    weights: Path | None = None
    boxes: Literal["face_detector", "true"] = "face_detector"
    command: str = ""

    def __post_init__(self) -> None:
        if not any((self.faces, self.rendered, self.grid, self.photographs)):
            raise EvaluationError(
                "Nothing to measure on: name --faces and --labels, --rendered, --grid or --photographs."
            )
        if self.faces is not None and self.labels is None:
            raise EvaluationError("Real faces need --labels, the file that duchenne dev label-faces writes.")


def measure_landmarks(trial: LandmarksTrial) -> LandmarksResult:
    """Return everything that can be measured of a landmarker.

    Raises:
        DuchenneError: Labels and pictures do not belong together, or something cannot be read.
    """
    landmarker = Landmarker(trial.weights)
    boxes = boxes_of_face_detector(FaceDetector()) if trial.boxes == "face_detector" else true_box
    real = rendered = grid = empty = None
    if trial.faces is not None and trial.labels is not None:
        real = measure_real(landmarker, boxes, real_faces(trial.faces, trial.labels, Part.JUDGE))
    if trial.rendered is not None:
        rendered = measure_rendered(landmarker, boxes, faces_in(trial.rendered))
    if trial.grid is not None:
        grid = measure_rendered(landmarker, boxes, faces_in(trial.grid), grid=True)
    if trial.photographs:
        empty = measure_empty(landmarker, photographs(list(trial.photographs), trial.without).values())
    return LandmarksResult(
        command=trial.command,
        error="mean distance of 49 points over the root of the area of the true points' box",
        boxes=trial.boxes,
        weights_sha256=sha256_of(landmarker.path),
        held_out_real=real,
        rendered=rendered,
        rendered_grid=grid,
        without_a_face=empty,
    )


def measure_real(landmarker: Landmarker, boxes: Boxes, faces: Iterable[RealFace]) -> RealErrors:
    """Return the errors on real faces, together, by the yaw of the teacher's points and by source."""
    errors, yaws, sources, sure, agreed, confidences = [], [], [], [], 0, []
    for face in faces:
        agreed += 1
        pixels, true = face.pixels(), face.landmarks_3d[:, :2]
        found = locate(landmarker, pixels, boxes(pixels, true))
        if found is None:
            continue
        errors.append(point_error(found.points, true))
        confidences.append(found.confidence)
        yaws.append(_yaw_deg(face))
        sources.append(face.file.parent.name)
        sure.append(face.trusted)
    error, source = np.array(errors, float), np.array(sources, str)
    return RealErrors(
        agreed_faces=agreed,
        located=len(error),
        all=point_errors(error),
        teacher_sure=point_errors(error[np.array(sure, bool)]),
        share_confident=round(float((np.array(confidences) >= 0.5).mean()), 4) if len(error) else 0.0,
        by_yaw=by_yaw(np.array(yaws, float), lambda rows: point_errors(error[rows])),
        by_source={name: point_errors(error[source == name]) for name in sorted(set(sources))},
    )


def _yaw_deg(face: RealFace) -> float:
    points, depth = face.landmarks_3d[:, :2], face.landmarks_3d[:, 2] - face.landmarks_3d[:, 2].mean()
    return head_pose(FaceLandmarks(points, depth, np.ones(len(points)), 1.0)).yaw_deg


def measure_empty(landmarker: Landmarker, photos: Iterable[Picture], seed: int = 5) -> SquaresWithoutFace:
    """Return in how many squares of photographs without a face the landmarker sees one."""
    rng, face = np.random.default_rng(seed), mean_face()[:, :2]
    face = FACE_IN_SQUARE * (face - (face.min(0) + face.max(0)) / 2) / np.ptp(face[:, 0])
    seen = []
    for photo in photos:
        for _ in range(SQUARES_PER_PHOTOGRAPH):
            side = min(photo.shape[:2]) * np.exp(rng.uniform(np.log(0.1), 0.0))
            centre = rng.uniform(side / 2, np.array(photo.shape[1::-1]) - side / 2)
            found = locate(landmarker, photo, true_box(photo, centre + side * face))
            seen.append(found is not None and found.confidence >= MIN_FACE_CONFIDENCE)
    return SquaresWithoutFace(len(seen), int(np.sum(seen)), round(float(np.mean(seen)), 4))
