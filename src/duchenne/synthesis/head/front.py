"""The face as seen from straight ahead of the head: how near its surface is over x and y."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.head.head import MovedHead, render_parts
from duchenne.synthesis.raster.rasteriser import FAR, fill_buffers

_SIDE, _REACH, _BACK = 160, 1.6, 10.0


@dataclass(frozen=True)
class Front:
    """Depth of the nearest surface, head axes, decimetres; `FAR` where there is none.

    Attributes:
        depth: (160, 160), rows over y and columns over x, both from -1.6 to 1.6.
    """

    depth: Float[np.ndarray, "160 160"]

    def at(self, places: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """Return the depth under places (x, y); beyond the map that of its edge."""
        cell = np.clip(((places + _REACH) / (2 * _REACH) * _SIDE).astype(int), 0, _SIDE - 1)
        return self.depth[cell[:, 1], cell[:, 0]]


def front_of(moved: MovedHead) -> Front:
    """Return the front of a moved head."""
    parts = render_parts()
    flat = (moved.positions[:, :2] + _REACH) / (2 * _REACH) * _SIDE
    screen = np.column_stack([flat, 1 / (moved.positions[:, 2] + _BACK)]).astype(np.float32)
    depth = np.full((_SIDE, _SIDE), FAR, np.float32)
    owner, bary = np.full((_SIDE, _SIDE), -1, np.int32), np.zeros((_SIDE, _SIDE, 2), np.float32)
    triangles = parts.triangles.astype(np.int32)
    fill_buffers(screen, triangles, np.zeros(len(triangles), np.uint8), depth, owner, bary)
    return Front(np.where(owner >= 0, depth - _BACK, FAR))
