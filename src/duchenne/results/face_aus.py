"""Everything that detection says of one face."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.reliability import Unreliable, reliable
from duchenne.results.columns import Columns

_LETTERS = "ABCDE"


@dataclass(frozen=True)
class FaceAUs:
    """Everything known of one face in one frame.

    Attributes:
        source: As `Frame.source`.
        frame: Index of the frame, from 0.
        timestamp_s: Its time.
        face_id: The same number for the same face in a video, from 0.
        box: Where the face detector, or in video the face before, saw it.
        landmarks: The 49 points.
        pose: Head rotation.
        aus: AU names in the order of the two arrays.
        probability: One value 0-1 per AU.
        occurrence: The probability against the AU's threshold.
        intensity: (a,), expected intensity, 0 (absent), 1 (A, a trace) to 5 (E); None if the weights do not know it.
        side_probability: (a, 2), of the subject's left and right; None if not asked for. AUs that FACS does not code
            by side have the same on both.
        side_intensity: (a, 2), likewise.
        unreliable: Whether tables keep the occurrence of AUs that are not `reliable`, or write `facs.UNKNOWN` for it.
    """

    source: str
    frame: int
    timestamp_s: float
    face_id: int
    box: FaceBox
    landmarks: FaceLandmarks
    pose: HeadPose
    aus: tuple[str, ...]
    probability: Float[np.ndarray, " a"]
    occurrence: Bool[np.ndarray, " a"]
    intensity: Float[np.ndarray, " a"] | None = None
    side_probability: Float[np.ndarray, "a 2"] | None = None
    side_intensity: Float[np.ndarray, "a 2"] | None = None
    unreliable: Unreliable = "keep"

    @property
    def reliable(self) -> Bool[np.ndarray, " a"]:
        """(a,), False where an AU's region is hidden or the pose is beyond what was tested."""
        return reliable(self.aus, self.landmarks, self.pose)

    @property
    def columns(self) -> Columns:
        """The columns of a table that holds this face."""
        return Columns(self.aus, self.intensity is not None, self.side_probability is not None)

    def probability_of(self, name: str) -> float:
        """Return the probability, 0-1, of one AU.

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return float(self.probability[self._position(name)])

    def occurs(self, name: str) -> bool:
        """Return whether one AU reaches its threshold.

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return bool(self.occurrence[self._position(name)])

    def intensity_of(self, name: str) -> float:
        """Return the expected intensity, 0-5, of one AU.

        Raises:
            UsageError: The AU was not asked for, or does not exist; or the weights know no intensities.
        """
        if self.intensity is None:
            raise UsageError("The weights know no intensities. Take the package's own.")
        return float(self.intensity[self._position(name)])

    def letter_of(self, name: str) -> str:
        """Return the FACS letter of an AU that occurs, B to E by its expected intensity; "" for others.

        Raises:
            UsageError: As `intensity_of`.
        """
        if not self.occurs(name):
            return ""
        return _LETTERS[min(max(int(self.intensity_of(name) + 0.5), 2), len(_LETTERS)) - 1]

    def _position(self, name: str) -> int:
        if name not in self.aus:
            raise UsageError(f"There is no {name!r} in this result. It holds: {' '.join(self.aus)}.")
        return self.aus.index(name)
