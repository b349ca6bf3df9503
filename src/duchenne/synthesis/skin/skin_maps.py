"""Where things lie in the head's texture, and the shapes and the noise that it is painted with."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.errors import SynthesisError
from duchenne.synthesis.raster.rasteriser import FAR, fill_buffers
from duchenne.synthesis.rig.head_data import head_data
from duchenne.synthesis.rig.mesh import base_mesh
from duchenne.synthesis.rig.parts import UV_BOX, Material, head_parts
from duchenne.synthesis.skin.skin_loops import furrows, lay_over, ridges

COLUMNS, ROWS = 512, 960
Map = Float[np.ndarray, "960 512"]


@cache
def position_map() -> Float[np.ndarray, "960 512 3"]:
    """Return the neutral base mesh's position under each texel of the head's texture; far away where there is none."""
    parts = head_parts()
    triangles = parts.triangles[parts.material == Material.SKIN].astype(np.int32)
    screen = np.column_stack([parts.uv * [COLUMNS, ROWS], np.ones(len(parts.uv))]).astype(np.float32)
    depth = np.full((ROWS, COLUMNS), FAR, np.float32)
    owner = np.full((ROWS, COLUMNS), -1, np.int32)
    bary = np.zeros((ROWS, COLUMNS, 2), np.float32)
    none = np.zeros(len(triangles), np.uint8)
    fill_buffers(screen, triangles, none, depth, owner, bary)
    corners = base_mesh().vertices[parts.vertex[triangles[np.maximum(owner, 0)]]]
    weights = np.concatenate([bary, 1 - bary.sum(2, keepdims=True)], 2)
    places = (corners * weights[..., None]).sum(2)
    places[owner < 0] = 99.0
    return places.astype(np.float32)


@cache
def places() -> tuple[Map, Map, Map, Map]:
    """Return x, y, z and |x| of `position_map`, each in one piece."""
    x, y, z = (np.ascontiguousarray(position_map()[..., axis]) for axis in range(3))
    return x, y, z, np.abs(x)


@cache
def lip_mask() -> Map:
    """Return 0-1, one on the red of the lips."""
    picture = cv2.imdecode(head_data().lips, cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SynthesisError("The picture of the lips is damaged. Install the package again: pip install duchenne.")
    side = picture.shape[0]
    left, low, right, high = (int(v * side) for v in UV_BOX)
    crop = cv2.resize(picture[::-1][low:high, left:right], (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(crop.astype(np.float32) / 255, (0, 0), 1.2)


def ridge(x: np.ndarray, width: float) -> np.ndarray:
    """Return a Gaussian bump of a given half width."""
    flat, out = _flat(x), np.empty(x.shape, np.float32)
    ridges(flat, width, out.reshape(-1))
    return out


def _flat(x: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.ascontiguousarray(x, np.float32).reshape(-1)


def noise(rng: np.random.Generator, sigma: float) -> Map:
    """Return smooth noise of unit spread: one field for each smoothness, turned over and shifted at random."""
    field = _field(sigma)
    field = field[:: 1 - 2 * int(rng.integers(2)), :: 1 - 2 * int(rng.integers(2))]
    return np.roll(field, (int(rng.integers(ROWS)), int(rng.integers(COLUMNS))), (0, 1))


@cache
def _field(sigma: float) -> Map:
    """Return noise whose opposite edges meet; coarse noise is made small and enlarged."""
    shrink = max(1, int(sigma / 2))
    rows, columns = (-(-side // shrink) for side in (ROWS, COLUMNS))
    edge = int(4 * sigma / shrink) + 4
    small = np.random.default_rng([9, round(10 * sigma)]).normal(size=(rows, columns)).astype(np.float32)
    blurred = cv2.GaussianBlur(np.pad(small, edge, "wrap"), (0, 0), sigma / shrink)
    large = cv2.resize(blurred, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_CUBIC)
    out = large[edge * shrink :, edge * shrink :][:ROWS, :COLUMNS]
    return np.ascontiguousarray(out / out.std())


def over(colour: np.ndarray, paint: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return colour with paint, one or one for each texel, laid over it."""
    out = np.array(colour, np.float32)
    lay_over(out.reshape(-1, 3), _flat(np.asarray(paint)).reshape(-1, 3), _flat(opacity))
    return out


def furrow(ax: np.ndarray, y: np.ndarray, path: list[tuple[float, float]], width: float) -> np.ndarray:
    """Return a furrow of a given half width along a polyline of (|x|, y)."""
    out = np.empty(ax.shape, np.float32)
    furrows(_flat(ax), _flat(y), np.array(path, np.float32), np.float32(width), out.reshape(-1))
    return out
