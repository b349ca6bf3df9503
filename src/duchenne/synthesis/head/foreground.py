"""All that is drawn over the head: lashes, glasses, and what comes between the face and the camera."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.head.head import Head, MovedHead, look_along
from duchenne.synthesis.head.lashes import lash_solids
from duchenne.synthesis.head.occluders import Occluder, occluder_solids
from duchenne.synthesis.raster.rasteriser import FAR, fill_buffers
from duchenne.synthesis.raster.solids import Solid


def foreground(
    head: Head, moved: MovedHead, occluder: Occluder | None, rotation: Float[np.ndarray, "3 3"], pixel: float
) -> list[Solid]:
    """Return what is drawn over a moved head, turned with it; a drawn pixel's size is in decimetres."""
    solids = [*lash_solids(head, moved, pixel), *head.worn]
    if occluder is not None:
        solids += occluder_solids(occluder, head, moved, rotation, pixel)
    return [solid.placed(rotation) for solid in solids]


def cast_shadows(
    solids: Sequence[Solid], towards: Float[np.ndarray, "3"], shadow: Float[np.ndarray, "side side"]
) -> None:
    """Draw what opaque solids hide from a light in a direction into the light's depth buffer."""
    owner, bary = np.empty(shadow.shape, np.int32), np.empty((*shadow.shape, 2), np.float32)
    for solid in solids:
        if solid.opaque and solid.casts:
            seen = look_along(solid.points, towards, len(shadow)).astype(np.float32)
            none = np.zeros(len(solid.triangles), np.uint8)
            fill_buffers(seen, solid.triangles.astype(np.int32), none, shadow, owner, bary)


def covered_share(
    points: Float[np.ndarray, "49 2"], before: Float[np.ndarray, "h w"], after: Float[np.ndarray, "h w"]
) -> float:
    """Return the share of the head's pixels within the landmarks' box that something hides.

    Args:
        points: Landmarks in pixels of the depth buffers.
        before: Depth of the head alone.
        after: Depth of all that is drawn.
    """
    (left, top), (right, bottom) = np.maximum(points.min(0), 0).astype(int), np.maximum(points.max(0), 0).astype(int)
    box = np.s_[top:bottom, left:right]
    face = before[box] < FAR / 2
    return float((after[box] < before[box])[face].mean()) if face.any() else 0.0
