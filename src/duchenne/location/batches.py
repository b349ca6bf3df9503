"""The faces of many still pictures: the landmarker reads those of all pictures together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from duchenne.cropping import Picture
from duchenne.faces import FaceBox, FaceSearch
from duchenne.landmarks import FaceLandmarks, Landmarker
from duchenne.location import FaceLocator, LocatedFace, Location, Refusal, face_in, is_certain, is_known

FACES_AT_ONCE = 16
"""Faces that go through the landmarker together; more are no faster and take more memory."""


@dataclass
class _Draft:
    """What is known so far of one picture."""

    pixels: Picture
    looks: list[tuple[FaceSearch, float]]
    faces: list[LocatedFace] = field(default_factory=list)
    refused: Counter[Refusal] = field(default_factory=Counter)

    def boxes(self, look: int) -> list[FaceBox]:
        """Return the boxes of a look that mark no face which is certain already."""
        if look >= len(self.looks):
            return []
        found, least_px = self.looks[look]
        certain = [face.box for face in self.faces if is_certain(face)]
        return [box for box in found.faces if box.box[2] >= least_px and not is_known(box, certain)]

    def add(self, found: LocatedFace | Refusal) -> None:
        if isinstance(found, Refusal):
            self.refused[found] += 1
        else:
            self.faces.append(found)


def locate_all(locator: FaceLocator, pictures: Sequence[Picture], min_face_px: float | None = None) -> list[Location]:
    """Return the faces of each still picture, as `FaceLocator.locate` finds them in it alone.

    Example:
        >>> import numpy as np
        >>> [len(there.faces) for there in locate_all(FaceLocator(), [np.zeros((64, 64, 3), np.uint8)] * 2)]
        [0, 0]

    Args:
        locator: That looks for them.
        pictures: Of any sizes.
        min_face_px: Smallest face to look for; None for `faces.smallest_face_px`.
    """
    drafts = [_Draft(pixels, locator.looks(pixels, min_face_px, still=True)) for pixels in pictures]
    for look in range(max((len(draft.looks) for draft in drafts), default=0)):
        asked = [(draft, box) for draft in drafts for box in draft.boxes(look)]
        read = _landmarks(locator.landmarker, [(draft.pixels, box) for draft, box in asked])
        for (draft, box), landmarks in zip(asked, read, strict=True):
            draft.add(face_in(box, landmarks))
    return [locator.decide(d.pixels, d.faces, d.refused, d.looks[-1][0], still=True) for d in drafts]


def _landmarks(landmarker: Landmarker, faces: Sequence[tuple[Picture, FaceBox]]) -> list[FaceLandmarks]:
    found = []
    for start in range(0, len(faces), FACES_AT_ONCE):
        part = faces[start : start + FACES_AT_ONCE]
        crops = zip(part, landmarker.last_crops(part), strict=True)
        found += landmarker.locate_in_crops_of([(pixels, crop_from_image) for (pixels, _), crop_from_image in crops])
    return found
