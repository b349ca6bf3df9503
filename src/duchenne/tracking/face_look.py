"""What an aligned face looks like, roughly: enough to tell within one video whether it can be the face from before.

This recognises nobody: it compares two sightings seconds apart, in one source, and is never written anywhere.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from duchenne.colour import LUMINANCE
from duchenne.cropping import Picture

_GRADIENT_BOX, _GRADIENT_PX, _CELLS, _BINS = (30, 20, 170, 190), 96, 8, 9
_GREY_BOX, _GREY_PX = (30, 30, 170, 190), 16
_SKIN = (slice(80, 150), slice(60, 140))
"""Regions of the aligned face: the whole face, for gradients and for grey; cheeks and nose, for colour."""
_COLOURLESS = 0.01
_GRADIENTS, _GREY, _COLOUR, _BIAS = 9.4, 3.7, 43.6, -2.1
_GRADIENTS_ALONE, _BIAS_ALONE = 15.7, -7.1
"""Logistic regression. Ours: 210 pairs of frames of one video against all pairs of different persons (colour frames of
interviews, people of the teaching split). At 2.2, 1% of different persons in the same pose count as one, and 91% of the
pairs of one video; at 0, 5% and 97%."""


@dataclass(frozen=True)
class FaceLook:
    """The look of one face in one frame.

    Attributes:
        gradients: Orientations of gradients in 8 x 8 cells, of length 1.
        grey: 16 x 16 grey values about their mean, of length 1.
        colour: Logarithms of red and blue over green of the skin.
    """

    gradients: Float[np.ndarray, " g"]
    grey: Float[np.ndarray, " p"]
    colour: Float[np.ndarray, "2"]

    def likeness(self, other: "FaceLook") -> float:
        """Return the log odds that two looks are of one face; see the weights above."""
        gradients = float(self.gradients @ other.gradients)
        if max(np.abs(self.colour).max(), np.abs(other.colour).max()) < _COLOURLESS:
            return _GRADIENTS_ALONE * gradients + _BIAS_ALONE
        grey, colour = float(self.grey @ other.grey), float(np.linalg.norm(self.colour - other.colour))
        return _GRADIENTS * gradients + _GREY * grey - _COLOUR * colour + _BIAS

    def best_half(self, other: "FaceLook") -> float:
        """Return the cosine of the gradients of that half of the face - upper, lower, left, right - which agrees best.

        A hand, a shadow or a flash may change the rest. Ours; see `tracker.LIKE_IN_ONE_HALF`.
        """
        return max(float(one @ two) for one, two in zip(_halves(self.gradients), _halves(other.gradients), strict=True))


def look_of(aligned: Picture) -> FaceLook:
    """Return the look of an aligned face of 200 x 200 pixels, in about half a millisecond.

    Example:
        >>> look = look_of(np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8))
        >>> round(float(look.grey @ look.grey), 6)
        1.0
    """
    grey = Image.fromarray((aligned @ np.array(LUMINANCE)).astype(np.uint8))
    skin = np.log(aligned[_SKIN].reshape(-1, 3).mean(0) + 8.0)
    return FaceLook(_gradients(grey), _coarse(grey), np.array([skin[0] - skin[1], skin[2] - skin[1]]))


def _coarse(grey: Image.Image) -> np.ndarray:
    values = np.asarray(grey.crop(_GREY_BOX).resize((_GREY_PX, _GREY_PX), Image.Resampling.BOX), np.float64)
    return _unit((values - values.mean()).ravel())


def _gradients(grey: Image.Image) -> np.ndarray:
    """Return histograms of gradients. Source: Dalal and Triggs, CVPR 2005. Ours: their mean is taken off."""
    size = (_GRADIENT_PX, _GRADIENT_PX)
    values = np.asarray(grey.crop(_GRADIENT_BOX).resize(size, Image.Resampling.BOX), np.float64)
    down, right = np.gradient(values)
    turn = np.arctan2(down, right) % np.pi / np.pi
    bins = np.minimum((turn * _BINS).astype(np.int64), _BINS - 1)
    cell = np.arange(_GRADIENT_PX) * _CELLS // _GRADIENT_PX
    where = (cell[:, None] * _CELLS + cell[None, :]) * _BINS + bins
    found = np.bincount(where.ravel(), np.hypot(right, down).ravel(), _CELLS * _CELLS * _BINS).reshape(-1, _BINS)
    found = found / (np.linalg.norm(found, axis=1, keepdims=True) + 0.2 * found.max() + 1e-6)
    return _unit((found - found.mean(0)).ravel())


def _halves(gradients: np.ndarray) -> list[np.ndarray]:
    cells, half = gradients.reshape(_CELLS, _CELLS, _BINS), _CELLS // 2
    return [_unit(part.ravel()) for part in (cells[:half], cells[half:], cells[:, :half], cells[:, half:])]


def _unit(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / (np.linalg.norm(values) + 1e-9))
