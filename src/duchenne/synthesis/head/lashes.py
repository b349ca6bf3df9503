"""Eyelashes: short curved hairs along the margins of the lids, which turn with them."""

from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.synthesis.head.head import Head, MovedHead
from duchenne.synthesis.raster.solids import Solid, ribbons
from duchenne.synthesis.rig.mesh import Vertices, base_mesh
from duchenne.synthesis.rig.parts import eye_vertices, head_parts

_UPPER = (
    (28, 4856, 6760, 6761, 6762, 6757, 6756, 6763, 6775, 6767, 73),
    (6812, 11474, 13356, 13357, 13358, 13353, 13352, 13359, 13371, 13363, 6857),
)
_LOWER = (
    (28, 5077, 34, 37, 40, 43, 46, 49, 52, 73),
    (6812, 11692, 6818, 6821, 6824, 6827, 6830, 6833, 6836, 6857),
)
"""Vertices of the base mesh along the lids' outer edges, from the outer corner to the inner; the image's left first."""
_STEPS = 5
_NEAR_X = 0.025
"""How far aside a fold may hang before a point of the lid's edge, decimetres."""


def lash_solids(head: Head, moved: MovedHead, pixel: float) -> list[Solid]:
    """Return a person's lashes on a moved head, in head axes; a pixel's size is in decimetres.

    Women's are longer on average, and often painted; all grow thinner with age.
    """
    rng = np.random.default_rng([head.identity.subject, 14])
    female = head.identity.sex == "female"
    painted = female and rng.random() < 0.45
    aged = float(np.clip((head.identity.age - 45) / 45, 0, 1))
    length = rng.uniform(0.048, 0.070) * (1.12 if female else 1.0) * (1.15 if painted else 1.0) * (1 - 0.25 * aged)
    count = int(rng.integers(36, 52) * (1 - 0.35 * aged))
    dark = np.array([0.05, 0.04, 0.04]) if painted else np.minimum(head.skin.hair_colour / 255 * 0.4, 0.13)
    thick = rng.uniform(0.0045, 0.0065) * (1.3 if painted else 1.0)
    solids = []
    for side, balls in enumerate(reversed(eye_vertices())):
        ball = moved.base[balls]
        centre = (ball.min(0) + ball.max(0)) / 2
        upper = _Lid(_below_fold(moved.base, side), centre, count, np.random.default_rng([head.identity.subject, 15]))
        lower = _Lid(
            moved.base[list(_LOWER[side])], centre, 2 * count // 3, np.random.default_rng([head.identity.subject, 16])
        )
        solids.append(_hairs(upper, length, 0.3 + 1.1 * upper.elevation, thick, dark, pixel))
        solids.append(_hairs(lower, 0.42 * length, -0.8, 0.42 * thick, dark, pixel))
    return solids


def _below_fold(base: Vertices, side: int) -> Float[np.ndarray, "n 3"]:
    """Return the upper lid's edge, moved down to where a fold of skin that hangs before it ends."""
    edge, skin = base[list(_UPPER[side])], base[_skin_above()[side]]
    before = (np.abs(edge[:, None, 0] - skin[:, 0]) < _NEAR_X) & (skin[:, 2] < edge[:, None, 2] - 0.004)
    lowest = np.where(before, skin[:, 1], -np.inf).argmax(1)
    drop = np.maximum(np.where(before.any(1), skin[lowest, 1] - edge[:, 1], 0.0), 0.0)
    drop = np.convolve(np.pad(drop, 1, "edge"), [0.25, 0.5, 0.25], "valid")
    ahead = np.where(drop > 0, np.minimum(skin[lowest, 2] - edge[:, 2], 0.0), 0.0)
    return edge + np.column_stack([np.zeros(len(edge)), drop, ahead])


@cache
def _skin_above() -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Return the vertices of the skin over either upper lid, between its edge and the brow."""
    places, skin = base_mesh().vertices, np.unique(head_parts().skin_normals)
    found = []
    for path in _UPPER:
        edge = places[list(path)]
        order = np.argsort(edge[:, 0])
        over = places[skin, 1] - np.interp(places[skin, 0], edge[order, 0], edge[order, 1])
        beside = (places[skin, 0] > edge[:, 0].min()) & (places[skin, 0] < edge[:, 0].max())
        found.append(skin[beside & (over > 0.012) & (over < 0.14) & (places[skin, 2] > 1.33)])
    return found[0], found[1]


class _Lid:
    """Roots of the lashes of one lid: places, directions away from the eyeball, and how long each hair is."""

    def __init__(self, edge: np.ndarray, centre: np.ndarray, count: int, rng: np.random.Generator) -> None:
        share = (np.arange(count) + rng.uniform(-0.4, 0.4, count) + 0.5) / count
        share = 0.02 + 0.84 * share  # None at the inner corner.
        walked = np.append(0, np.cumsum(np.linalg.norm(np.diff(edge, axis=0), axis=1)))
        at = share * walked[-1]
        self.roots = np.column_stack([np.interp(at, walked, edge[:, k]) for k in range(3)])
        out = self.roots - centre
        self.out = out / np.linalg.norm(out, axis=1, keepdims=True)
        along = np.gradient(self.roots, axis=0)
        self.along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        self.fan = (0.42 - share) * 0.85 + rng.normal(size=count) * 0.12  # Outwards at the outer corner.
        self.length = np.sin(np.pi * (0.18 + 0.62 * (1 - share))) * rng.uniform(0.75, 1.1, count)
        self.elevation = float(np.arcsin(np.clip(-self.out[:, 1].mean(), -1, 1)))


def _hairs(lid: _Lid, length: float, curl: float, thick: float, colour: Float[np.ndarray, "3"], pixel: float) -> Solid:
    """Return hairs that leave a lid along the eyeball's radius and curl up, or down where the curl is negative."""
    share = np.linspace(0, 1, _STEPS)[None, :, None]
    up = np.array([0.0, -1.0, 0.0]) - lid.out * -lid.out[:, 1:2]
    away = 0.85 * lid.out - lid.fan[:, None] * lid.along
    bend = 0.25 * share + 0.75 * share**2
    paths = lid.roots[:, None] + 0.012 * lid.out[:, None] + (length * lid.length)[:, None, None] * (
        away[:, None] * share + curl * up[:, None] * bend
    )  # fmt: skip
    width = thick * np.tile(np.linspace(1.2, 0.4, _STEPS), (len(paths), 1))
    opacity = np.linspace(0.95, 0.45, _STEPS)
    return ribbons(paths, width, np.tile(colour, (len(paths), 1)), opacity, lid.along, pixel, 0.1, hides=False)
