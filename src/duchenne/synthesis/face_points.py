"""Where the 49 landmarks lie on the base mesh."""

from functools import cache

import numpy as np
from jaxtyping import Int

from duchenne.synthesis.rig import base_mesh

_VERTICES = (
    261, 262, 224, 204, 208, 6983, 6979, 6998, 7031, 7030,
    132, 131, 201, 294, 333, 314, 343, 7077, 7095,
    28, 6762, 6763, 73, 46, 40, 6857, 13359, 13358, 6812, 6824, 6830,
    422, 5354, 456, 455, 7215, 11956, 7182, 7235, 7241, 492, 486, 480,
    472, 474, 7228, 7264, 523, 517,
)  # fmt: skip
"""The vertices nearest to where a landmark model sees the 49 points on 40 rendered neutral heads, made symmetric;
points of the upper lip stay with the skull and points of the lower lip go with the jaw."""


@cache
def landmark_vertices() -> Int[np.ndarray, "49"]:
    """Return the base vertex of each landmark, in the order of `facs`."""
    return np.array(_VERTICES)


def lid_paths() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the upper and the lower lid's margin on the base mesh as (|x|, y), outer corner first."""
    places = base_mesh().vertices[landmark_vertices()]
    upper, lower = places[[19, 20, 21, 22]], places[[19, 24, 23, 22]]
    return [(abs(p[0]), p[1]) for p in upper], [(abs(p[0]), p[1]) for p in lower]
