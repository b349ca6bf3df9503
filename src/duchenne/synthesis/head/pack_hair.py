"""Hair of the optional pack, fitted to the heads of those whom it suits."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.head.pack import PackHair, read_pack
from duchenne.synthesis.person.identity import Identity
from duchenne.synthesis.raster.rasteriser import sum_normals
from duchenne.synthesis.raster.solids import Solid, painted
from duchenne.synthesis.skin.skin import Skin

SHARE = 0.75
"""Share of people with hair who wear a style of the pack; the others keep the short shell."""
_STYLES = {
    "female": {"bob02": 0.15, "short01": 0.4, "short02": 0.3, "short03": 0.15},
    "male": {"short01": 0.45, "short02": 0.47, "short03": 0.08},
}
"""How often; bob02 and short03 hang over an eye."""
_AFRO = 0.45


def draw_pack_hair(
    identity: Identity, skin: Skin, centre: Float[np.ndarray, "3"], pack: Path | None
) -> tuple[str, Solid] | None:
    """Return a person's style of the pack and its surface in head axes; None without a pack, for the bald, some others.

    Raises:
        SynthesisError: The file is not the pack.
    """
    if pack is None:
        return None
    styles = read_pack(pack)
    rng = np.random.default_rng([identity.subject, 18])
    odds = _STYLES[identity.sex]
    style, mirrored = str(rng.choice(list(odds), p=list(odds.values()))), rng.random() < 0.5
    if rng.random() < _AFRO and identity.ancestry["african"] > 0.5:
        style = "afro01"
    if rng.random() >= SHARE or not skin.scalp.any():
        return None
    return style, _fitted(styles[style], identity, skin, centre, mirrored)


def _fitted(hair: PackHair, identity: Identity, skin: Skin, centre: np.ndarray, mirrored: bool) -> Solid:
    """Return a style on a neutral head, in head axes; darker where it lies closer to the scalp."""
    points = (hair.on(identity.vertices) - centre) * [-1.0 if mirrored else 1.0, -1.0, -1.0]
    normals = np.zeros(points.shape, np.float32)
    sum_normals(points.astype(np.float32), hair.point[hair.triangles].astype(np.int32), normals)
    colour = painted(len(points), np.clip(1.25 * skin.hair_colour / 255, 0.01, 1))
    colour[:, :3] *= _openness(points)[:, None]
    return Solid(
        points[hair.point], normals[hair.point].astype(float), hair.triangles, colour[hair.point], 0.35, 0.42, 0.1,
        uv=hair.uv, texture=hair.texture,
    )  # fmt: skip


def _openness(points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Return 0.5-1: how far out points lie, seen from the middle of the skull, among those in about their direction."""
    away = points - np.array([0.0, -0.35, 0.15])
    distance = np.linalg.norm(away, axis=1)
    cells = np.round(4 * away / distance[:, None]).astype(int) @ np.array([1, 100, 10_000])
    _, cell = np.unique(cells, return_inverse=True)
    low, high = np.full(cell.max() + 1, np.inf), np.zeros(cell.max() + 1)
    np.minimum.at(low, cell, distance)
    np.maximum.at(high, cell, distance)
    return 0.5 + 0.5 * (distance - low[cell]) / np.maximum(high - low, 0.05)[cell].clip(0.05)
