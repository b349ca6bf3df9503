"""Measure the landmarker on people it has never seen: `python -m duchenne.evaluation.pretrained.landmarks --help`.

Real faces are those of the held-out persons on which both detectors agree. Each goes the way of the product: the face
face detector gives the box (the one that overlaps the teacher's points best), the landmarker looks twice. The error of a face
is the mean distance of its 49 points from the teacher's, over the root of the area of the box of the teacher's points.
The teacher is no truth: it is the measure that a small network can be held to without hand-made labels. Rendered heads
of other people than in training have exact points, pose and visibility. Places without a face are squares of
photographs, into which the mean face is laid as the face detector's box would be; after two looks some may still seem a face.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose, mean_face
from duchenne.location import MIN_FACE_CONFIDENCE
from duchenne.training.face_detector.sources import HELD_OUT
from duchenne.training.landmarks.errors import (
    Boxes,
    boxes_of_face_detector,
    by_yaw,
    locate,
    measure_rendered,
    point_error,
    summary,
    true_box,
)
from duchenne.training.landmarks.sources import RenderedFace, TaughtFace, rendered_faces, taught_faces
from duchenne.training.pictures.photographs import photographs
from duchenne.weights import sha256_of

SQUARES_PER_PHOTOGRAPH = 20
FACE_IN_SQUARE = 0.55
"""Width of the mean face's points in a square, over its side."""


def measure_real(landmarker: Landmarker, boxes: Boxes, faces: Iterable[TaughtFace]) -> dict[str, object]:
    """Return the errors on real faces, together and by the yaw of the teacher's points."""
    errors, yaws, sources, sure, agreed, confidences = [], [], [], [], 0, []
    for face in faces:
        agreed += 1
        pixels, true = face.pixels(), face.landmarks_3d[:, :2]
        found = locate(landmarker, pixels, boxes(pixels, true))
        if found is None:
            continue
        errors.append(point_error(found.points, true))
        confidences.append(found.confidence)
        depth = face.landmarks_3d[:, 2] - face.landmarks_3d[:, 2].mean()
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


def measure_empty(landmarker: Landmarker, photos: Iterable[Picture], seed: int = 5) -> dict[str, object]:
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
    return {"squares": len(seen), "seem_a_face": int(np.sum(seen)), "share": round(float(np.mean(seen)), 4)}


def parser() -> argparse.ArgumentParser:
    """Return the command line of the measurement."""
    out = argparse.ArgumentParser(
        prog="python -m duchenne.evaluation.pretrained.landmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--faces", type=Path, help="folder of real faces with index.csv")
    out.add_argument("--labels", type=Path, help="the teachers' labels of these faces (.npz)")
    out.add_argument("--rendered", type=Path, help="folder of rendered heads of other people than in training")
    out.add_argument("--grid", type=Path, help="folder of rendered heads under a grid of poses, likewise")
    out.add_argument("--photographs", type=Path, nargs="*", help="photographs without a face, or folders")
    out.add_argument("--without", nargs="*", default=[], help="stems of photographs to leave out: they show a face")
    out.add_argument("--weights", type=Path, help="a landmarker; the package's own by default")
    out.add_argument(
        "--boxes", choices=("face_detector", "true"), default="face_detector", help="where boxes come from"
    )
    out.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return out


def _heads(folder: Path) -> Iterable[RenderedFace]:
    return (head for file in sorted(folder.glob("stills-*.parquet")) for head in rendered_faces(file))


def main() -> None:
    """Measure and write the results."""
    args = parser().parse_args()
    if not any((args.faces, args.rendered, args.grid, args.photographs)):
        raise TrainingError("Nothing to measure: name --faces and --labels, --rendered, --grid or --photographs.")
    landmarker = Landmarker(args.weights)
    boxes = boxes_of_face_detector(FaceDetector()) if args.boxes == "face_detector" else true_box
    named = [word if not word.startswith("/") else Path(word).name for word in sys.argv[1:]]
    results: dict[str, object] = {
        "command": " ".join(["python -m duchenne.evaluation.pretrained.landmarks", *named]),
        "error": "mean distance of 49 points over the root of the area of the true points' box",
        "boxes": args.boxes,
        "weights_sha256": sha256_of(landmarker.path),
    }
    if args.faces is not None:
        if args.labels is None:
            raise TrainingError("Real faces need --labels, the file that duchenne.training.pictures.teachers writes.")
        results["held_out_real"] = measure_real(landmarker, boxes, taught_faces(args.faces, args.labels, {HELD_OUT}))
    if args.rendered is not None:
        results["rendered"] = measure_rendered(landmarker, boxes, _heads(args.rendered))
    if args.grid is not None:
        results["rendered_grid"] = measure_rendered(landmarker, boxes, _heads(args.grid), grid=True)
    if args.photographs:
        results["without_a_face"] = measure_empty(landmarker, photographs(args.photographs, args.without).values())
    args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
