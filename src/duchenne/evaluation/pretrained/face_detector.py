"""Measure the face detector: `python -m duchenne.evaluation.pretrained.face_detector --help`."""

import argparse
import hashlib
import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.cropping import Picture
from duchenne.evaluation.pretrained.occlusions import COVERS, crowds, hidden
from duchenne.faces import FaceDetector, box_from_landmarks, keypoints_from_landmarks
from duchenne.training.face_detector.scores import LOWEST_CONFIDENCE, Hit, false_confidences, hit, shrunk, tiles
from duchenne.training.face_detector.sources import HELD_OUT, RealFace, real_faces, rendered_faces
from duchenne.training.landmarks.errors import pose_name
from duchenne.training.pictures.photographs import photographs
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
    "partly_hidden": "The same faces with a part of the face's box under one colour (finder_conditions.COVERS).",
    "in_crowds": "The trusted ones of the same pictures side by side in one frame.",
    "point_error": "Mean distance of the five keypoints from the teacher's over the box's side; median of found faces.",
}


def parser() -> argparse.ArgumentParser:
    """Return the command line of the face detector's evaluation."""
    out = argparse.ArgumentParser(prog="python -m duchenne.evaluation.pretrained.face_detector", description=__doc__)
    out.add_argument("--faces", type=Path, required=True, help="folder of real faces with index.csv")
    out.add_argument("--labels", type=Path, required=True, help="the teachers' labels of these faces (.npz)")
    out.add_argument("--backgrounds", type=Path, nargs="+", required=True, help="photographs without faces, or folders")
    out.add_argument(
        "--without",
        nargs="*",
        default=[],
        help="stems of photographs to leave out: they show a face or another photograph",
    )
    out.add_argument("--rendered", type=Path, help="folder of rendered heads that were not trained on")
    out.add_argument("--grid", type=Path, help="folder of rendered heads under a grid of poses, likewise")
    out.add_argument("--weights", type=Path, help="the face detector to measure (default: the one of the package)")
    out.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    return out


def measured(face_detector: FaceDetector, pictures: Iterable[tuple[Picture, np.ndarray]]) -> list[Hit]:
    """Return the face detector's best answer for each picture with its 49 landmarks."""
    out = []
    for pixels, landmarks in pictures:
        found = face_detector.find(pixels, confidence=LOWEST_CONFIDENCE)
        out.append(hit(found, box_from_landmarks(landmarks), keypoints_from_landmarks(landmarks)))
    return out


def recall(hits: list[Hit], threshold: float) -> dict[str, Any]:
    """Return how many faces there are, the share that is found, and how well those are placed."""
    if not hits:
        return {"faces": 0}
    found = [h for h in hits if h.confidence >= threshold]
    placed = {} if not found else {
        "mean_iou": round(float(np.mean([h.iou for h in found])), 4),
        "point_error": round(float(np.median([h.point_error for h in found])), 4),
    }  # fmt: skip
    return {"faces": len(hits), "found": len(found), "recall": round(len(found) / len(hits), 4)} | placed


def false_faces(confidences: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return how many face-free pictures there are and on which share of them a face is found."""
    wrong = int((confidences >= threshold).sum())
    return {"pictures": len(confidences), "with_a_false_face": wrong, "share": round(wrong / len(confidences), 4)}


def _shrunk_to(faces: list[RealFace], side_px: int) -> Iterable[tuple[Picture, np.ndarray]]:
    for face in faces:
        scale = side_px / float(box_from_landmarks(face.landmarks)[2])
        if scale <= 1:
            small = shrunk(face.pixels(), scale)
            yield small, face.landmarks * (np.array(small.shape[1::-1]) / face.pixels().shape[1::-1])


def _by_source(faces: list[RealFace], hits: list[Hit], threshold: float) -> dict[str, Any]:
    sources = sorted({face.file.parent.name for face in faces})
    chosen = {s: [h for f, h in zip(faces, hits, strict=True) if f.file.parent.name == s] for s in sources}
    return {source: recall(some, threshold) for source, some in chosen.items()}


def _on_heads(face_detector: FaceDetector, folder: Path) -> dict[str, Any]:
    poses, pictures = zip(*rendered_faces(folder), strict=True)
    hits = measured(face_detector, ((p.pixels, p.landmarks) for p in pictures))
    out: dict[str, Any] = {}
    for axis in ("yaw_deg", "pitch_deg"):
        size = np.abs([getattr(pose, axis) for pose in poses])
        out[f"by_abs_{axis}"] = {
            f"{low}-{min(high, 60)}": recall(_chosen(hits, (size >= low) & (size < high)), face_detector.confidence)
            for low, high in itertools.pairwise(TURN_BINS_DEG)
        }
    return out


def _on_grid(face_detector: FaceDetector, folder: Path) -> dict[str, Any]:
    poses, pictures = zip(*rendered_faces(folder), strict=True)
    hits, names = (
        measured(face_detector, ((p.pixels, p.landmarks) for p in pictures)),
        [pose_name(pose) for pose in poses],
    )
    chosen = {name: _chosen(hits, np.array([n == name for n in names])) for name in dict.fromkeys(names)}
    return {name: recall(some, face_detector.confidence) for name, some in chosen.items()}


def _chosen(hits: list[Hit], rows: np.ndarray) -> list[Hit]:
    return [hits[k] for k in np.flatnonzero(rows)]


def _on_hidden(face_detector: FaceDetector, faces: list[RealFace]) -> dict[str, Any]:
    return {
        cover: recall(
            measured(face_detector, ((hidden(f.pixels(), f.landmarks, cover), f.landmarks) for f in faces)),
            face_detector.confidence,
        )
        for cover in COVERS
    }


def _on_crowds(face_detector: FaceDetector, faces: list[RealFace]) -> dict[str, Any]:
    pictures, out = [(f.pixels(), f.landmarks) for f in faces if f.trusted], {}
    for (columns, rows), min_face_px in itertools.product(CROWDS, (None, SIDES_PX[0])):
        hits = []
        for crowd in crowds(pictures, columns, rows):
            found = face_detector.find(crowd.pixels, min_face_px, LOWEST_CONFIDENCE)
            hits += [hit(found, box_from_landmarks(p), keypoints_from_landmarks(p)) for p in crowd.landmarks]
        asked = "" if min_face_px is None else f", --min-face {min_face_px}"
        out[f"{columns * rows} in 1280 x 720{asked}"] = recall(hits, face_detector.confidence)
    return out


def _photo_results(face_detector: FaceDetector, places: list[Path], without: list[str]) -> dict[str, Any]:
    photos = photographs(places, without)
    per_photo = [false_confidences(face_detector, tiles(photo)) for photo in photos.values()]
    whole, parts = np.array([c[0] for c in per_photo]), np.concatenate([c[1:] for c in per_photo])
    return {
        "all": false_faces(np.concatenate([whole, parts]), face_detector.confidence),
        "whole_photographs": false_faces(whole, face_detector.confidence),
        "tiles": false_faces(parts, face_detector.confidence),
        "photographs_by_place": {p.name: sum(file.is_relative_to(p) for file in photos) for p in places},
        "left_out": sorted(without),
    }


def _fingerprint(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _command(words: list[str]) -> str:
    """Return the command with the last name of each path only: where the data lies on a machine is no result."""
    short = [Path(word).name if "/" in word else word for word in words]
    return " ".join(["python -m duchenne.evaluation.pretrained.face_detector", *short])


def main() -> None:
    """Measure and write the results file."""
    args = parser().parse_args()
    weights = args.weights or weights_path("face_detector.onnx")
    face_detector = FaceDetector(weights)
    faces = real_faces(args.faces, args.labels, {HELD_OUT})
    hits = measured(face_detector, ((face.pixels(), face.landmarks) for face in faces))
    results: dict[str, Any] = {
        "command": _command(sys.argv[1:]),
        "protocol": _PROTOCOL,
        "weights_sha256": sha256_of(weights),
        "labels_sha256": _fingerprint(args.faces / "index.csv", args.labels),
        "threshold": face_detector.confidence,
        "persons": len({face.person for face in faces}),
        "recall": recall(hits, face_detector.confidence),
        "recall_by_source": _by_source(faces, hits, face_detector.confidence),
        "false_faces": _photo_results(face_detector, args.backgrounds, args.without),
        "recall_by_side_px": {
            side: recall(measured(face_detector, _shrunk_to(faces, side)), face_detector.confidence)
            for side in SIDES_PX
        },
    }
    results["recall_partly_hidden"] = _on_hidden(face_detector, faces)
    results["recall_in_crowds"] = _on_crowds(face_detector, faces)
    if args.rendered is not None:
        results["recall_rendered"] = _on_heads(face_detector, args.rendered)
    if args.grid is not None:
        results["recall_rendered_by_pose"] = _on_grid(face_detector, args.grid)
    args.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
