"""From a picture to the faces in it that can be aligned: boxes, landmarks after a refinement pass, head pose.

Detection and the preparation of data share this.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from duchenne.alignment import crop_transform
from duchenne.cropping import Picture, block_means
from duchenne.devices import CPU, Device
from duchenne.errors import LandmarkError
from duchenne.faces import (
    NETWORK_FACE_PX,
    FaceBox,
    FaceDetector,
    FaceSearch,
    input_scale,
    is_same_face,
    smallest_face_px,
)
from duchenne.geometry import HeadPose, Transform, shift, similarity, transform_points
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose
from duchenne.location.small_faces import SmallFaces
from duchenne.reliability import LEAST_PLAUSIBLE, LEAST_UNTRIED, plausibility, pose_tested

MIN_FACE_CONFIDENCE = 0.5
"""A box is dropped where the landmarker finds the presence of a face less likely than this."""
_FINER = 1.2
"""A second look must enlarge the picture by this much more than the first."""
_SMALL_CONFIDENCE = 0.5
"""Of small faces the face detector is less sure; the landmarker decides."""
_WINDOW_SIDES = 2.5
"""Around a doubtful face the turned picture is looked at as far as this, in sides of its box."""
_AGAIN = 0.15
"""The smallest face that is looked for there, in sides of the box. Ours: of 80 faces turned by 45 degrees from the
nearest quarter 74 are found with 0.3, which costs a third, and 80 with 0.15."""


class Refusal(StrEnum):
    """Why a box of the face detector gives no face."""

    DOUBTFUL = "no face to the landmarker"
    TOO_SMALL = "eyes too close together"


@dataclass(frozen=True)
class LocatedFace:
    """A face in a picture.

    Attributes:
        box: As the face detector found it.
        landmarks: In pixels of the picture.
        pose: Of the head.
        crop_from_image: The similarity of `alignment`.
    """

    box: FaceBox
    landmarks: FaceLandmarks
    pose: HeadPose
    crop_from_image: Transform

    @property
    def area_px(self) -> float:
        """Area of the box in pixels of the picture."""
        return float(self.box.box[2] * self.box.box[3])


@dataclass(frozen=True)
class Location:
    """What was found in a picture.

    Attributes:
        faces: The most certain first.
        refused: How many boxes were refused for what.
        small: Whether smaller faces are likely.
    """

    faces: list[LocatedFace]
    refused: Counter[Refusal]
    small: SmallFaces


class FaceLocator:
    """Finds faces with their landmarks and pose, on the weights of the package.

    A locator may be used from several threads at once.

    Attributes:
        landmarker: Of the faces.

    Args:
        device: Where the networks are computed.

    Raises:
        WeightsError: The weights are missing or altered.
    """

    def __init__(self, device: Device = CPU) -> None:
        self._face_detector = FaceDetector(device=device)
        self.landmarker = Landmarker(device=device)

    def locate(self, pixels: Picture, min_face_px: float | None = None, *, still: bool = False) -> Location:
        """Return the faces of a picture.

        Large faces are looked for first, then smaller ones elsewhere. Where it is not sure that a face is the right way
        up (`plausibility`), faces are looked for in the picture turned by quarters, too, and the surest of those in one
        place is taken.

        Args:
            pixels: The picture.
            min_face_px: Smallest face to look for; None for `faces.smallest_face_px` in a still picture, 1/20 of the
                shorter side in a frame of a video.
            still: Whether it is a still picture: where it seems to show no face, it is turned as well.
        """
        refused: Counter[Refusal] = Counter()
        looks = self.looks(pixels, min_face_px, still)
        faces: list[LocatedFace] = []
        for look, least_px in looks:
            boxes = [box for box in look.faces if box.box[2] >= least_px]
            faces += self._located_among(pixels, boxes, [face for face in faces if is_certain(face)], refused)
        return self.decide(pixels, faces, refused, looks[-1][0], still=still)

    def decide(
        self, pixels: Picture, faces: Sequence[LocatedFace], refused: Counter[Refusal], finest: FaceSearch, still: bool
    ) -> Location:
        """Return which of the faces in the boxes are reported, and those of the turned picture.

        Args:
            pixels: The picture.
            faces: That were found in it, the right way up.
            refused: Boxes that gave no face.
            finest: The last look at it.
            still: As in `locate`.
        """
        refused = Counter(refused)
        sure = [face for face in faces if is_certain(face)]
        doubtful = [face for face in faces if not is_certain(face)]
        for face in tuple(doubtful):
            doubtful += self._turned(pixels, sure, face.box)
        if still and not sure:
            doubtful += self._turned(pixels, sure)
        found = _surest(doubtful)
        reported = sure + [face for face in found if _is_reported(face)]
        refused[Refusal.DOUBTFUL] += len(sure) + len(found) - len(reported)
        faces = sorted(reported, key=lambda face: -face.box.confidence)
        return Location(faces, +refused, SmallFaces.of(finest))

    def looks(self, pixels: Picture, min_face_px: float | None, still: bool) -> list[tuple[FaceSearch, float]]:
        """Return what one or two looks at a picture find, each with the smallest face that is taken from it."""
        size = pixels.shape[0], pixels.shape[1]
        smallest_px = smallest_face_px(*size) if still and min_face_px is None else min_face_px
        coarse, fine = input_scale(*size, None), input_scale(*size, smallest_px)
        if fine <= coarse * _FINER:
            return [(self._face_detector.search(pixels, min_face_px), 0.0)]
        first = self._face_detector.search(pixels)
        second = self._face_detector.search(pixels, smallest_px, _SMALL_CONFIDENCE)
        return [(first, 2 * NETWORK_FACE_PX / first.network_from_picture), (second, 0.0)]

    def _located_among(
        self, pixels: Picture, boxes: Sequence[FaceBox], known: Sequence[LocatedFace], refused: Counter[Refusal]
    ) -> list[LocatedFace]:
        """Return the faces in boxes that mark none of those that are known; count the others that are refused."""
        faces = []
        for box in boxes:
            if is_known(box, [face.box for face in known]):
                continue
            found = self.locate_in(pixels, box)
            if isinstance(found, Refusal):
                refused[found] += 1
            else:
                faces.append(found)
        return faces

    def _turned(
        self, pixels: Picture, known: Sequence[LocatedFace], around: FaceBox | None = None
    ) -> list[LocatedFace]:
        """Return the faces that are found in a picture turned by quarters, in its own pixels.

        Args:
            pixels: The picture.
            known: Faces that are not looked for.
            around: Look around this box alone.
        """
        left, top, right, bottom = _window(around, pixels)
        window, least_px = pixels[top:bottom, left:right], None if around is None else _AGAIN * float(around.box[2])
        shrunk = max(1, int(0.5 / input_scale(bottom - top, right - left, None))) if around is None else 1
        window = block_means(window, shrunk)
        faces = []
        for quarters in (1, 2, 3):
            turned = np.ascontiguousarray(np.rot90(window, quarters))
            boxes = [
                _turned_back(box, quarters, window, (left, top), shrunk) for box in self._find_turned(turned, least_px)
            ]
            faces += self._located_among(pixels, boxes, known, Counter())
        return faces

    def _find_turned(self, turned: Picture, least_px: float | None) -> list[FaceBox]:
        return self._face_detector.find(turned, None if least_px is None else max(1.0, least_px))

    def locate_in(self, pixels: Picture, box: FaceBox) -> LocatedFace | Refusal:
        """Return the face in a box, or why there is none to work on; how plausible it is counts for its confidence."""
        return face_in(box, self.landmarker.locate(pixels, box))


def face_in(box: FaceBox, landmarks: FaceLandmarks) -> LocatedFace | Refusal:
    """Return the face that landmarks make in the box in which they were found, or why it is none."""
    if landmarks.confidence < MIN_FACE_CONFIDENCE:
        return Refusal.DOUBTFUL
    sure = plausibility(box.confidence, landmarks)
    return located(replace(box, confidence=box.confidence * sure), replace(landmarks, confidence=sure))


def is_known(box: FaceBox, known: Sequence[FaceBox]) -> bool:
    """Return whether a box marks one of the known faces."""
    return bool(known) and bool(is_same_face(box.box, np.array([face.box for face in known])).any())


def is_certain(face: LocatedFace) -> bool:
    """Return whether the landmarks surely make a face which is the right way up."""
    return face.landmarks.confidence >= LEAST_UNTRIED


def _is_reported(face: LocatedFace) -> bool:
    tested = pose_tested(np.array([face.pose.yaw_deg]), np.array([face.pose.pitch_deg])).all()
    return is_certain(face) or bool(tested and face.landmarks.confidence >= LEAST_PLAUSIBLE)


def _surest(faces: Sequence[LocatedFace]) -> list[LocatedFace]:
    """Return the surest of the faces that lie in one place."""
    kept: list[LocatedFace] = []
    for face in sorted(faces, key=lambda face: -face.landmarks.confidence):
        if not is_known(face.box, [other.box for other in kept]):
            kept.append(face)
    return kept


def _window(around: FaceBox | None, pixels: Picture) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a square around a box, within the picture; of all of it for None."""
    height, width = pixels.shape[:2]
    if around is None:
        return 0, 0, width, height
    centre, half = around.box[:2] + around.box[2:] / 2, _WINDOW_SIDES * around.box[2:] / 2
    low = np.clip(np.floor(centre - half), 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(centre + half), low + 1, (width, height)).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _turned_back(box: FaceBox, quarters: int, window: Picture, corner: tuple[int, int], shrunk: int) -> FaceBox:
    """Return a face of a window that was turned counter-clockwise by quarters, in the picture that it was cut from.

    Args:
        box: In the turned window.
        quarters: By which it was turned.
        window: Before it was turned.
        corner: Where its left and top lie in the picture.
        shrunk: How many pixels of the picture one of the window's is wide.
    """
    height, width = float(window.shape[0] * shrunk), float(window.shape[1] * shrunk)
    shifts = {1: (width, 0.0), 2: (width, height), 3: (0.0, height)}
    back = shift(*corner) @ similarity(float(shrunk), 90.0 * quarters, shifts[quarters])
    corners = transform_points(back, np.array([box.box[:2], box.box[:2] + box.box[2:]]))
    low = corners.min(0)
    return FaceBox(np.array([*low, *(corners.max(0) - low)]), box.confidence, transform_points(back, box.keypoints))


def located(box: FaceBox, landmarks: FaceLandmarks) -> LocatedFace | Refusal:
    """Return a face whose landmarks are known, or why it cannot be aligned."""
    try:
        return LocatedFace(box, landmarks, head_pose(landmarks), crop_transform(landmarks.points))
    except LandmarkError:
        return Refusal.TOO_SMALL


def largest(faces: list[LocatedFace]) -> list[LocatedFace]:
    """Return the largest face alone; nothing where there is none."""
    return sorted(faces, key=lambda face: face.area_px, reverse=True)[:1]
