"""From a face in a frame to its 49 landmarks with depth, and from these to the pose of the head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from duchenne.cropping import Picture, cut
from duchenne.devices import CPU, Device
from duchenne.errors import LandmarkError, UsageError, WeightsError
from duchenne.faces import FaceBox, box_from_landmarks
from duchenne.facs import (
    BROW_ENDS,
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    LANDMARK_COUNT,
    MIRROR_LANDMARKS,
    MOUTH_CORNERS,
    OUTER_EYE_IMAGE_LEFT,
    OUTER_EYE_IMAGE_RIGHT,
)
from duchenne.geometry import (
    HeadPose,
    Transform,
    angle_deg,
    inverse_of,
    pose_from_rotation,
    rigid_rotation,
    rotation_from_vector,
    scale_of,
    shift,
    similarity,
    transform_points,
)
from duchenne.measures.array_values import ArrayValues
from duchenne.onnx_network import described, open_network, run_network
from duchenne.pose_normalisation import STABLE_LANDMARKS, landmarks_3d
from duchenne.weights import MEAN_FACE_NAME, POSE_CORRECTION_NAME, whole_weights
from duchenne.weights.stored_points import stored_points

WEIGHTS_NAME = "landmarker.onnx"
KIND = "landmarks"
INPUT_SIDE_PX = 128
"""Side of the crop that the network sees."""
CROP_PER_BOX = 1.2
"""Side of the crop's square in the picture, as a multiple of the face box's."""
MOST_SIDE_PX, MOST_MARGIN = 1024, 10.0
"""Of a landmarker that can be read."""
MIN_CROP_SIDE_PX = 2.0
"""A crop that covers less of the picture than this shows nothing."""
POSE_WEIGHTS = np.zeros(LANDMARK_COUNT)
"""How much each landmark counts for the pose: what no AU moves much, the ends of the brows, half the mouth corners.

Ours, chosen on rendered training heads: without brows a short or long nose alone decides on the pitch.
"""
POSE_WEIGHTS[[*STABLE_LANDMARKS, *BROW_ENDS]] = 1.0
POSE_WEIGHTS[list(MOUTH_CORNERS)] = 0.5
POSE_WEIGHTS.flags.writeable = False
MOST_CORRECTION_DEG = 15.0
"""No deviation of a face from the mean face explains a larger error of the pose."""


@dataclass(frozen=True, eq=False)
class FaceLandmarks(ArrayValues):
    """The 49 landmarks of a face, in the order of `facs`.

    Attributes:
        points: (49, 2), image pixels.
        depth: (49,), in the same unit, 0 at the mean, positive away from the camera (weak perspective).
        visibility: (49,), probability 0-1 that the point is neither outside the picture nor hidden.
        confidence: 0-1, how much the crop looks like a face; of a `location.LocatedFace` its `plausibility`.
        mirror_gap: RMS distance between the points that were found in the crop and in its mirror image, as a share of
            the crop's side; 0 where there was no such crop.
        crop_from_image: The crop that they were read from; None where they are not read from one.
    """

    points: Float[np.ndarray, "49 2"]
    depth: Float[np.ndarray, "49"]
    visibility: Float[np.ndarray, "49"]
    confidence: float
    mirror_gap: float = 0.0
    crop_from_image: Transform | None = None

    def __repr__(self) -> str:
        return f"<FaceLandmarks {len(self.points)} points, confidence {self.confidence:.2f}>"


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
        """Return the similarity from the picture to the crop of a square rotated clockwise by `roll_deg`.

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
        """Return the crop of a found face: its box, rotated so that the eye keypoints lie level.

        Raises:
            LandmarkError: As `from_square`.
        """
        box, eyes = face_box.box, face_box.keypoints
        return self.from_square(box[:2] + box[2:] / 2, self.margin * float(box[2:].max()), angle_deg(eyes[1] - eyes[0]))

    def from_landmarks(self, points: Float[np.ndarray, "49 2"]) -> Transform:
        """Return the crop of known landmarks: the face box of the points after they were rotated level.

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
        card: The rest of its metadata: licence, training data, command.

    Args:
        path: The network; None for the one inside the package.
        threads: Threads that the network uses within one face.
        device: Where it is computed.

    Raises:
        WeightsError: The file is missing or is no landmarker.
    """

    def __init__(self, path: str | Path | None = None, threads: int = 1, device: Device = CPU) -> None:
        self.path = whole_weights(WEIGHTS_NAME) if path is None else Path(path)
        self._session = open_network(self.path, threads, "landmarker", device)
        metadata = described(self.path, self._session, KIND, "a landmarker", "duchenne.training.landmarks.train")
        try:
            self.rule = CropRule(int(metadata["side_px"]), float(metadata["margin"]))
            self.card: dict[str, Any] = metadata["card"]
            if not (1 <= self.rule.side_px <= MOST_SIDE_PX and 0 < self.rule.margin <= MOST_MARGIN):
                raise ValueError(f"crops of {self.rule.side_px} px with a margin of {self.rule.margin}")
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise WeightsError(f"{self.path} has missing or unreadable metadata of a landmarker: {error}.") from error
        side = self.rule.side_px
        sizes = [values.shape for values in self._run(np.zeros((1, side, side, 3), np.uint8))]
        if sizes != [(1, LANDMARK_COUNT, 3), (1, LANDMARK_COUNT), (1,)]:
            raise WeightsError(f"{self.path} gives outputs of the sizes {sizes} for one face. Train it again.")

    def locate(self, pixels: UInt8[np.ndarray, "h w 3"], face_box: FaceBox, passes: int = 2) -> FaceLandmarks:
        """Return the landmarks of one face.

        Args:
            pixels: The whole picture, RGB.
            face_box: Where the face is; box and eye keypoints are used.
            passes: How often the network reads the face. The first pass reads the crop of the box; each refinement pass
                after it reads the crop that the landmarks of the pass before fix. The last one reads the mirror image,
                too, and the mean of both is given.

        Raises:
            LandmarkError: The box is not finite or too small.
            UsageError: `passes` is below 1.
        """
        return self.locate_in_crops(pixels, self.last_crops([(pixels, face_box)], passes))[0]

    def last_crops(self, faces: Sequence[tuple[Picture, FaceBox]], passes: int = 2) -> list[Transform]:
        """Return the crops that the last pass of `locate` reads, of faces in pictures; a pass reads all at once."""
        if passes < 1:
            raise UsageError(f"The landmarker was asked for {passes} passes; it needs at least 1.")
        crops = [self.rule.from_box(face_box) for _, face_box in faces]
        for _ in range(passes - 1):
            seen = zip(faces, crops, strict=True)
            found = self.run(np.stack([cut(pixels, crop, self.rule.side_px) for (pixels, _), crop in seen]))
            read = zip(*found, crops, strict=True)
            crops = [self.rule.from_landmarks(_in_picture(p, v, float(c), crop).points) for p, v, c, crop in read]
        return crops

    def locate_in_crops(self, pixels: Picture, crops: Sequence[Transform]) -> list[FaceLandmarks]:
        """Return the landmarks of faces whose crops are known, all at once: the mean of a crop and its mirror image."""
        return self.locate_in_crops_of([(pixels, crop_from_image) for crop_from_image in crops])

    def locate_in_crops_of(self, faces: Sequence[tuple[Picture, Transform]]) -> list[FaceLandmarks]:
        """Return the same for faces that lie in several pictures, each given with its crop."""
        side, crops = self.rule.side_px, [crop_from_image for _, crop_from_image in faces]
        cuts = [cut(pixels, crop_from_image, side) for pixels, crop_from_image in faces]
        points, visibility, presence = self.run(np.stack([image for crop in cuts for image in (crop, crop[:, ::-1])]))
        points[1::2] = points[1::2][:, MIRROR_LANDMARKS] * [-1.0, 1.0, 1.0] + [side, 0.0, 0.0]
        visibility[1::2] = visibility[1::2][:, MIRROR_LANDMARKS]
        gaps = np.sqrt(((points[::2, :, :2] - points[1::2, :, :2]) ** 2).sum(2).mean(1)) / side
        points, visibility, presence = (v.reshape(-1, 2, *v.shape[1:]).mean(1) for v in (points, visibility, presence))
        found = zip(points, visibility, presence, crops, gaps, strict=True)
        return [replace(_in_picture(p, v, float(c), crop), mirror_gap=float(gap)) for p, v, c, crop, gap in found]

    def read(self, pixels: UInt8[np.ndarray, "h w 3"], crops: Sequence[Transform]) -> list[FaceLandmarks]:
        """Return what the network finds in crops alone, all at once: half the work of `locate_in_crops`, less exact."""
        found = self.run(np.stack([cut(pixels, crop_from_image, self.rule.side_px) for crop_from_image in crops]))
        return [_in_picture(p, v, float(c), crop) for p, v, c, crop in zip(*found, crops, strict=True)]

    def run(
        self, crops: UInt8[np.ndarray, "n s s 3"]
    ) -> tuple[Float[np.ndarray, "n 49 3"], Float[np.ndarray, "n 49"], Float[np.ndarray, " n"]]:
        """Return points (x, y, depth in crop pixels), visibility and presence of crops that `rule` made."""
        points, visibility, presence = self._run(crops)
        return points.astype(float), visibility.astype(float), presence.astype(float)

    def _run(self, crops: np.ndarray) -> list[np.ndarray]:
        return run_network(self.path, self._session, ("points", "visibility", "presence"), {"pixels": crops})


def _in_picture(
    points: Float[np.ndarray, "49 3"], visibility: Float[np.ndarray, "49"], presence: float, crop_from_image: Transform
) -> FaceLandmarks:
    image_points = transform_points(inverse_of(crop_from_image), points[:, :2])
    depth = points[:, 2] / scale_of(crop_from_image)
    return FaceLandmarks(image_points, depth - depth.mean(), visibility, presence, crop_from_image=crop_from_image)


@lru_cache(maxsize=1)
def mean_face() -> Float[np.ndarray, "49 3"]:
    """Return the mean face that looks straight into the camera: camera axes, outer eye corners one unit apart.

    Raises:
        WeightsError: The file is missing or garbled.
    """
    return stored_points(MEAN_FACE_NAME, "points", LANDMARK_COUNT)


@lru_cache(maxsize=1)
def pose_correction() -> Float[np.ndarray, "147 3"]:
    """Return the rotation vector, in degrees, that each coordinate of the level face, less the mean face, adds.

    Raises:
        WeightsError: The file is missing or garbled.
    """
    return stored_points(POSE_CORRECTION_NAME, "rotation_vector_deg", 3 * LANDMARK_COUNT)


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
    return (centred := points - points.mean(0)) / np.sqrt((centred**2).sum(1).mean())


def head_pose(landmarks: FaceLandmarks) -> HeadPose:
    """Return the pose of the head.

    Ours: first the rotation from the mean face to the landmarks, weighted by `POSE_WEIGHTS`. It is biased by what a
    face differs by from the mean one (a short nose, a low brow), which is known then: a linear map of that, fitted on
    rendered heads (`training.landmarks.pose_correction`), corrects it.

    Raises:
        LandmarkError: The landmarks are not finite, or lie on a line or in a point.
    """
    rotation, deviation = level_face(landmarks_3d(landmarks.points, landmarks.depth))
    vector_deg = deviation @ pose_correction()
    vector_deg *= min(1.0, MOST_CORRECTION_DEG / max(float(np.linalg.norm(vector_deg)), 1e-9))
    return pose_from_rotation(rotation @ rotation_from_vector(vector_deg))
