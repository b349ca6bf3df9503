"""A hand: palm, fingers and thumb as capsules that flow into each other, with nails, and an arm in a sleeve.

Hand axes: the fingers point along -y, the palm looks along +z, the thumb is on the -x side; decimetres; the origin is
the middle of the palm.

Source: smooth union by a polynomial (Quilez 2013); surface nets (Gibson 1998) for the triangles.
"""

from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
from jaxtyping import Bool, Float

from duchenne.synthesis.raster.raster_solids import hand_distance
from duchenne.synthesis.raster.solids import Solid, painted, tube

_KNUCKLES = ((-0.31, -0.40), (-0.105, -0.455), (0.10, -0.43), (0.285, -0.34))
_LENGTHS = ((0.40, 0.25, 0.20), (0.44, 0.28, 0.21), (0.41, 0.26, 0.20), (0.32, 0.19, 0.18))
_RADII = (
    (0.098, 0.085, 0.076, 0.062),
    (0.102, 0.088, 0.078, 0.064),
    (0.096, 0.083, 0.073, 0.060),
    (0.085, 0.071, 0.063, 0.053),
)
_STEP = 0.036
"""Edge of the cells in which the surface is sought, decimetres."""
_NAIL = np.array([0.90, 0.74, 0.72])
_COARSE = 4
"""How many cells a cell of the coarse grid is long."""
WRIST = np.array([0.0, 0.62, 0.0])
_ARM = ((0.18, 1.33), (0.45, 3.5))
"""From where to where the bare arm and the sleeve reach below the wrist, decimetres."""


@dataclass(frozen=True)
class Grip:
    """How a hand is held.

    Attributes:
        curl: Bend of index, middle, ring and little finger, 0 straight to 1 a fist.
        spread: Angle between fingers, degrees.
        thumb: Bend of the thumb towards the palm, 0-1.
        size: Factor.
    """

    curl: tuple[float, float, float, float] = (0.15, 0.15, 0.18, 0.2)
    spread: float = 4.0
    thumb: float = 0.3
    size: float = 1.0


def make_hand(grip: Grip, skin: Float[np.ndarray, "3"], sleeve: Float[np.ndarray, "3"]) -> list[Solid]:
    """Return a right hand, then its arm; colours 0-1 as the square root of reflectance."""
    bones, radii, finger = _bones(grip)
    points, normals, triangles = _surface(bones, radii, finger)
    tint = _tint(points, normals, bones, radii, finger, skin)
    hand = Solid(points, normals, triangles, tint, 0.4, 0.48, 0.35)
    arm, cloth = (WRIST + np.linspace(low, high, 6)[:, None] * np.array([0.0, 1.0, 0.0]) for low, high in _ARM)
    bare = tube(arm, np.linspace(0.19, 0.30, 6), skin, 20, 0.35, 0.5, 0.3)
    sleeved = tube(cloth, np.array([0.31, 0.36, 0.4, 0.44, 0.46, 0.48]), sleeve, 20, 0.05, 0.8)
    return [_scaled(hand, grip.size, 1.0), _scaled(bare, grip.size, 0.75), _scaled(sleeved, grip.size, 0.75)]


def _scaled(solid: Solid, size: float, flat: float) -> Solid:
    return replace(solid, points=solid.points * np.array([size, size, size * flat]))


class _Bones:
    """Capsules: ends (k, 2, 3), end radii (k, 2), and the finger of each (0-4, the palm -1)."""

    def __init__(self) -> None:
        self.ends: list[tuple[np.ndarray, np.ndarray]] = []
        self.radii: list[tuple[float, float]] = []
        self.finger: list[int] = []

    def add(self, start: np.ndarray, end: np.ndarray, radii: tuple[float, float], finger: int) -> None:
        self.ends.append((start, end))
        self.radii.append(radii)
        self.finger.append(finger)


def _bones(grip: Grip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bones = _Bones()
    for (x, y), radius in zip(_KNUCKLES, _RADII, strict=True):
        bones.add(np.array([0.50 * x, 0.44, 0.02]), np.array([x, y, 0.0]), (0.145, radius[0] + 0.02), -1)
    bones.add(np.array([0.0, 0.42, 0.02]), np.array([0.0, 0.95, 0.02]), (0.19, 0.20), -1)  # The wrist.
    bones.add(np.array([0.20, 0.36, 0.05]), np.array([0.28, -0.1, 0.06]), (0.13, 0.10), -1)  # The heel of the palm.
    for number in range(4):
        _add_finger(bones, number, grip)
    _add_thumb(bones, grip.thumb)
    return np.array(bones.ends), np.array(bones.radii), np.array(bones.finger)


def _add_finger(bones: _Bones, number: int, grip: Grip) -> None:
    at, bend = np.array([*_KNUCKLES[number], 0.0]), 0.0
    aside = np.radians(grip.spread * (number - 1.4))
    for joint, length in enumerate(_LENGTHS[number]):
        bend += np.radians((75.0, 95.0, 55.0)[joint] * grip.curl[number] + (2.0, 6.0, 4.0)[joint])
        way = np.array([np.sin(aside) * np.cos(bend), -np.cos(aside) * np.cos(bend), np.sin(bend)])
        bones.add(at, at + length * way, (_RADII[number][joint], _RADII[number][joint + 1]), number)
        at = at + length * way


def _add_thumb(bones: _Bones, bent: float) -> None:
    at, turn = np.array([-0.20, 0.36, 0.06]), np.radians(50 - 38 * bent)
    for length, radii in zip((0.44, 0.32, 0.25), pairwise((0.15, 0.115, 0.098, 0.075)), strict=True):
        way = np.array([-np.sin(turn), -np.cos(turn), 0.25 + 0.35 * bent])
        way = way / np.linalg.norm(way)
        bones.add(at, at + length * way, radii, 4)
        at, turn = at + length * way, turn - np.radians(14 + 22 * bent)


def _distances(points: np.ndarray, bones: np.ndarray, radii: np.ndarray, finger: np.ndarray) -> np.ndarray:
    out = np.empty(len(points))
    hand_distance(np.ascontiguousarray(points), bones, radii, finger, out)
    return out


def _inside(
    low: np.ndarray, shape: np.ndarray, bones: np.ndarray, radii: np.ndarray, finger: np.ndarray
) -> Bool[np.ndarray, "a b c"]:
    """Return which points of a grid lie inside; far from the surface a coarser grid tells."""
    axes = [np.arange(0, n, _COARSE) for n in shape]
    coarse = np.stack(np.meshgrid(*axes, indexing="ij"), -1) + (_COARSE - 1) / 2
    far = _distances(coarse.reshape(-1, 3) * _STEP + low, bones, radii, finger).reshape(coarse.shape[:3])
    for axis in range(3):
        far = np.repeat(far, _COARSE, axis)
    far = far[: shape[0], : shape[1], : shape[2]]
    inside = far < 0
    near = np.argwhere(np.abs(far) < 0.9 * _COARSE * _STEP)
    inside[tuple(near.T)] = _distances(near * _STEP + low, bones, radii, finger) < 0
    return inside


def _surface(bones: np.ndarray, radii: np.ndarray, finger: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points on the surface, one in each cell that it crosses, normals, and triangles between them."""
    low, high = bones.min((0, 1)) - 0.22, bones.max((0, 1)) + 0.22
    shape = np.ceil((high - low) / _STEP).astype(int) + 1
    inside = _inside(low, shape, bones, radii, finger)
    ends = [[slice(o, n - 1 + o) for o in (0, 1)] for n in shape]
    corners = [inside[place] for place in product(*ends)]
    count = np.sum(corners, 0)
    crossed = (count > 0) & (count < 8)
    index = np.full(crossed.shape, -1)
    index[crossed] = np.arange(int(crossed.sum()))
    places = np.argwhere(crossed)
    points = (places + 0.5) * _STEP + low
    triangles = []
    for axis in range(3):
        one, other = [a for a in range(3) if a != axis]
        change = np.argwhere(np.diff(inside.astype(np.int8), axis=axis) != 0)
        change = change[(change[:, one] > 0) & (change[:, other] > 0)]
        around = []
        for step in ((0, 0), (1, 0), (1, 1), (0, 1)):
            cell = change.copy()
            cell[:, one] -= step[0]
            cell[:, other] -= step[1]
            around.append(index[tuple(cell.T)])
        a, b, c, d = around
        triangles += [np.column_stack([a, b, c]), np.column_stack([a, c, d])]
    found = np.concatenate(triangles)
    value_at, normal = _normals(points, bones, radii, finger)
    return points - normal * value_at[:, None], normal, found[(found >= 0).all(1)]


def _normals(
    points: np.ndarray, bones: np.ndarray, radii: np.ndarray, finger: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances of points from the surface and its normals there."""
    step = 0.012
    slopes = [
        _distances(points + shift, bones, radii, finger) - _distances(points - shift, bones, radii, finger)
        for shift in np.eye(3) * step
    ]
    normal = np.stack(slopes, 1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    return _distances(points, bones, radii, finger), normal


def _tint(
    points: np.ndarray, normals: np.ndarray, bones: np.ndarray, radii: np.ndarray, finger: np.ndarray, skin: np.ndarray
) -> Float[np.ndarray, "n 4"]:
    """Return the colour of points: redder over the joints, darker between the fingers, pale nails."""
    open_sky = np.clip(_distances(points + 0.11 * normals, bones, radii, finger) / 0.11, 0.25, 1)
    colour = painted(len(points), skin)
    joints = bones[finger >= 0, 0]
    near = np.min(np.linalg.norm(points[:, None] - joints, axis=2), 1)
    red = (np.exp(-((near / 0.11) ** 2)) * np.clip(-normals[:, 2], 0, 1))[:, None]
    colour[:, :3] *= 1 - red * [0.05, 0.14, 0.14]
    for k in np.flatnonzero(np.diff(np.append(finger, 99)) * (finger >= 0)):
        colour[_nail(points, normals, bones[k], radii[k, 1]), :3] = 0.68 * skin + 0.32 * _NAIL
    colour[:, :3] *= (0.55 + 0.45 * open_sky)[:, None]
    return colour


def _nail(points: np.ndarray, normals: np.ndarray, bone: np.ndarray, radius: float) -> Bool[np.ndarray, " n"]:
    """Return which points lie on the nail of a last bone: an oval on its back, at its end."""
    way = (bone[1] - bone[0]) / np.linalg.norm(bone[1] - bone[0])
    top = np.array([0.0, 0.0, -1.0]) + way * way[2]
    top = top / np.linalg.norm(top)
    rest = points - bone[1]
    along, up = rest @ way, rest @ top
    aside = np.linalg.norm(rest - along[:, None] * way - up[:, None] * top, axis=1)
    oval = np.hypot((along + 0.02) / 0.085, aside / 0.055) < 1
    return oval & (np.abs(up / radius - 0.85) < 0.5) & (normals @ top > 0.3)
