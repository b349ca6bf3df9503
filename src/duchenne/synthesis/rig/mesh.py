"""The raw material of a head: base mesh, UV map and displacement targets, as `head_data` holds them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.errors import SynthesisError
from duchenne.synthesis.rig.head_data import head_data

Vertices = Float[np.ndarray, "v 3"]
Triangles = Int[np.ndarray, "t 3"]


@dataclass(frozen=True)
class Displacement:
    """A sparse displacement of the base mesh: vertex indices and their shift in decimetres."""

    index: Int[np.ndarray, " k"]
    shift: Float[np.ndarray, "k 3"]

    def mirrored_mask(self, side_weight: Float[np.ndarray, " v"]) -> "Displacement":
        """Return the displacement weighted by a value per vertex of the whole mesh."""
        return Displacement(self.index, self.shift * side_weight[self.index, None])


@dataclass(frozen=True)
class BaseMesh:
    """The MakeHuman base mesh: metre-free units of a decimetre, x to the subject's left, y up, z forward.

    Attributes:
        vertices: (19158, 3), the neutral adult.
        uv: Texture coordinates.
        quads: (q, 4) vertex indices.
        quad_uv: (q, 4) indices into uv.
        groups: Quad indices by group name ("body", "helper-l-eye", ...).
    """

    vertices: Vertices
    uv: Float[np.ndarray, "u 2"]
    quads: Int[np.ndarray, "q 4"]
    quad_uv: Int[np.ndarray, "q 4"]
    groups: dict[str, Int[np.ndarray, " g"]]


@cache
def base_mesh() -> BaseMesh:
    """Return the base mesh.

    Raises:
        SynthesisError: The package's data are missing or damaged.
    """
    data = head_data()
    members = np.split(data.group_quads, data.group_end[:-1])
    return BaseMesh(data.vertices, data.uv, data.quads, data.quad_uv, dict(zip(data.groups, members, strict=True)))


@cache
def displacement(name: str) -> Displacement:
    """Return a displacement target by its name, such as "mpfb2/targets/nose/nose-hump-incr".

    Raises:
        SynthesisError: There is no such target.
    """
    place = _places().get(name)
    if place is None:
        raise SynthesisError(f"The data of heads hold no displacement {name!r}; install the package again.")
    data = head_data()
    return Displacement(data.index[place], data.shift[place])


@cache
def _places() -> dict[str, slice]:
    data = head_data()
    ends = data.end.tolist()
    return {name: slice(start, end) for name, start, end in zip(data.names, [0, *ends], ends, strict=False)}


def target_names(folder: str) -> tuple[str, ...]:
    """Return the names of the targets in a folder of mpfb2/targets, sorted."""
    return tuple(sorted(name for name in _places() if name.rpartition("/")[0] == f"mpfb2/targets/{folder}"))


def triangles_of(quads: Int[np.ndarray, "q 4"]) -> Triangles:
    """Return two triangles for each quad, without those of no area."""
    both = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, 3)
    distinct = (both[:, 0] != both[:, 1]) & (both[:, 1] != both[:, 2]) & (both[:, 0] != both[:, 2])
    return both[distinct]
