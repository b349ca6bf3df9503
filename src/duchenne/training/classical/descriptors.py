"""What classical systems see of a face: gradient histograms at landmarks, local binary patterns on a grid."""

import numpy as np
from jaxtyping import Float, UInt8

from duchenne.colour import LUMINANCE

Grey = Float[np.ndarray, "s s"]

DIRECTIONS, CELLS, CELL_PX = 8, 4, 8
"""128 values in a histogram: 8 directions in 4 x 4 cells of 8 px, as SIFT (Lowe, IJCV 2004)."""
_LARGEST = 0.2
"""No value of a descriptor of length 1 exceeds this, so that one strong edge does not hide the rest. Source: SIFT."""
GRID = 8
PATTERNS = 59
"""58 patterns with at most two changes around the circle, and one for all others."""


def grey_of(face: UInt8[np.ndarray, "s s 3"]) -> Grey:
    """Return the luminance."""
    return face @ np.array(LUMINANCE)


def gradient_histograms(
    face: UInt8[np.ndarray, "s s 3"], points: Float[np.ndarray, "49 2"]
) -> Float[np.ndarray, "49 128"]:
    """Return a descriptor of each landmark's 32 x 32 neighbourhood; what lies outside the face has no gradient."""
    grey = grey_of(face)
    down, right = np.gradient(grey)
    strength = np.hypot(right, down)
    direction = np.floor((np.arctan2(down, right) / (2 * np.pi) % 1) * DIRECTIONS).astype(int) % DIRECTIONS
    margin = CELLS * CELL_PX
    side = grey.shape[0]
    sums = np.zeros((side + 2 * margin + 1, side + 2 * margin + 1, DIRECTIONS))
    y, x = np.mgrid[:side, :side]
    sums[y + margin + 1, x + margin + 1, direction] = strength
    sums = sums.cumsum(0).cumsum(1)
    corner = np.round(points).astype(int) + margin - CELLS * CELL_PX // 2
    edges = np.clip(corner[:, None] + np.arange(CELLS + 1)[:, None] * CELL_PX, 0, len(sums) - 1)
    grid = sums[edges[:, :, None, 1], edges[:, None, :, 0]]
    cells = grid[:, 1:, 1:] - grid[:, :-1, 1:] - grid[:, 1:, :-1] + grid[:, :-1, :-1]
    return _unit(np.minimum(_unit(cells.reshape(len(points), -1)), _LARGEST))


def pattern_histograms(face: UInt8[np.ndarray, "s s 3"]) -> Float[np.ndarray, "64 59"]:
    """Return the histogram of local binary patterns in each cell of an 8 x 8 grid; each sums to 1.

    Source: Ojala, Pietikainen and Maenpaa, IEEE TPAMI 2002 (8 neighbours at distance 1, uniform patterns).
    """
    grey = grey_of(face)
    inner = grey[1:-1, 1:-1]
    code = np.zeros(inner.shape, int)
    side = grey.shape[0]
    for bit, (down, right) in enumerate(_RING):
        code |= (grey[1 + down : side - 1 + down, 1 + right : side - 1 + right] >= inner).astype(int) << bit
    labels = _UNIFORM[code]
    place = np.minimum(np.arange(len(inner)) * GRID // len(inner), GRID - 1)
    cell = place[:, None] * GRID + place[None]
    counts = np.bincount((cell * PATTERNS + labels).ravel(), minlength=GRID * GRID * PATTERNS)
    counts = counts.reshape(GRID * GRID, PATTERNS).astype(float)
    return counts / counts.sum(1, keepdims=True)


_RING = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def _uniform_table() -> np.ndarray:
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(1) <= 2
    table = np.full(256, PATTERNS - 1)
    table[uniform] = np.arange(uniform.sum())
    return table


_UNIFORM = _uniform_table()


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
