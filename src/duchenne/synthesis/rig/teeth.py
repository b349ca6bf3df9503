"""The teeth's texture: single teeth along both arches, and the gums."""

import numpy as np
from jaxtyping import Float, Int, UInt8

from duchenne.synthesis.rig.mesh import Vertices

COLUMNS, ROWS = 256, 64
_EDGES_DEG = np.array([-80, -62, -47, -36, -27, -18, -9.5, 0, 9.5, 18, 27, 36, 47, 62, 80.0])
"""Where one tooth ends and the next begins, degrees around the middle of the arch; incisors are the widest in front."""
_ARCH_DEPTH = 0.95
"""z of the middle of the arch in the base mesh, decimetres."""


def teeth_uv(vertices: Vertices, rows: Int[np.ndarray, " k"], lower: bool) -> Float[np.ndarray, "k 2"]:
    """Return texture places of one row of teeth in the base mesh: around the arch, and from bottom to top."""
    x, y, z = vertices[rows].T
    around = np.degrees(np.arctan2(x, z - _ARCH_DEPTH))
    up = (y - y.min()) / (y.max() - y.min())
    return np.column_stack([0.5 + np.clip(around, -88, 88) / 180, 0.5 * up + (0.5 if lower else 0.0)])


def paint_teeth(rng: np.random.Generator) -> UInt8[np.ndarray, "64 256 4"]:
    """Return a person's teeth; the upper row fills the upper half, both with their lowest edge first."""
    white = np.array([214, 204, 184.0]) * rng.uniform(0.82, 1.06) * [1, 1, rng.uniform(0.9, 1.08)]
    gum = np.array([170, 92, 92.0]) * rng.uniform(0.75, 1.1)
    around = (np.arange(COLUMNS) + 0.5) / COLUMNS * 180 - 90
    up = (np.arange(ROWS // 2) + 0.5) / (ROWS // 2)
    edges = _EDGES_DEG + rng.normal(size=len(_EDGES_DEG)) * 0.5
    nearest = np.abs(around[:, None] - edges).min(1)
    gap = np.exp(-((nearest / rng.uniform(0.8, 1.4)) ** 2)) * rng.uniform(0.35, 0.8)
    single = np.repeat(rng.uniform(0.93, 1.0, len(edges) + 1)[None], COLUMNS, 0)
    tint = np.take_along_axis(single, np.searchsorted(edges, around)[:, None], 1)[:, 0]
    falloff = 1 - 0.45 * np.clip((np.abs(around) - 25) / 50, 0, 1)
    crowns = white * ((1 - gap) * tint * falloff)[:, None]
    scallop = 0.06 * np.exp(-((nearest / 3.0) ** 2))
    halves = []
    for root in (up[:, None] - (0.66 - scallop), (0.42 + scallop) - up[:, None]):
        share = 1 / (1 + np.exp(-root / 0.02))
        halves.append(crowns * (1 - share[..., None]) + gum * (falloff[:, None] * share[..., None]))
    colour = np.concatenate(halves)
    return np.dstack([np.clip(colour, 0, 255), np.full((ROWS, COLUMNS), 128)]).astype(np.uint8)
