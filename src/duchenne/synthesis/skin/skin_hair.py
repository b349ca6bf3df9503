"""Hair painted on the skin: the hairs of brows, scalp and beard, and the dark line of the lashes along the lids."""

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.person.identity import Identity
from duchenne.synthesis.rig.landmark_vertices import lid_paths
from duchenne.synthesis.rig.smooth_step import smooth_step
from duchenne.synthesis.skin.skin_maps import Map, furrow, lip_mask, noise, over, ridge

HAIR_COLOURS = ((28, 24, 22), (48, 36, 28), (82, 58, 38), (124, 92, 58), (176, 148, 104), (120, 62, 36))
GREY_HAIR = (150, 148, 146)
BROW_Y = 7.445
"""Height of the brows' middle in the base mesh, decimetres."""


def hair_colour(identity: Identity, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Return the colour of a person's hair, 0-255; grey comes with age."""
    if identity.age > 50 and rng.random() < (identity.age - 45) / 35:
        return np.array(GREY_HAIR) * rng.uniform(0.55, 1.25) * (1.0 if identity.tone < 7 else 0.75)
    last = 2 if identity.tone > 5 else len(HAIR_COLOURS)
    darker = 1.0 if identity.tone < 8 else 0.5
    return np.array(HAIR_COLOURS[rng.integers(last)]) * rng.uniform(0.75, 1.25) * darker


def scalp_of(x: np.ndarray, y: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> Map:
    """Return 0-1 where head hair grows: above a line over the forehead, behind the temples, down to the nape."""
    line = 7.93 + rng.uniform(-0.08, 0.1) - 0.35 * smooth_step(-z, -0.75, 0.1) - 0.9 * smooth_step(-z, -0.1, 0.6)
    ear = ridge(np.abs(x) - 0.86, 0.1) * ridge(y - 7.05, 0.35) * ridge(z + 0.02, 0.25)
    edge = 0.03 * noise(rng, 2)
    grown = smooth_step(y - line - 0.12 * smooth_step(np.abs(x), 0.5, 0.75) * (z > 0.3) + edge, -0.03, 0.05)
    return grown * (y < 90) * (1 - np.clip(2 * ear, 0, 1))


def grow_beard(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, hair: np.ndarray,
    x: np.ndarray, y: np.ndarray, z: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the colour with stubble or a beard on some men."""
    if identity.sex != "male" or rng.random() < 0.3:
        return colour
    ax = np.abs(x)
    jaw = smooth_step(-(y - 6.85 - 0.35 * smooth_step(ax, 0.45, 0.8)), 0.0, 0.12) * smooth_step(y, 5.95, 6.15)
    around = (
        jaw
        * smooth_step(z, -0.1, 0.25)
        * (1 - smooth_step(ax, 0.76, 0.84))
        * (1 - lip_mask())
        * (1 - ridge(ax, 0.09) * ridge(y - 6.44, 0.03))
    )
    style = rng.random()
    if style < 0.2:
        around *= ridge(ax, 0.3)
    grain = np.clip(0.5 + 0.5 * noise(rng, 0.7), 0, 1)
    density = rng.uniform(0.08, 0.35) if rng.random() < 0.6 else rng.uniform(0.5, 0.95)
    return over(colour, hair * 0.8, np.clip(around * density * (0.55 + 0.6 * grain), 0, 1))


def grow_brows(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, hair: np.ndarray, tone: np.ndarray,
    ax: np.ndarray, y: np.ndarray, z: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the colour with brows as many short strokes along an arch."""
    inner, outer = rng.uniform(0.12, 0.17), rng.uniform(0.55, 0.63)
    along = np.clip((ax - inner) / (outer - inner), -0.2, 1.2)
    arch = rng.uniform(0.02, 0.06)
    centre = BROW_Y + rng.normal() * 0.01 + arch * np.sin(np.pi * np.clip(along, 0, 1) ** 1.2) - 0.055 * along**2
    widest = rng.uniform(0.022, 0.038) if identity.sex == "female" else rng.uniform(0.032, 0.052)
    thick = widest * (1 - 0.55 * smooth_step(along, 0.45, 1.05))
    body = ridge((y - centre) / thick, 1.0) * smooth_step(along, -0.1, 0.08) * (1 - smooth_step(along, 0.9, 1.08))
    strokes = np.clip(0.85 + 0.3 * _strokes(rng, along, ax, y - centre) + 0.1 * noise(rng, 0.8), 0.25, 1)
    density = np.clip(body * rng.uniform(1.1, 2.0), 0, 1) * strokes * (z > 0.4)
    # Brows are darker than the skin around them, whatever the hair; they turn grey later and less.
    darkest = rng.uniform(0.3, 0.55) if identity.age < 60 else rng.uniform(0.45, 0.8)
    paint = hair * rng.uniform(0.55, 0.9)
    paint = paint * min(1.0, darkest * float(tone.mean()) / max(float(paint.mean()), 1.0))
    return over(colour, paint, np.clip(density * rng.uniform(0.75, 1.0), 0, 1))


def _strokes(rng: np.random.Generator, along: np.ndarray, ax: np.ndarray, up: np.ndarray) -> Map:
    """Return single hairs, -1 to 1: upright at the brow's head, ever flatter towards its tail."""
    lean = np.radians(75 - 60 * np.clip(along, 0, 1))
    across = ax * np.sin(lean) - up * np.cos(lean)
    waver = 0.004 * noise(rng, 3)
    return np.sin(2 * np.pi * (across + waver) / 0.012)


def line_lids(
    colour: np.ndarray, identity: Identity, rng: np.random.Generator, ax: np.ndarray, y: np.ndarray, z: np.ndarray
) -> np.ndarray:
    """Return the colour with the dark line that lashes draw along the lids, stronger above than below."""
    upper, lower = lid_paths()
    made_up = identity.sex == "female" and rng.random() < 0.5
    above = furrow(ax, y, upper, rng.uniform(0.009, 0.014) * (1.4 if made_up else 1.0))
    below = furrow(ax, y, lower, rng.uniform(0.005, 0.009)) * rng.uniform(0.15, 0.55)
    lines = np.clip(above * rng.uniform(0.75, 1.1) + below, 0, 1) * (z > 0.4)
    return over(colour, np.array([22, 18, 16]), lines)
