"""From a picture to the faces in it that can be aligned: boxes, landmarks after a refinement pass, head pose.

Detection and the preparation of data share this.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from duchenne.alignment import crop_transform
from duchenne.cropping import Picture
from duchenne.errors import LandmarkError
from duchenne.faces import FaceBox, FaceDetector
from duchenne.geometry import HeadPose, Transform
from duchenne.landmarks import FaceLandmarks, Landmarker, head_pose

MIN_FACE_CONFIDENCE = 0.5
"""A box is dropped where the landmarker finds the presence of a face less likely than this."""


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


class FaceLocator:
    """Finds faces with their landmarks and pose, on the weights of the package.

    A locator may be used from several threads at once.

    Attributes:
        landmarker: Of the faces.

    Raises:
        WeightsError: The weights are missing or altered.
    """

    def __init__(self) -> None:
        self._face_detector = FaceDetector()
        self.landmarker = Landmarker()

    def locate(self, pixels: Picture, min_face_px: float | None = None) -> tuple[list[LocatedFace], Counter[Refusal]]:
        """Return the faces of a picture, the most certain first, and how many boxes were refused for what."""
        faces: list[LocatedFace] = []
        refused: Counter[Refusal] = Counter()
        for box in self._face_detector.find(pixels, min_face_px=min_face_px):
            found = self.locate_in(pixels, box)
            if isinstance(found, Refusal):
                refused[found] += 1
            else:
                faces.append(found)
        return faces, refused

    def locate_in(self, pixels: Picture, box: FaceBox) -> LocatedFace | Refusal:
        """Return the face in a box, or why there is none to work on."""
        landmarks = self.landmarker.locate(pixels, box)
        if landmarks.confidence < MIN_FACE_CONFIDENCE:
            return Refusal.DOUBTFUL
        return located(box, landmarks)


def located(box: FaceBox, landmarks: FaceLandmarks) -> LocatedFace | Refusal:
    """Return a face whose landmarks are known, or why it cannot be aligned."""
    try:
        return LocatedFace(box, landmarks, head_pose(landmarks), crop_transform(landmarks.points))
    except LandmarkError:
        return Refusal.TOO_SMALL
