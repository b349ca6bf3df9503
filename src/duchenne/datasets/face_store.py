"""What training and evaluation read: aligned faces with their labels, whatever data set they come from."""

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

from duchenne.facs import au_columns
from duchenne.geometry import Transform


@runtime_checkable
class FaceStore(Protocol):
    """Aligned faces of many frames, one row each; columns of AUs are in the order of `facs.AU_NAMES`.

    A label that is not known has `False` in its mask; what its value is then means nothing.
    """

    @property
    def crop_from_stored(self) -> Transform:
        """The similarity from pixels of what `crops` returns to pixels of the 200 x 200 crop."""

    @property
    def points(self) -> Float[np.ndarray, "n 49 3"]:
        """Landmarks in pixels of the 200 x 200 crop; z is depth in the same unit, 0 at the mean."""

    @property
    def occurrence(self) -> Bool[np.ndarray, "n 23"]:
        """Whether an AU is present."""

    @property
    def known(self) -> Bool[np.ndarray, "n 23"]:
        """Where `occurrence` holds."""

    @property
    def intensity(self) -> Float[np.ndarray, "n 23 2"]:
        """0-5 on the subject's left and right; both equal where a data set has no sides."""

    @property
    def intensity_known(self) -> Bool[np.ndarray, "n 23"]:
        """Where `intensity` holds."""

    @property
    def sides_known(self) -> Bool[np.ndarray, " n"]:
        """Whether left and right were labelled apart."""

    @property
    def subject(self) -> Shaped[np.ndarray, " n"]:
        """Who it is; text."""

    @property
    def sequence(self) -> Shaped[np.ndarray, " n"]:
        """In which recording; text."""

    @property
    def in_time(self) -> Bool[np.ndarray, " n"]:
        """Whether the frames of a sequence follow one another in time."""

    @property
    def frame(self) -> Int[np.ndarray, " n"]:
        """The number of the frame in its recording, as the data set counts."""

    @property
    def pose_number(self) -> Int[np.ndarray, " n"]:
        """The camera of FERA 2017, 1-9; 0 where there is none."""

    @property
    def pose_deg(self) -> Float[np.ndarray, "n 3"]:
        """Yaw, pitch and roll of the head."""

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change with the faces, their labels or their order."""

    def __len__(self) -> int:
        """Return the number of faces."""

    def crops(self, rows: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k s s 3"]:
        """Return aligned faces with a margin, RGB."""

    def subset(self, rows: Int[np.ndarray, " k"]) -> "FaceStore":
        """Return a store of these rows, in this order."""


@runtime_checkable
class Occurrence(Protocol):
    """Whatever has labels of all AUs, one row a face: a `FaceStore`, or `recording.Labels`."""

    @property
    def occurrence(self) -> Bool[np.ndarray, "n 23"]:
        """Whether an AU is present."""

    @property
    def known(self) -> Bool[np.ndarray, "n 23"]:
        """Where `occurrence` holds."""


class AULabels(NamedTuple):
    """The labels of one AU.

    Attributes:
        known: (n,), of all faces, which are labelled.
        truth: (k,), of the k labelled faces, in their order, which have the AU.
    """

    known: Bool[np.ndarray, " n"]
    truth: Bool[np.ndarray, " k"]


def labels_of(faces: Occurrence, au: str, among: Bool[np.ndarray, " n"] | None = None) -> AULabels:
    """Return which faces are labelled for an AU, and which of these have it.

    Example:
        >>> from types import SimpleNamespace
        >>> from duchenne.facs import AU_NAMES
        >>> occurrence, known = np.zeros((3, len(AU_NAMES)), bool), np.ones((3, len(AU_NAMES)), bool)
        >>> occurrence[0, AU_NAMES.index("AU12")] = True
        >>> labels = labels_of(SimpleNamespace(known=known, occurrence=occurrence), "AU12", np.array([1, 1, 0], bool))
        >>> labels.known.tolist(), labels.truth.tolist()
        ([True, True, False], [True, False])

    Args:
        faces: With their labels.
        au: Its name.
        among: The faces that count; others are taken for unlabelled. None for all.

    Raises:
        UsageError: There is no such AU.
    """
    (column,) = au_columns([au])
    known = np.array(faces.known[:, column], bool)
    if among is not None:
        known &= among
    return AULabels(known, np.array(faces.occurrence[known, column], bool))


def at_rest(faces: Occurrence) -> Bool[np.ndarray, " n"]:
    """Return which faces are without any AU: something is labelled, and nothing is present.

    A grade between absent and present, and what could not be judged, do not count as an AU.
    """
    known = np.asarray(faces.known, bool)
    return known.any(1) & ~(known & np.asarray(faces.occurrence, bool)).any(1)
