"""Skin, lips, brows, beard and wrinkles painted procedurally in the head's texture; nothing is photographed.

A texture has four channels: red, green, blue (as the square root of reflectance) and height (128 is the plain skin).

Source: Monk Skin Tone scale (Monk, 2019) for the ten tones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from duchenne.synthesis.person.expression import Sides
from duchenne.synthesis.person.identity import Identity
from duchenne.synthesis.rig.smooth_step import smooth_step
from duchenne.synthesis.skin.creases import creased
from duchenne.synthesis.skin.skin_hair import grow_beard, grow_brows, hair_colour, line_lids, scalp_of
from duchenne.synthesis.skin.skin_loops import add_folds, cut_in, fold_texture
from duchenne.synthesis.skin.skin_maps import COLUMNS, ROWS, Map, lip_mask, noise, over, places, ridge
from duchenne.synthesis.skin.wrinkles import wrinkles_of

MONK_TONES = (
    (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
    (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
)  # fmt: skip


_LOST_TO_BLOOD = ((0.03, 0.03, 0.0, -0.12), (0.16, 0.13, 0.05, 0.03), (0.23, 0.18, 0.04, 0.12))
"""What living skin lacks of a swatch's red, green and blue, at tones 1, 4, 6 and 9."""


_LOSS, _DROP = np.array([0.20, 0.28, 0.30], np.float32), np.float32(34)
"""What the deepest furrow takes of red, green and blue, and of the height."""


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


def lost_to_blood(tone: int) -> Float[np.ndarray, "3"]:
    """Return what share of a swatch's red, green and blue living skin of a tone lacks."""
    return np.array([np.interp(tone, (1, 4, 6, 9), loss) for loss in _LOST_TO_BLOOD])


def paint_skin(identity: Identity) -> Skin:
    """Return the painted head of a person; the same seed gives the same bytes."""
    rng = np.random.default_rng([identity.subject, 3])
    x, y, z, ax = places()
    tone = np.array(MONK_TONES[identity.tone - 1], float) * rng.uniform(0.88, 1.02)
    tone = tone * (1 + 0.015 * rng.normal(size=3)) + (tone.mean() - tone) * rng.uniform(0, 0.2)
    tone = tone * (1 - lost_to_blood(identity.tone) * rng.uniform(0.6, 1.2))
    hair = hair_colour(identity, rng)
    colour = np.broadcast_to(tone.astype(np.float32), (ROWS, COLUMNS, 3)).copy()
    colour = _mottle(colour, identity, rng, x, y, z)
    colour = _lips(colour, identity, rng, tone)
    scalp = scalp_of(x, y, z, rng)
    bald = identity.sex == "male" and rng.random() < 0.15 + 0.25 * (identity.age > 50)
    if not bald:
        colour = over(colour, hair * 0.9, scalp * 0.9)
    colour = grow_beard(colour, identity, rng, hair, x, y, z)
    colour = grow_brows(colour, identity, rng, hair, tone, ax, y, z)
    colour = line_lids(colour, identity, rng, ax, y, z)
    height = 128 + 1.6 * noise(rng, 0.9) * (0.5 + identity.age / 80)
    wrinkles, creases = creased(wrinkles_of(rng), identity, ax, y, z)
    depth = float(np.clip((identity.age - 8) / 55, 0.45, 1.1) * rng.uniform(0.7, 1.1))
    aged = np.clip((identity.age - 30) / 40, 0, 1)
    lines = sum(rng.uniform(0, 0.8) * wrinkles[au] for au in ("AU01", "AU02", "AU04", "AU06", "AU12", "AU15"))
    colour, height = carve(colour, height, aged * lines * rng.uniform(0.3, 0.9) + creases, depth)
    texture = np.dstack([colour, height])
    return Skin(
        np.clip(texture, 0, 255).astype(np.uint8), wrinkles, depth, hair, np.zeros_like(scalp) if bald else scalp,
        float(rng.uniform(0.3, 0.9) * (1 + 0.05 * identity.tone)),
    )  # fmt: skip


def carve(colour: np.ndarray, height: np.ndarray, furrow: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Return colour and height with furrows cut in: darker, redder ground and a lower surface."""
    out, low = np.array(colour, np.float32), np.array(height, np.float32)
    cut_in(
        out.reshape(-1, 3), low.reshape(-1), np.ascontiguousarray(furrow, np.float32).reshape(-1), np.float32(depth),
        _LOSS, _DROP,
    )  # fmt: skip
    return out, low


def with_wrinkles(skin: Skin, aus: Mapping[str, Sides]) -> UInt8[np.ndarray, "960 512 4"]:
    """Return the texture with the wrinkles that AU intensities 0-5 per side call up."""
    active = [(au, sides) for au, sides in aus.items() if au in skin.wrinkles and max(sides) > 0.2]
    if not active:
        return skin.texture
    left = _left_side().reshape(-1)
    folds = np.zeros(ROWS * COLUMNS, np.float32)
    for au, sides in active:
        on_left, on_right = (np.float32((min(v, 5.0) / 5) ** 1.2) for v in sides)
        add_folds(folds, skin.wrinkles[au].reshape(-1), left, on_left, on_right)
    out = skin.texture.copy()
    fold_texture(out.reshape(-1, 4), folds, np.float32(1.2), np.float32(skin.depth), _LOSS, _DROP)
    return out


@cache
def _left_side() -> Float[np.ndarray, "960 512"]:
    return smooth_step(places()[0], -0.05, 0.05)


def _mottle(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    light = 1 + 0.020 * noise(rng, 12) + 0.015 * noise(rng, 3) + 0.012 * noise(rng, 0.8)
    rosy, over_eye, under_eye, corner, nostril = _regions()
    red = 1 - rosy * np.float32(rng.uniform(0.03, 0.16) * (1.1 - identity.tone / 14))
    over_share, under_share = np.float32(rng.uniform(0.1, 0.34)), np.float32(rng.uniform(0.02, 0.16))
    socket = over_eye * over_share + under_eye * under_share
    socket = np.clip(socket + corner * np.float32(rng.uniform(0.05, 0.25)), 0, 0.5) * _front()
    dark = np.clip(1.6 * nostril * np.float32(rng.uniform(0.45, 0.8)), 0, 0.9)
    spots = _freckles(identity, rng)
    out = np.empty_like(colour)
    for channel, (hollow, hole, freckle) in enumerate(((0.8, 0.9, 0.5), (1.0, 1.0, 0.8), (0.95, 1.0, 1.0))):
        shade = light * (1 - np.float32(hollow) * socket) * (1 - np.float32(hole) * dark)
        if channel:
            shade *= red
        if spots is not None:
            shade *= 1 - np.float32(freckle) * spots
        out[..., channel] = colour[..., channel] * shade
    return out


def _freckles(identity: Identity, rng: np.random.Generator) -> Map | None:
    """Return how dark freckles are where they are, on one in three of those with lighter skin."""
    if rng.random() >= 0.35 or identity.tone >= 7:
        return None
    spots = (rng.random((ROWS, COLUMNS)) < rng.uniform(0.0005, 0.006)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(spots, (0, 0), 0.9) * 4, 0, 1) * np.float32(rng.uniform(0.1, 0.4))


@cache
def _front() -> Map:
    return smooth_step(places()[2], 0.5, 0.9)


@cache
def _regions() -> tuple[Map, Map, Map, Map, Map]:
    """Return where skin is rosy, the hollows over and under the eyes and at their inner corners, and the nostrils."""
    _, y, z, ax = places()
    cheeks = ridge(ax - 0.5, 0.22) * ridge(y - 6.98, 0.2)
    nose = ridge(ax, 0.16) * ridge(y - 6.98, 0.14)
    chin = ridge(ax, 0.2) * ridge(y - 6.36, 0.1)
    beside = ridge(ax - 0.33, 0.24)
    corner = ridge(ax - 0.165, 0.05) * ridge(y - 7.22, 0.1)
    nostril = ridge(ax - 0.092, 0.034) * ridge(y - 6.862, 0.022) * ridge(z - 1.553, 0.04)
    rosy = _front() * (cheeks + nose + np.float32(0.6) * chin)
    return rosy, beside * ridge(y - 7.32, 0.1), beside * ridge(y - 7.14, 0.06), corner, nostril


def lip_colour(identity: Identity, rng: np.random.Generator, tone: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Return the colour of a person's lips, 0-255: their skin's, darker and redder, never greener or yellower.

    Green and blue are drawn as shares of red, since lips whose three channels are drawn apart come out olive at times.
    """
    dark = float(np.interp(identity.tone, (3, 9), (0.0, 1.0)))  # Dark lips are brown rather than pink.
    darker, green, blue = rng.uniform([0.78, 0.66 + 0.08 * dark, 0.98], [0.95, 0.82 + 0.08 * dark, 1.14])
    natural = tone * darker * np.array([1.0, green, green * blue])
    if identity.sex == "female" and rng.random() < 0.25:  # Lipstick, from a tint to a full cover.
        stick = rng.uniform([120, 30, 40], [200, 85, 100]) * (0.45 + 0.55 * tone.mean() / 220)
        natural = natural + (stick - natural) * rng.uniform(0.2, 0.8)
    return natural


def _lips(colour: np.ndarray, identity: Identity, rng: np.random.Generator, tone: np.ndarray) -> np.ndarray:
    mask = lip_mask()
    natural = lip_colour(identity, rng, tone)
    streaks = 1 + 0.05 * noise(rng, 1.2)
    return over(colour, natural * streaks[..., None], mask * rng.uniform(0.75, 0.95))
