"""Draws solids over a finished picture: against its depth buffer, the far ones first, and into the buffer."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.raster.raster_solids import blend
from duchenne.synthesis.raster.solids import Solid

_NEAR = 0.05
"""Nearest distance from the camera at which something is drawn, decimetres."""


def draw_solids(
    solids: Sequence[Solid],
    focal_px: float,
    depth: Float[np.ndarray, "h w"],
    light: Float[np.ndarray, "6 3"],
    canvas: Float[np.ndarray, "h w 3"],
) -> None:
    """Draw solids in camera axes over a canvas; opaque ones first, then the others from far to near.

    Args:
        solids: Placed in camera axes.
        focal_px: Focal length in the canvas's pixels; the optical axis meets its middle.
        depth: Decimetres; becomes that of a solid where it hides and is more than half opaque.
        light: `Light.table()`.
        canvas: Float32, 0-1.
    """
    middle = np.array([canvas.shape[1] / 2, canvas.shape[0] / 2])
    for solid in sorted(solids, key=lambda s: (not s.opaque, -float(s.points[:, 2].mean()))):
        z = solid.points[:, 2]
        ahead = z > _NEAR
        safe = np.where(ahead, z, 1.0)
        flat = focal_px * solid.points[:, :2] / safe[:, None] + middle
        screen = np.column_stack([flat, np.where(ahead, 1 / safe, -1.0)]).astype(np.float32)
        triangles = solid.triangles[np.argsort(-z[solid.triangles].mean(1), kind="stable")].astype(np.int32)
        uv = np.zeros((len(z), 2), np.float32) if solid.uv is None else solid.uv.astype(np.float32)
        points, normals, colour = (a.astype(np.float32) for a in (solid.points, solid.normals, solid.colour))
        rows, columns = solid.texture.shape[:2]
        surface = np.array([solid.gloss, solid.roughness, solid.softness], np.float32)
        blend(
            screen, triangles, points, normals, colour, uv, solid.texture.ravel(), rows, columns, surface, light,
            solid.hides, depth, canvas,
        )  # fmt: skip
