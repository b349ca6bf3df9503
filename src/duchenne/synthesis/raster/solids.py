"""Things in front of a head as coloured surfaces: tubes, balls, ribbons; `blending.py` draws them over the head."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

Points = Float[np.ndarray, "n 3"]
White = UInt8[np.ndarray, "2 2 4"]


def _white() -> White:
    return np.full((2, 2, 4), 255, np.uint8)


@dataclass(frozen=True)
class Solid:
    """A surface in head axes (x to the image's right, y down, z away), decimetres.

    Attributes:
        points: (n, 3).
        normals: (n, 3), length 1, on either side of the surface.
        triangles: (t, 3).
        colour: (n, 4), 0-1: red, green, blue as the square root of reflectance, then opacity.
        gloss: Strength of the highlight.
        roughness: Of the highlight, 0-1.
        softness: How far red light wraps around edges, as in skin.
        hides: What lies behind is hidden where the opacity is above one half; otherwise (lashes) never.
        casts: Whether it throws a shadow, where it is opaque.
        uv: (n, 2), 0-1 in the texture.
        texture: h x w x 4, multiplies the colour and the opacity.
    """

    points: Points
    normals: Points
    triangles: Int[np.ndarray, "t 3"]
    colour: Float[np.ndarray, "n 4"]
    gloss: float = 0.3
    roughness: float = 0.5
    softness: float = 0.1
    hides: bool = True
    casts: bool = True
    uv: Float[np.ndarray, "n 2"] | None = None
    texture: UInt8[np.ndarray, "_ _ 4"] = field(default_factory=_white)

    @property
    def opaque(self) -> bool:
        """Whether nothing shines through anywhere."""
        return self.hides and self.uv is None and bool((self.colour[:, 3] >= 1).all())

    def placed(self, rotation: Float[np.ndarray, "3 3"], offset: Float[np.ndarray, "3"] | float = 0.0) -> "Solid":
        """Return the surface turned, then moved."""
        return replace(self, points=self.points @ rotation.T + offset, normals=self.normals @ rotation.T)


def painted(count: int, colour: Sequence[float] | np.ndarray, opacity: float = 1.0) -> Float[np.ndarray, "n 4"]:
    """Return one colour (0-1) and opacity for so many points."""
    return np.tile(np.append(np.asarray(colour, float), opacity), (count, 1))


def tube(
    path: Points, radius: Float[np.ndarray, " n"] | float, colour: Sequence[float] | np.ndarray, sides: int = 6,
    gloss: float = 0.3, roughness: float = 0.5, softness: float = 0.1, closed: bool = False,
) -> Solid:  # fmt: skip
    """Return a tube around a path; a closed path's last point joins its first."""
    count = len(path)
    ends = np.arange(count)
    after, before = (
        ((ends + 1) % count, ends - 1) if closed else (np.minimum(ends + 1, count - 1), np.maximum(ends - 1, 0))
    )
    along = path[after] - path[before]
    along = along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    helper = np.eye(3)[np.abs(along).mean(0).argmin()]
    across = np.cross(along, helper)
    across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    other = np.cross(along, across)
    turn = np.arange(sides) * 2 * np.pi / sides
    normals = across[:, None] * np.cos(turn)[:, None] + other[:, None] * np.sin(turn)[:, None]
    points = path[:, None] + normals * np.broadcast_to(radius, (count,))[:, None, None]
    triangles = _grid(count, sides, closed)
    total = count * sides
    return Solid(
        points.reshape(-1, 3), normals.reshape(-1, 3), triangles, painted(total, colour), gloss, roughness, softness
    )


def _grid(rows: int, columns: int, closed: bool, around: bool = True) -> Int[np.ndarray, "t 3"]:
    """Return the triangles of a grid of points whose columns go around, and whose rows too if closed."""
    row, column = np.meshgrid(np.arange(rows if closed else rows - 1), np.arange(columns - (not around)), indexing="ij")
    a = row * columns + column
    b = row * columns + (column + 1) % columns
    c = (row + 1) % rows * columns + column
    d = (row + 1) % rows * columns + (column + 1) % columns
    return np.stack([np.stack([a, b, c], -1), np.stack([b, d, c], -1)], -2).reshape(-1, 3)


def ball(
    centre: Float[np.ndarray, "3"], radii: Float[np.ndarray, "3"], colour: Sequence[float] | np.ndarray,
    gloss: float = 0.1, roughness: float = 0.8,
) -> Solid:  # fmt: skip
    """Return an ellipsoid."""
    down, turn = np.meshgrid(np.linspace(0, np.pi, 24), np.arange(36) * 2 * np.pi / 36, indexing="ij")
    unit = np.stack([np.sin(down) * np.cos(turn), np.cos(down), np.sin(down) * np.sin(turn)], -1).reshape(-1, 3)
    normals = unit / radii
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    return Solid(centre + unit * radii, normals, _grid(24, 36, False), painted(len(unit), colour), gloss, roughness)


def ribbons(
    paths: Float[np.ndarray, "k m 3"], width: Float[np.ndarray, "k m"], colour: Float[np.ndarray, "k 3"],
    opacity: Float[np.ndarray, " m"], across: Points, pixel: float, gloss: float = 0.4, hides: bool = True,
) -> Solid:  # fmt: skip
    """Return strips of m points each, such as hairs.

    Args:
        paths: Middle of each strip.
        width: Full width at each point; what is thinner than a pixel becomes a pixel wide and less opaque.
        colour: Of each strip, 0-1.
        opacity: Along the strips.
        across: (k, 3), direction in which each strip is wide, length 1.
        pixel: Size of a drawn pixel, decimetres.
        gloss: Strength of the highlight.
        hides: Whether what lies behind an opaque part is hidden.
    """
    count, steps = paths.shape[:2]
    drawn = np.maximum(width, 1.15 * pixel)
    half = 0.5 * drawn[..., None] * across[:, None]
    points = np.stack([paths - half, paths + half], 2)
    along = np.gradient(paths, axis=1)
    facing = np.cross(along, np.broadcast_to(across[:, None], along.shape))
    facing = facing / np.maximum(np.linalg.norm(facing, axis=2, keepdims=True), 1e-9)
    tint = np.broadcast_to(colour[:, None, None], (count, steps, 2, 3))
    share = np.broadcast_to((opacity * np.minimum(1.0, width / drawn))[..., None, None], (count, steps, 2, 1))
    strip = _grid(steps, 2, False, around=False)
    triangles = (strip[None] + np.arange(count)[:, None, None] * steps * 2).reshape(-1, 3)
    normals = np.repeat(facing.reshape(-1, 3), 2, 0)
    tinted = np.concatenate([tint, share], 3).reshape(-1, 4)
    return Solid(points.reshape(-1, 3), normals, triangles, tinted, gloss, 0.4, 0.1, hides)
