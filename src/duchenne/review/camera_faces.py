"""A picture of the camera that the page shows -> its faces, for the live view; nothing of it is kept."""

import threading
from dataclasses import dataclass
from typing import Any

from duchenne.media import read_picture


@dataclass(frozen=True)
class CameraFace:
    """One face.

    Attributes:
        box: Left, top, width and height in pixels.
        points: x and y of the 49 landmarks in pixels.
        probability: Of each action unit, 0-1.
        grade: The letters of those that occur; "" of others.
    """

    box: tuple[float, ...]
    points: list[list[float]]
    probability: dict[str, float]
    grade: dict[str, str]


class CameraFaces:
    """Finds faces in pictures, one at a time; the detector is made with the first."""

    def __init__(self) -> None:
        self._lock, self._detector = threading.Lock(), None  # type: tuple[threading.Lock, Any]

    def of(self, picture: bytes) -> list[CameraFace]:
        """Return the faces of a picture (JPEG).

        Raises:
            MediaError: It is none.
        """
        frame = read_picture(picture)
        with self._lock:
            if self._detector is None:
                from duchenne.detector import AUDetector

                self._detector = AUDetector()
            found = self._detector.detect_frame(frame)
        return [
            CameraFace(
                tuple(round(float(v), 1) for v in face.box.box),
                face.landmarks.points.round(1).tolist(),
                {au: round(face.probability_of(au), 3) for au in face.aus},
                {au: _letter(face, au) for au in face.aus},
            )
            for face in found
        ]


def _letter(face: Any, au: str) -> str:
    if face.intensity is None:
        return "B" if face.occurs(au) else ""
    return str(face.letter_of(au))
