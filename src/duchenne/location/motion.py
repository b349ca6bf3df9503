"""How a face moves from frame to frame, and where that lets its landmarks be expected next."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.errors import LandmarkError
from duchenne.geometry import Transform

_SHARE_OF_NEW = 0.5
"""How much the last step counts for what is expected; the rest is what was expected before. Ours: a face that speeds up
is met later, one that stands still is not shaken by what the landmarks shake."""


@dataclass(frozen=True)
class Motion:
    """A step of a face from a frame to the next, in complex numbers: real to the right, imaginary downwards.

    Attributes:
        ratio: By which it grows and turns about its centre.
        way_px: Of its centre.
    """

    ratio: complex = 1.0
    way_px: complex = 0.0

    @classmethod
    def between(cls, before: Float[np.ndarray, "n 2"], now: Float[np.ndarray, "n 2"]) -> "Motion":
        """Return the step between the landmarks of two frames.

        Example:
            >>> square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
            >>> motion = Motion.between(square, 2 * square)
            >>> round(abs(motion.ratio), 6), motion.way_px
            (2.0, (1+1j))

        Raises:
            LandmarkError: The landmarks coincide.
        """
        source, target = (points @ np.array([1, 1j]) for points in (before, now))
        return cls(_ratio(source, target), complex(target.mean() - source.mean()))

    def after(self, latest: "Motion") -> "Motion":
        """Return the step that is expected next, where this one was expected and the latest came."""
        ratio = self.ratio * (latest.ratio / self.ratio) ** _SHARE_OF_NEW
        return Motion(ratio, self.way_px + _SHARE_OF_NEW * (latest.way_px - self.way_px))

    def ahead(self, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Return landmarks one step further."""
        places = points @ np.array([1, 1j])
        moved = places.mean() + self.way_px + self.ratio * (places - places.mean())
        return np.stack([moved.real, moved.imag], 1)


def best_similarity(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> Transform:
    """Return the similarity that takes source points nearest to target points, in least squares.

    Raises:
        LandmarkError: The source points coincide.
    """
    a, b = (points @ np.array([1, 1j]) for points in (source, target))
    ratio = _ratio(a, b)
    offset = complex(b.mean() - ratio * a.mean())
    return np.array([[ratio.real, -ratio.imag, offset.real], [ratio.imag, ratio.real, offset.imag], [0.0, 0.0, 1.0]])


def _ratio(source: np.ndarray, target: np.ndarray) -> complex:
    """Return the complex number by which source points, about their centre, come nearest to target points."""
    centred = source - source.mean()
    spread = float((np.abs(centred) ** 2).sum())
    if not spread > 1e-12:
        raise LandmarkError("The landmarks coincide, so they fix no scale.")
    return complex(np.vdot(centred, target - target.mean()) / spread)
