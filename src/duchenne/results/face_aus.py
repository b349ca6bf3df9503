"""Everything that detection says of one face, and of one action unit in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.facs import AU_BY_NAME, au_name
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.measures.array_values import ArrayValues
from duchenne.reliability import Unreliable, reliable
from duchenne.results.columns import Columns

_LETTERS = "ABCDE"


@dataclass(frozen=True)
class FaceAU:
    """What detection says of one AU in a face.

    Example:
        >>> smile = FaceAU("AU12", 0.93, True, 2.6, reliable=True)
        >>> smile.title, smile.letter
        ('Lip corner puller', 'C')

    Attributes:
        name: For example "AU12".
        probability: Of its presence, 0-1; no intensity.
        occurs: Whether the probability reaches the AU's threshold.
        intensity: Expected, 0 (absent), 1 (A, a trace) to 5 (E); None if the weights do not know it.
        reliable: False where its region is hidden, or the pose beyond what was tested.
        side_probability: Of the subject's left and right; None if not asked for.
        side_intensity: Likewise.
    """

    name: str
    probability: float
    occurs: bool
    intensity: float | None
    reliable: bool
    side_probability: tuple[float, float] | None = None
    side_intensity: tuple[float, float] | None = None

    @property
    def title(self) -> str:
        """What FACS calls it, for example "Lip corner puller"."""
        return AU_BY_NAME[self.name].title

    @property
    def letter(self) -> str:
        """The FACS letter where it occurs, B to E by its expected intensity; "" otherwise.

        Raises:
            UsageError: The weights know no intensities.
        """
        if not self.occurs:
            return ""
        if self.intensity is None:
            raise UsageError("The weights give no intensities. Use the package's own.")
        return _LETTERS[min(max(int(self.intensity + 0.5), 2), len(_LETTERS)) - 1]


@dataclass(frozen=True, eq=False)
class FaceAUs(ArrayValues):
    """Everything known of one face in one frame.

    `face["AU12"]`, `face["au12"]` and `face[12]` give one AU, `for au in face` all of them.

    Example:
        >>> from duchenne import AUDetector
        >>> from duchenne.diagnosis import SAMPLE
        >>> [face] = AUDetector(aus="6,12,15").detect(SAMPLE)
        >>> [au.name for au in face if au.occurs], 12 in face, "AU25" in face
        (['AU06', 'AU12'], True, False)
        >>> face["AU12"].intensity > face[15].intensity
        True
        >>> 5 < face.pose.yaw_deg < 25, face.landmarks.points.shape
        (True, (49, 2))

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

    def __getitem__(self, au: str | int) -> FaceAU:
        k = self._position(au)
        sides = (self.side_probability, self.side_intensity)
        left_right = (None if values is None else (float(values[k, 0]), float(values[k, 1])) for values in sides)
        intensity = None if self.intensity is None else float(self.intensity[k])
        known = self.aus[k], float(self.probability[k]), bool(self.occurrence[k]), intensity
        return FaceAU(*known, bool(self.reliable[k]), *left_right)

    def __iter__(self) -> Iterator[FaceAU]:
        return (self[name] for name in self.aus)

    def __len__(self) -> int:
        return len(self.aus)

    def __contains__(self, au: object) -> bool:
        try:
            return isinstance(au, str | int) and au_name(au) in self.aus
        except UsageError:
            return False

    def __repr__(self) -> str:
        found = [name for name, occurs in zip(self.aus, self.occurrence, strict=True) if occurs]
        place = f"{self.source!r}, frame {self.frame}, face_id {self.face_id}"
        return f"<FaceAUs of {place}: {' '.join(found) or 'none'} of {len(self.aus)} AUs>"

    def probability_of(self, au: str | int) -> float:
        """Return the probability, 0-1, of one AU.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [face] = AUDetector().detect(SAMPLE)
            >>> face.probability_of(12) > face.probability_of("AU15")
            True

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return float(self.probability[self._position(au)])

    def occurs(self, au: str | int) -> bool:
        """Return whether one AU reaches its threshold.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [face] = AUDetector(thresholds={12: 0.5}).detect(SAMPLE)
            >>> face.occurs(12)
            True

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return bool(self.occurrence[self._position(au)])

    def intensity_of(self, au: str | int) -> float:
        """Return the expected intensity, 0-5, of one AU.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [face] = AUDetector().detect(SAMPLE)
            >>> 0 <= face.intensity_of("AU15") < face.intensity_of("AU12") <= 5
            True

        Raises:
            UsageError: The AU was not asked for, or does not exist; or the weights know no intensities.
        """
        if self.intensity is None:
            raise UsageError("The weights give no intensities. Use the package's own.")
        return float(self.intensity[self._position(au)])

    def letter_of(self, au: str | int) -> str:
        """Return the FACS letter of an AU that occurs, B to E by its expected intensity; "" for others.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [face] = AUDetector().detect(SAMPLE)
            >>> face.letter_of(12) in tuple("BCDE"), face.letter_of(15)
            (True, '')

        Raises:
            UsageError: As `intensity_of`.
        """
        return self[au].letter

    def _position(self, au: str | int) -> int:
        name = au_name(au)
        if name not in self.aus:
            raise UsageError(f"There is no {name!r} in this result. It holds: {' '.join(self.aus)}.")
        return self.aus.index(name)
