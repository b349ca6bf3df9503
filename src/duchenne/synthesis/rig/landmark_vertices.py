"""Where the 49 landmarks lie on the base mesh."""

from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.facs import LANDMARK_COUNT, MIRROR_LANDMARKS
from duchenne.synthesis.rig.mesh import base_mesh, triangles_of

_VERTICES = (
    261, 262, 224, 204, 208, 6983, 6979, 6998, 7031, 7030,
    132, 131, 201, 294, 333, 314, 343, 7077, 7095,
    28, 6762, 6763, 73, 46, 40, 6857, 13359, 13358, 6812, 6824, 6830,
    422, 5354, 456, 455, 7215, 11956, 7182, 7235, 7241, 492, 486, 480,
    472, 474, 7228, 7264, 523, 517,
)  # fmt: skip
"""The vertices nearest to where a landmark model sees the 49 points on 40 rendered neutral heads, made symmetric;
points of the upper lip stay with the skull and points of the lower lip go with the jaw."""


_BETWEEN = {
    0: (0.567, 7.400), 1: (0.504, 7.449), 2: (0.413, 7.480), 3: (0.293, 7.483), 4: (0.142, 7.461),
    11: (0.0, 7.182), 12: (0.0, 7.053), 14: (0.131, 6.833), 15: (0.064, 6.808), 16: (0.0, 6.804),
    19: (0.436, 7.276), 23: (0.262, 7.242), 24: (0.359, 7.241), 41: (0.068, 6.498), 42: (0.138, 6.525),
}  # fmt: skip
"""Where on the base mesh, (|x|, y) in decimetres, the same model sees points of the image's left half that lie between
vertices: medians over 170 neutral heads, followed along the skin to the base mesh, both sides taken together."""


@cache
def landmark_vertices() -> Int[np.ndarray, "49"]:
    """Return the base vertex nearest to each landmark, in the order of `facs`."""
    return np.array(_VERTICES)


def landmarks_on(vertices: Float[np.ndarray, "*heads v 3"]) -> Float[np.ndarray, "*heads 49 3"]:
    """Return the landmarks of heads, given their base vertices: points of the skin that go where its triangles go."""
    corners, weights = _anchors()
    return np.einsum("...kci,kc->...ki", vertices[..., corners, :], weights)


@cache
def _anchors() -> tuple[Int[np.ndarray, "49 3"], Float[np.ndarray, "49 3"]]:
    """Return three base vertices for each landmark and their weights."""
    corners, weights = np.repeat(landmark_vertices()[:, None], 3, 1), np.tile([1.0, 0.0, 0.0], (LANDMARK_COUNT, 1))
    for point, (out, up) in _BETWEEN.items():
        for landmark, x in ((point, -out), (int(MIRROR_LANDMARKS[point]), out)):
            corners[landmark], weights[landmark] = _foremost(x, up)
    return corners, weights


def _foremost(x: float, y: float) -> tuple[Int[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return the triangle of the base mesh that one sees at a place from the front, and the place in it as weights."""
    mesh = base_mesh()
    triangles = _skin_triangles()
    a, b, c = (mesh.vertices[triangles[:, k], :2] - [x, y] for k in range(3))
    areas = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], 1)
    whole = areas.sum(1)
    weights = areas / np.where(whole == 0, 1, whole)[:, None]
    over = np.flatnonzero((weights > -_ON_EDGE).all(1) & (whole != 0))
    depth = (weights[over] * mesh.vertices[triangles[over], 2]).sum(1)
    front = over[depth.argmax()]
    return triangles[front], weights[front]


_ON_EDGE = 1e-6


@cache
def _skin_triangles() -> Int[np.ndarray, "t 3"]:
    mesh = base_mesh()
    return triangles_of(mesh.quads[mesh.groups["body"]])


def _cross(a: Float[np.ndarray, "t 2"], b: Float[np.ndarray, "t 2"]) -> Float[np.ndarray, " t"]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def lid_paths() -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return the upper and the lower lid's margin on the base mesh as (|x|, y), outer corner first."""
    places = base_mesh().vertices[landmark_vertices()]
    upper, lower = places[[19, 20, 21, 22]], places[[19, 24, 23, 22]]
    return [(abs(p[0]), p[1]) for p in upper], [(abs(p[0]), p[1]) for p in lower]
