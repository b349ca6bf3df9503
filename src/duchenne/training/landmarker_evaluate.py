"""Measure the landmarker on people it has never seen: `python -m duchenne.training.landmarker_evaluate --help`.

Real faces are those of the held-out persons on which both detectors agree. Each goes the way of the product: the face
finder gives the box (the one that overlaps the teacher's points best), the landmarker looks twice. The error of a face
is the mean distance of its 49 points from the teacher's, over the root of the area of the box of the teacher's points.
The teacher is no truth: it is the measure that a small network can be held to without hand-made labels. Rendered heads
of other people than in training have exact points, pose and visibility.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.errors import LandmarkError, TrainingError
from duchenne.faces import FaceBox, FaceFinder, box_from_landmarks, keypoints_from_landmarks, overlap
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose
from duchenne.training.finder_sources import HELD_OUT
from duchenne.training.landmarker_sources import RenderedFace, TaughtFace, rendered_faces, taught_faces

MIN_OVERLAP = 0.3
"""A found box that overlaps the true one less is another face, or none."""
YAW_EDGES_DEG = (0.0, 15.0, 30.0, 45.0, 60.0)
FAR = 0.10
"""An error above this puts the points off their features."""

Boxes = Callable[[Picture, np.ndarray], FaceBox | None]


def boxes_of_finder(finder: FaceFinder) -> Boxes:
    """Return a function from picture and true points to the found box of that face; None where it was not found."""

    def box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
        found = finder.find(pixels)
        if not found:
            return None
        shared = overlap(box_from_landmarks(points), np.array([face.box for face in found]))
        return found[int(shared.argmax())] if shared.max() >= MIN_OVERLAP else None

    return box


def true_box(pixels: Picture, points: np.ndarray) -> FaceBox | None:
    """Return the box that the points themselves give, for a measure without the finder."""
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


def measure_real(landmarker: Landmarker, boxes: Boxes, faces: Iterable[TaughtFace]) -> dict[str, object]:
    """Return the errors on real faces, together and by the yaw of the teacher's points."""
    errors, yaws, sources, sure, agreed, confidences = [], [], [], [], 0, []
    for face in faces:
        agreed += 1
        pixels, true = face.pixels(), face.solid[:, :2]
        found = _locate(landmarker, pixels, boxes(pixels, true))
        if found is None:
            continue
        errors.append(point_error(found.points, true))
        confidences.append(found.confidence)
        depth = face.solid[:, 2] - face.solid[:, 2].mean()
        yaws.append(head_pose(FaceLandmarks(true, depth, np.ones(len(true)), 1.0)).yaw_deg)
        sources.append(face.file.parent.name)
        sure.append(face.trusted)
    error, yaw, source = np.array(errors), np.array(yaws), np.array(sources)
    return {
        "agreed_faces": agreed,
        "located": len(error),
        "all": summary(error),
        "teacher_sure": summary(error[np.array(sure, bool)]),
        "confidence_at_least_0.5": round(float((np.array(confidences) >= 0.5).mean()), 4) if len(error) else 0.0,
        "by_yaw": by_yaw(yaw, lambda rows: summary(error[rows])),
        "by_source": {name: summary(error[source == name]) for name in sorted(set(sources))},
    }


def measure_rendered(landmarker: Landmarker, boxes: Boxes, heads: Iterable[RenderedFace]) -> dict[str, object]:
    """Return the errors of points, pose and visibility on rendered heads, together and by true yaw."""
    rows, total = [], 0
    for head in heads:
        total += 1
        true = head.solid[:, :2]
        found = _locate(landmarker, head.pixels, boxes(head.pixels, true))
        if found is None:
            continue
        off = _pose_difference(head_pose(found), head.pose)
        right = ((found.visibility >= 0.5) == head.visible).mean()
        scale = np.sqrt(np.ptp(true, axis=0).prod())
        depth = np.abs(found.depth - (head.solid[:, 2] - head.solid[:, 2].mean())).mean() / scale
        rows.append([point_error(found.points, true), *off, right, depth, head.pose.yaw_deg])
    table = np.array(rows).reshape(len(rows), 7)

    def measure(chosen: np.ndarray) -> dict[str, object]:
        part = table[chosen]
        if not len(part):
            return {"faces": 0}
        pose = {
            name: {
                "bias": round(float(part[:, k].mean()), 2),
                "mean_absolute": round(float(np.abs(part[:, k]).mean()), 2),
            }
            for k, name in ((1, "yaw_deg"), (2, "pitch_deg"), (3, "roll_deg"))
        }
        return {
            **summary(part[:, 0]), "pose_error": pose, "visibility_accuracy": round(float(part[:, 4].mean()), 4),
            "depth_median": round(float(np.median(part[:, 5])), 4),
        }  # fmt: skip

    return {
        "heads": total,
        "located": len(table),
        "all": measure(np.ones(len(table), bool)),
        "by_yaw": by_yaw(table[:, 6], measure),
    }


def _locate(landmarker: Landmarker, pixels: Picture, box: FaceBox | None) -> FaceLandmarks | None:
    if box is None:
        return None
    try:
        return landmarker.locate(pixels, box)
    except LandmarkError:
        return None


def _pose_difference(found: HeadPose, true: HeadPose) -> list[float]:
    return [found.yaw_deg - true.yaw_deg, found.pitch_deg - true.pitch_deg, found.roll_deg - true.roll_deg]


def parser() -> argparse.ArgumentParser:
    """Return the command line of the measurement."""
    out = argparse.ArgumentParser(
        prog="python -m duchenne.training.landmarker_evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--faces", type=Path, help="folder of real faces with index.csv")
    out.add_argument("--labels", type=Path, help="the teachers' labels of these faces (.npz)")
    out.add_argument("--rendered", type=Path, help="folder of rendered heads of other people than in training")
    out.add_argument("--weights", type=Path, help="a landmarker; the package's own by default")
    out.add_argument("--boxes", choices=("finder", "true"), default="finder", help="where boxes come from")
    out.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return out


def main() -> None:
    """Measure and write the results."""
    args = parser().parse_args()
    if args.faces is None and args.rendered is None:
        raise TrainingError("Nothing to measure: name --faces and --labels, or --rendered, or all three.")
    landmarker = Landmarker(args.weights)
    boxes = boxes_of_finder(FaceFinder()) if args.boxes == "finder" else true_box
    named = [word if not word.startswith("/") else Path(word).name for word in sys.argv[1:]]
    results: dict[str, object] = {
        "command": " ".join(["python -m duchenne.training.landmarker_evaluate", *named]),
        "error": "mean distance of 49 points over the root of the area of the true points' box",
        "boxes": args.boxes,
    }
    if args.faces is not None:
        if args.labels is None:
            raise TrainingError("Real faces need --labels, the file that duchenne.training.teachers writes.")
        results["held_out_real"] = measure_real(landmarker, boxes, taught_faces(args.faces, args.labels, {HELD_OUT}))
    if args.rendered is not None:
        files = sorted(args.rendered.glob("stills-*.parquet"))
        heads = (head for file in files for head in rendered_faces(file))
        results["rendered"] = measure_rendered(landmarker, boxes, heads)
    args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
