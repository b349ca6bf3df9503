"""From a face in a frame to its 49 landmarks with depth, and from these to the pose of the head."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from duchenne.cropping import cut
from duchenne.errors import LandmarkError, UsageError, WeightsError
from duchenne.faces import FaceBox, box_from_landmarks
from duchenne.facs import (
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    LANDMARK_COUNT,
    MIRROR_LANDMARKS,
    OUTER_EYE_IMAGE_LEFT,
    OUTER_EYE_IMAGE_RIGHT,
)
from duchenne.geometry import (
    HeadPose,
    Transform,
    angle_deg,
    pose_from_rotation,
    rigid_rotation,
    rotation_from_vector,
    scale_of,
    shift,
    similarity,
    transform_points,
)
from duchenne.onnx_network import described, open_network
from duchenne.pose_normalisation import STABLE_LANDMARKS, landmarks_3d
from duchenne.weights import weights_path

WEIGHTS_NAME = "landmarker.onnx"
MEAN_FACE_NAME = "mean_face.json"
POSE_CORRECTION_NAME = "pose_correction.json"
KIND = "landmarks"
INPUT_SIDE_PX = 128
"""Side of the crop that the network sees."""
CROP_PER_BOX = 1.2
"""Side of the crop's square in the picture, as a multiple of the face box's."""
MIN_CROP_SIDE_PX = 2.0
"""A crop that covers less of the picture than this shows nothing."""


_BROW_ENDS, _MOUTH_CORNERS = (0, 4, 5, 9), (31, 37)
POSE_WEIGHTS = np.zeros(LANDMARK_COUNT)
"""How much each landmark counts for the pose: what no AU moves much, the ends of the brows, half the mouth corners.

Ours, chosen on rendered training heads: without brows a short or long nose alone decides on the pitch.
"""
POSE_WEIGHTS[[*STABLE_LANDMARKS, *_BROW_ENDS]] = 1.0
POSE_WEIGHTS[list(_MOUTH_CORNERS)] = 0.5
POSE_WEIGHTS.flags.writeable = False
MOST_CORRECTION_DEG = 15.0
"""No shape of a face explains a larger error of the pose."""


@dataclass(frozen=True)
class FaceLandmarks:
    """The 49 landmarks of a face, in the order of `facs`.

    Attributes:
        points: (49, 2), image pixels.
        depth: (49,), in the same unit, 0 at the mean, positive away from the camera (weak perspective).
        visibility: (49,), probability 0-1 that the point is neither outside the picture nor hidden.
        confidence: 0-1, how much the crop looks like a face to the landmarker.
    """

    points: Float[np.ndarray, "49 2"]
    depth: Float[np.ndarray, "49"]
    visibility: Float[np.ndarray, "49"]
    confidence: float


@dataclass(frozen=True)
class CropRule:
    """Which square of a picture the landmarker sees.

    Attributes:
        side_px: Side of the crop.
        margin: Side of the square as a multiple of the face box's, as `faces.box_from_landmarks` draws it.
    """

    side_px: int = INPUT_SIDE_PX
    margin: float = CROP_PER_BOX

    def from_square(self, centre: Float[np.ndarray, "2"], side: float, roll_deg: float) -> Transform:
        """Return the similarity from the picture to the crop of a square turned clockwise by `roll_deg`.

        Raises:
            LandmarkError: The square is not finite or too small to show a face.
        """
        if not (np.isfinite([*centre, side, roll_deg]).all() and side >= MIN_CROP_SIDE_PX):
            raise LandmarkError(
                f"The face's square is {side:.1f} px wide; landmarks need at least {MIN_CROP_SIDE_PX:g} px."
            )
        upright = similarity(self.side_px / side, -roll_deg) @ shift(-float(centre[0]), -float(centre[1]))
        return shift(self.side_px / 2, self.side_px / 2) @ upright

    def from_box(self, face_box: FaceBox) -> Transform:
        """Return the crop of a found face: its box, turned so that the eye keypoints lie level.

        Raises:
            LandmarkError: As `from_square`.
        """
        box, eyes = face_box.box, face_box.keypoints
        return self.from_square(box[:2] + box[2:] / 2, self.margin * float(box[2:].max()), angle_deg(eyes[1] - eyes[0]))

    def from_landmarks(self, points: Float[np.ndarray, "49 2"]) -> Transform:
        """Return the crop of known landmarks: the face box of the points after they were turned level.

        Raises:
            LandmarkError: As `from_square`.
        """
        roll_deg = eye_roll_deg(points)
        level = similarity(1.0, -roll_deg)
        box = box_from_landmarks(transform_points(level, points))
        centre = transform_points(np.linalg.inv(level), (box[:2] + box[2:] / 2)[None])[0]
        return self.from_square(centre, self.margin * float(box[2]), roll_deg)


def eye_roll_deg(points: Float[np.ndarray, "49 2"]) -> float:
    """Return the clockwise angle between the centres of the two eyes, each midway between its corners."""
    left = points[[OUTER_EYE_IMAGE_LEFT, INNER_EYE_IMAGE_LEFT]].mean(0)
    right = points[[INNER_EYE_IMAGE_RIGHT, OUTER_EYE_IMAGE_RIGHT]].mean(0)
    return angle_deg(right - left)


class Landmarker:
    """Finds the landmarks of a face with the network of the package, or another that `training.landmarks.train` wrote.

    A landmarker may be used from several threads at once.

    Attributes:
        rule: The crop that the network sees.
        card: What else the file says of itself: licence, training data, command.

    Args:
        path: The network; None for the one inside the package.
        threads: Threads that the network uses within one face.

    Raises:
        WeightsError: The file is missing or is no landmarker.
    """

    def __init__(self, path: str | Path | None = None, threads: int = 1) -> None:
        self.path = weights_path(WEIGHTS_NAME) if path is None else Path(path)
        self._session = open_network(self.path, threads, "landmarker")
        metadata = described(self.path, self._session, KIND, "a landmarker", "duchenne.training.landmarks.train")
        try:
            self.rule = CropRule(int(metadata["side_px"]), float(metadata["margin"]))
            self.card: dict[str, Any] = metadata["card"]
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.path} lacks or garbles what a landmarker must say of itself: {error}."
            ) from error

    def locate(self, pixels: UInt8[np.ndarray, "h w 3"], face_box: FaceBox, passes: int = 2) -> FaceLandmarks:
        """Return the landmarks of one face.

        Args:
            pixels: The whole picture, RGB.
            face_box: Where the face is; box and eye keypoints are used.
            passes: Looks at the face; each after the first sees the crop that the landmarks before it fix. In the last
                look the mirror image is seen, too, and the mean of both is given.

        Raises:
            LandmarkError: The box is not finite or too small.
            UsageError: `passes` is below 1.
        """
        if passes < 1:
            raise UsageError(f"The landmarker was asked for {passes} passes; it needs at least 1.")
        crop_from_image = self.rule.from_box(face_box)
        for _ in range(passes - 1):
            crop = cut(pixels, crop_from_image, self.rule.side_px)
            points, visibility, presence = self.run(crop[None])
            found = _in_picture(points[0], visibility[0], float(presence[0]), crop_from_image)
            crop_from_image = self.rule.from_landmarks(found.points)
        return self._look_twice(pixels, crop_from_image)

    def _look_twice(self, pixels: np.ndarray, crop_from_image: Transform) -> FaceLandmarks:
        """Return the mean of what the network says of a crop and of its mirror image."""
        crop = cut(pixels, crop_from_image, self.rule.side_px)
        points, visibility, presence = self.run(np.stack([crop, crop[:, ::-1]]))
        points[1] = points[1][MIRROR_LANDMARKS] * [-1.0, 1.0, 1.0] + [self.rule.side_px, 0.0, 0.0]
        visibility[1] = visibility[1][MIRROR_LANDMARKS]
        return _in_picture(points.mean(0), visibility.mean(0), float(presence.mean()), crop_from_image)

    def run(
        self, crops: UInt8[np.ndarray, "n s s 3"]
    ) -> tuple[Float[np.ndarray, "n 49 3"], Float[np.ndarray, "n 49"], Float[np.ndarray, " n"]]:
        """Return points (x, y, depth in crop pixels), visibility and presence of crops that `rule` made."""
        points, visibility, presence = self._session.run(["points", "visibility", "presence"], {"pixels": crops})
        return points.astype(float), visibility.astype(float), presence.astype(float)


def _in_picture(
    points: Float[np.ndarray, "49 3"], visibility: Float[np.ndarray, "49"], presence: float, crop_from_image: Transform
) -> FaceLandmarks:
    image_points = transform_points(np.linalg.inv(crop_from_image), points[:, :2])
    depth = points[:, 2] / scale_of(crop_from_image)
    return FaceLandmarks(image_points, depth - depth.mean(), visibility, float(presence))


@lru_cache(maxsize=1)
def mean_face() -> Float[np.ndarray, "49 3"]:
    """Return the mean face that looks straight into the camera: camera axes, outer eye corners one unit apart.

    Raises:
        WeightsError: The file is missing or garbled.
    """
    path = weights_path(MEAN_FACE_NAME)
    try:
        points = json.loads(path.read_text(encoding="utf-8"))["points"]
        return np.array(points, float).reshape(LANDMARK_COUNT, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no mean face ({error}). Install the package again.") from error


@lru_cache(maxsize=1)
def pose_correction() -> Float[np.ndarray, "147 3"]:
    """Return what each coordinate of the level face, against the mean face, tells of the turn that is missing, degrees.

    Raises:
        WeightsError: The file is missing or garbled.
    """
    path = weights_path(POSE_CORRECTION_NAME)
    try:
        return np.array(json.loads(path.read_text(encoding="utf-8"))["turn_deg"], float).reshape(3 * LANDMARK_COUNT, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no pose correction ({error}). Install the package again.") from error


def level_face(seen: Float[np.ndarray, "49 3"]) -> tuple[Transform, Float[np.ndarray, "147"]]:
    """Return the rotation that fits the mean face best, and the face without it, less the mean face.

    Raises:
        LandmarkError: The landmarks are not finite, or lie on a line or in a point.
    """
    size = float(np.ptp(seen, axis=0).max())
    if not size > 0:
        raise LandmarkError("The landmarks coincide or are not finite, so the head has no pose.")
    rotation = rigid_rotation(mean_face(), seen / size, POSE_WEIGHTS)
    return rotation, (_unit(seen @ rotation) - _unit(mean_face())).ravel()


def _unit(points: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 3"]:
    centred = points - points.mean(0)
    return centred / np.sqrt((centred**2).sum(1).mean())


def head_pose(landmarks: FaceLandmarks) -> HeadPose:
    """Return the pose of the head.

    Ours: first the rotation from the mean face to the landmarks, weighted by `POSE_WEIGHTS`. A face that is not the
    mean one (a short nose, a low brow) biases it; so its shape, which is known then, corrects it by a linear map that
    was fitted on rendered heads (`training.landmarks.pose_correction`). The mean face itself needs no correction.

    Raises:
        LandmarkError: The landmarks are not finite, or lie on a line or in a point.
    """
    rotation, shape = level_face(landmarks_3d(landmarks.points, landmarks.depth))
    turn_deg = shape @ pose_correction()
    turn_deg *= min(1.0, MOST_CORRECTION_DEG / max(float(np.linalg.norm(turn_deg)), 1e-9))
    return pose_from_rotation(rotation @ rotation_from_vector(turn_deg))
