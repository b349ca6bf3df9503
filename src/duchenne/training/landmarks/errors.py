"""How far found landmarks lie from known ones, on faces of any source and on rendered heads by their true pose."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.errors import LandmarkError
from duchenne.faces import FaceBox, FaceDetector, box_from_landmarks, keypoints_from_landmarks, overlap
from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.geometry import HeadPose, angle_between_deg
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose, mean_face
from duchenne.pose_normalisation import landmarks_3d, pose_normalised
from duchenne.training.landmarks.sources import RenderedFace

MIN_OVERLAP = 0.3
"""A found box that overlaps the true one less is another face, or none."""
YAW_EDGES_DEG = (0.0, 15.0, 30.0, 45.0, 60.0)
FAR = 0.10
"""An error above this puts the points off their features."""
FRONTAL_DEG = 15.0
_EYE = tuple(LANDMARK_GROUPS["eye_image_left"])
MOVEMENTS = {
    "inner brow over the eye": ((4,), _EYE),
    "outer brow over the eye": ((0,), _EYE),
    "opening of the eye": ((20, 21), (23, 24)),
    "opening of the lips": ((44,), (47,)),
    "mouth corner over the lips": ((31,), (44, 47)),
}
"""What action units move, in the image's left half: how far some points lie above others."""

Boxes = Callable[[Picture, np.ndarray], FaceBox | None]


def boxes_of_face_detector(face_detector: FaceDetector) -> Boxes:
    """Return a function from picture and true points to the found box of that face; None where it was not found."""

    def box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
        found = face_detector.find(pixels)
        if not found:
            return None
        shared = overlap(box_from_landmarks(points), np.array([face.box for face in found]))
        return found[int(shared.argmax())] if shared.max() >= MIN_OVERLAP else None

    return box


def true_box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
    """Return the box that the points themselves give, for a measure without the face detector."""
    return FaceBox(box_from_landmarks(points), 1.0, keypoints_from_landmarks(points))


def point_error(found: Float[np.ndarray, "49 2"], true: Float[np.ndarray, "49 2"]) -> float:
    """Return the mean distance of the points over the root of the area of the true points' box."""
    return float(np.linalg.norm(found - true, axis=1).mean() / np.sqrt(np.ptp(true, axis=0).prod()))


def summary(errors: Float[np.ndarray, " n"]) -> dict[str, float | int]:
    """Return count, median, 90th percentile and the share that is `FAR` off."""
    if not len(errors):
        return {"faces": 0}
    return {
        "faces": len(errors),
        "median": round(float(np.median(errors)), 4),
        "p90": round(float(np.quantile(errors, 0.9)), 4),
        "share_above_0.10": round(float((errors > FAR).mean()), 4),
    }


def by_yaw(yaw_deg: np.ndarray, measure: Callable[[np.ndarray], dict]) -> dict[str, dict]:
    """Return what `measure` says of the rows in each bin of absolute yaw."""
    size = np.abs(yaw_deg)
    bins = [*pairwise(YAW_EDGES_DEG), (YAW_EDGES_DEG[-1], 90.0)]
    return {f"{low:g}-{high:g} deg": measure((size >= low) & (size < high)) for low, high in bins}


def locate(landmarker: Landmarker, pixels: Picture, box: FaceBox | None) -> FaceLandmarks | None:
    """Return the landmarks in a box; None where there is no box or no landmarks."""
    if box is None:
        return None
    try:
        return landmarker.locate(pixels, box)
    except LandmarkError:
        return None


def shape_error(found: Float[np.ndarray, "49 2"], true: Float[np.ndarray, "49 2"]) -> float:
    """Return `point_error` after each group of points (a brow, an eye, a lip) was moved onto the true one.

    Ours: action units show in the shape of a group more than in where the group as a whole lies.
    """
    moved = found.copy()
    for group in LANDMARK_GROUPS.values():
        rows = list(group)
        moved[rows] += true[rows].mean(0) - found[rows].mean(0)
    return point_error(moved, true)


@dataclass(frozen=True)
class HeadErrors:
    """What was found of one rendered head, against its truth.

    Attributes:
        true: Pose of the head.
        points: `point_error`.
        shape: `shape_error`.
        groups: Mean error of each group of points, in the order of `facs.LANDMARK_GROUPS`, in the same unit.
        depth: Mean error of the depths over the root of the area of the true points' box.
        visible: Share of the points whose visibility is told rightly.
        pose: Found less true yaw, pitch and roll, degrees.
        turn_deg: Angle between the found and the true pose.
    """

    true: HeadPose
    points: float
    shape: float
    groups: tuple[float, ...]
    depth: float
    visible: float
    pose: HeadPose
    turn_deg: float


def head_errors(found: FaceLandmarks, head: RenderedFace) -> HeadErrors:
    """Return how far found landmarks are from the truth of a head."""
    true, pose = head.landmarks_3d[:, :2], head_pose(found)
    scale = float(np.sqrt(np.ptp(true, axis=0).prod()))
    way = np.linalg.norm(found.points - true, axis=1) / scale
    depth = np.abs(found.depth - (head.landmarks_3d[:, 2] - head.landmarks_3d[:, 2].mean())).mean() / scale
    return HeadErrors(
        true=head.pose,
        points=float(way.mean()),
        shape=shape_error(found.points, true),
        groups=tuple(float(way[list(group)].mean()) for group in LANDMARK_GROUPS.values()),
        depth=float(depth),
        visible=float(((found.visibility >= 0.5) == head.visible).mean()),
        pose=HeadPose(*(getattr(pose, name) - getattr(head.pose, name) for name in ANGLES)),
        turn_deg=angle_between_deg(pose, head.pose),
    )


ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")


def responses(found: Float[np.ndarray, "n 49 3"], true: Float[np.ndarray, "n 49 3"]) -> dict[str, object]:
    """Return by how much what is found grows with the truth, for both sides together and for how they differ.

    Ours: the slope of the found heights over the true ones (`MOVEMENTS`), from one pose-normalised face to another. A
    landmarker that is unsure answers with the mean, and its slope is below 1.
    """
    both: dict[str, float] = {}
    apart: dict[str, float] = {}
    for name, (upper, lower) in MOVEMENTS.items():
        heights = []
        for faces in (found[..., 1], true[..., 1]):
            sides = [faces[:, rows(lower)].mean(1) - faces[:, rows(upper)].mean(1) for rows in (list, _twins)]
            heights.append((sides[0] + sides[1], sides[0] - sides[1]))
        (found_both, found_apart), (true_both, true_apart) = heights
        both[name] = _slope(true_both, found_both)
        if float(np.abs(true_apart).max()) > 1e-9:
            apart[name] = _slope(true_apart, found_apart)
    return {"faces": len(true), "both_sides": both, "left_against_right": apart}


def _twins(rows: Iterable[int]) -> list[int]:
    return [int(MIRROR_LANDMARKS[row]) for row in rows]


def _slope(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    away = x - x.mean()
    return round(float(away @ y / (away @ away)), 3)


def metadata(errors: list[HeadErrors]) -> dict[str, object]:
    """Return the errors of some heads as numbers for a results file."""
    if not errors:
        return {"faces": 0}
    pose: dict[str, object] = {"median_turn_deg": round(float(np.median([e.turn_deg for e in errors])), 2)}
    for name in ANGLES:
        off = np.array([getattr(e.pose, name) for e in errors])
        pose[name] = {
            "bias": round(float(off.mean()), 2),
            "mean_absolute": round(float(np.abs(off).mean()), 2),
            "median_absolute": round(float(np.median(np.abs(off))), 2),
        }
    groups = [round(float(v), 4) for v in np.median([e.groups for e in errors], axis=0)]
    return {
        **summary(np.array([e.points for e in errors])),
        "shape_median": round(float(np.median([e.shape for e in errors])), 4),
        "median_by_group": dict(zip(LANDMARK_GROUPS, groups, strict=True)),
        "pose_error": pose,
        "visibility_accuracy": round(float(np.mean([e.visible for e in errors])), 4),
        "depth_median": round(float(np.median([e.depth for e in errors])), 4),
    }


def measure_rendered(
    landmarker: Landmarker, boxes: Boxes, heads: Iterable[RenderedFace], grid: bool = False
) -> dict[str, object]:
    """Return the errors on rendered heads, together and by true yaw, or by true pose where they stand in a grid."""
    errors, poses, shapes = [], [], []
    for head in heads:
        poses.append(head.pose)
        found = locate(landmarker, head.pixels, boxes(head.pixels, head.landmarks_3d[:, :2]))
        if found is None:
            continue
        errors.append(head_errors(found, head))
        if max(abs(head.pose.yaw_deg), abs(head.pose.pitch_deg)) <= FRONTAL_DEG:
            seen = landmarks_3d(found.points, found.depth)
            shapes.append((pose_normalised(seen, mean_face()), pose_normalised(head.landmarks_3d, mean_face())))
    out = {"heads": len(poses), "located": len(errors), "all": metadata(errors)}
    if len(shapes) > 1:
        out["frontal_responses"] = responses(*np.array(shapes).transpose(1, 0, 2, 3))
    if not grid:
        yaw = np.array([e.true.yaw_deg for e in errors])
        return out | {"by_yaw": by_yaw(yaw, lambda rows: metadata([errors[k] for k in np.flatnonzero(rows)]))}
    asked = [pose_name(pose) for pose in poses]
    parts = {name: metadata([e for e in errors if pose_name(e.true) == name]) for name in dict.fromkeys(asked)}
    return out | {"by_pose": {name: {"heads": asked.count(name), **part} for name, part in parts.items()}}


def pose_name(pose: HeadPose) -> str:
    """Return such as "pitch -40 yaw +0", to whole degrees."""
    return f"pitch {round(pose.pitch_deg):+d} yaw {round(pose.yaw_deg):+d}"
