"""What training and evaluation read: aligned faces with their labels, whatever data set they come from."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

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
        """Whether left and right were told apart."""

    @property
    def subject(self) -> Shaped[np.ndarray, " n"]:
        """Who it is; text."""

    @property
    def sequence(self) -> Shaped[np.ndarray, " n"]:
        """In which recording; text."""

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
