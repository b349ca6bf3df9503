"""The renderable parts of a head: which triangles of the base mesh belong to skin, eyes, teeth, tongue."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from duchenne.synthesis.rig.mesh import BaseMesh, base_mesh, triangles_of
from duchenne.synthesis.rig.teeth import teeth_uv

UV_BOX = (0.635, 0.135, 1.0, 0.835)
"""Low u, low v, high u, high v of the head's island in the base mesh's texture; the face lies on its side in it."""
_LINING_ABOVE_Y, _LIDS_ABOVE_Y = 6.8, 7.05
"""Heights in the base mesh above which only linings have skin off the head's island, and which part mouth from lids."""
_MOUTH_SET_BACK = 0.15
_BELOW_LID = (0.31, 7.17, 1.4)
_LOWEST_Y = 5.0
_WIDEST_X = 2.6


class Material(IntEnum):
    """How a part is shaded; the numbers index the texture table."""

    SKIN = 0
    BODY = 1
    EYE = 2
    TEETH = 3
    TONGUE = 4
    HAIR = 5


@dataclass(frozen=True)
class HeadParts:
    """All parts in one list of render vertices; a render vertex is a base vertex with one texture coordinate.

    Attributes:
        vertex: (r,), base vertex of each render vertex.
        uv: (r, 2), 0-1 in the texture of its material.
        triangles: (t, 3), render vertices.
        material: (t,), a `Material` each.
        skin_normals: (m, 3), triangles over base vertices from which normals are summed.
        set_back: (r,), by how much deeper than it lies a render vertex is drawn, decimetres: the mouth's lining stays
            behind the teeth that it would cut through.
    """

    vertex: Int[np.ndarray, " r"]
    uv: Float[np.ndarray, "r 2"]
    triangles: Int[np.ndarray, "t 3"]
    material: Int[np.ndarray, " t"]
    skin_normals: Int[np.ndarray, "m 3"]
    set_back: Float[np.ndarray, " r"]


_HELPERS = {
    "helper-l-eye": Material.EYE,
    "helper-r-eye": Material.EYE,
    "helper-upper-teeth": Material.TEETH,
    "helper-lower-teeth": Material.TEETH,
    "helper-tongue": Material.TONGUE,
}


@cache
def head_parts() -> HeadParts:
    """Return the parts of the base mesh's head, neck and shoulders."""
    mesh = base_mesh()
    chosen, materials = _head_quads(mesh)
    key = mesh.quads[chosen].astype(np.int64) * 100_000 + mesh.quad_uv[chosen]
    unique, inverse = np.unique(key.ravel(), return_inverse=True)
    quads = inverse.reshape(-1, 4)
    uv = mesh.uv[unique % 100_000]
    corner = np.repeat(materials, 2)
    split = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, 3)
    whole = (split[:, 0] != split[:, 1]) & (split[:, 1] != split[:, 2]) & (split[:, 0] != split[:, 2])
    triangles, material = split[whole], corner[whole]
    low, high = np.array(UV_BOX[:2]), np.array(UV_BOX[2:])
    island = (uv - low) / (high - low)
    inside = ((island >= 0) & (island <= 1)).all(1)
    is_skin = material == Material.SKIN
    off_island = is_skin & ~inside[triangles].all(1)
    middle = mesh.vertices[unique // 100_000][triangles].mean(1)
    in_mouth, in_lid = _linings(triangles, middle, off_island)
    material = np.where(in_mouth, int(Material.TONGUE), np.where(off_island & ~in_lid, int(Material.BODY), material))
    set_back = np.zeros(len(uv))
    set_back[triangles[in_mouth]] = _MOUTH_SET_BACK
    lids = np.unique(triangles[in_lid])
    island[lids] = _lid_uv(mesh.vertices[unique // 100_000], island, np.unique(triangles[is_skin & ~off_island]), lids)
    skin_vertices = np.zeros(len(uv), bool)
    skin_vertices[triangles[material == Material.SKIN]] = True
    uv = np.where(skin_vertices[:, None], island, uv)
    for lower, name in enumerate(("helper-upper-teeth", "helper-lower-teeth")):
        rows = np.flatnonzero(np.isin(unique // 100_000, mesh.quads[mesh.groups[name]]))
        uv[rows] = teeth_uv(mesh.vertices, unique[rows] // 100_000, bool(lower))
    body = mesh.quads[chosen[(materials == Material.SKIN)]]
    return HeadParts(unique // 100_000, uv, triangles, material, triangles_of(body), set_back)


def _linings(
    triangles: Int[np.ndarray, "t 3"], middle: Float[np.ndarray, "t 3"], off_island: Bool[np.ndarray, " t"]
) -> tuple[Bool[np.ndarray, " t"], Bool[np.ndarray, " t"]]:
    """Return which triangles line the mouth and which the lids: pieces of their own in the texture, inside the head."""
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    size = int(triangles.max()) + 1
    _, label = connected_components(coo_matrix((np.ones(len(ends)), ends.T), (size, size)), directed=False)
    piece = label[triangles[:, 0]]
    lining = off_island & np.isin(piece, piece[off_island & (middle[:, 1] > _LINING_ABOVE_Y)])
    return lining & (middle[:, 1] < _LIDS_ABOVE_Y), lining & (middle[:, 1] >= _LIDS_ABOVE_Y)


def _lid_uv(
    places: Float[np.ndarray, "r 3"],
    uv: Float[np.ndarray, "r 2"],
    skin: Int[np.ndarray, " s"],
    lids: Int[np.ndarray, " k"],
) -> Float[np.ndarray, "k 2"]:
    """Return where the lids' linings take their colour from: the skin just below the middle of the lower lid."""
    sides = np.sign(places[lids, 0])[:, None]
    below = np.array([[side * _BELOW_LID[0], *_BELOW_LID[1:]] for side in (-1, 1)])
    left, right = (uv[skin[np.linalg.norm(places[skin] - place, axis=1).argmin()]] for place in below)
    return np.where(sides < 0, left, right)


def _head_quads(mesh: BaseMesh) -> tuple[np.ndarray, np.ndarray]:
    body = mesh.groups["body"]
    middle = mesh.vertices[mesh.quads[body]].mean(1)
    body = body[(middle[:, 1] > _LOWEST_Y) & (np.abs(middle[:, 0]) < _WIDEST_X)]
    chosen, materials = [body], [np.full(len(body), int(Material.SKIN))]
    for name, material in _HELPERS.items():
        chosen.append(mesh.groups[name])
        materials.append(np.full(len(mesh.groups[name]), int(material)))
    return np.concatenate(chosen), np.concatenate(materials)


@cache
def eye_vertices() -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Return the base vertices of the subject's left and right eyeball."""
    mesh = base_mesh()
    left, right = (np.unique(mesh.quads[mesh.groups[name]]) for name in ("helper-l-eye", "helper-r-eye"))
    return left, right
