"""From AU intensities to a moved face: recipes over expression units, left and right apart, varied by identity.

Side keys: units named "*Left"/"*Right" or "left"/"right" exist per side; a unit without sides is split at the
midline where an AU differs between the sides. Weights are for intensity E (5); an AU at intensity i gives i / 5 of it.

Source of the directions: Ekman, Friesen and Hager, FACS manual (2002). The weights are ours, tuned by eye.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from jaxtyping import Float

from duchenne.facs import ACTION_UNITS, AU_NAMES
from duchenne.synthesis.identity import Identity
from duchenne.synthesis.rig import Displacement, Vertices, base_mesh, displacement

MAX_INTENSITY = 5.0
Sides = tuple[float, float]
"""Intensity 0-5 on the subject's left and right."""

_RECIPES: dict[str, dict[str, float]] = {
    "AU01": {"browInnerUp": 1.0, "mh:eyebrows-*-inner-up": 0.9},
    "AU02": {"browOuterUp*": 0.75, "mh:eyebrows-*-extern-up": 0.55},
    "AU04": {"browDown*": 0.9, "mh:eyebrows-*-down": 0.35, "own:brow-adduction": 1.5},
    "AU05": {"eyeWide*": 1.0, "mh:eye-*-opened-up": 0.25},
    "AU06": {"cheekSquint*": 1.5, "eyeSquint*": 0.3, "own:cheek-lift": 1.3},
    "AU07": {"eyeSquint*": 0.75, "mh:eye-*-slit": 0.75},
    "AU09": {"noseSneer*": 1.5, "mh:nose-*-elevation": 1.2, "own:nose-root-down": 2.0, "own:nasolabial-lift": 1.0},
    "AU10": {"mouthUpperUp*": 0.8, "mh:nose-*-elevation": 0.35, "own:nasolabial-lift": 1.2},
    "AU12": {"mouthSmile*": 0.85},
    "AU14": {"mouthDimple*": 1.4, "own:corner-pit": 1.7},
    "AU15": {"mouthFrown*": 0.75, "mh:mouth-depression": 0.2},
    "AU16": {"mouthLowerDown*": 1.1},
    "AU17": {"mouthShrugLower": 0.95, "mouthShrugUpper": 0.25, "mouthRollLower": 0.15, "own:chin-boss": 0.8},
    "AU18": {"mouthPucker": 1.05, "mh:mouth-pursing": 0.5},
    "AU20": {"mouthStretch*": 1.7, "mouthDimple*": 0.25},
    "AU22": {"mouthFunnel": 1.05},
    "AU23": {"own:lips-tight": 1.4, "mouthRollUpper": 0.15, "mouthRollLower": 0.12, "mh:mouth-compression": 0.1},
    "AU24": {"own:lips-pressed": 1.5, "mouthRollLower": 0.15, "mouthRollUpper": 0.12},
    "AU25": {"mouthLowerDown*": 0.6, "mouthUpperUp*": 0.45, "mh:mouth-parling": 0.7},
    "AU26": {"jawOpen": 0.55},
    "AU27": {"jawOpen": 1.1, "mouthStretch*": 0.1},
    "AU28": {"mouthRollLower": 1.4, "mouthRollUpper": 1.3, "jawOpen": 0.1},
    "AU43": {"eyeBlink*": 1.0},
}
_REST = {
    "browDown*": 0.10, "browOuterUp*": 0.08, "mouthFrown*": 0.06, "mouthSmile*": 0.05, "eyeSquint*": 0.10,
    "mouthShrugLower": 0.06, "mouthRollLower": 0.08, "mouthRollUpper": 0.08, "cheekPuff": 0.10, "jawForward": 0.10,
    "jawLeft": 0.05, "eyeBlink*": 0.10, "mouthPress*": 0.06,
}  # fmt: skip
"""Spread of the resting face: below intensity A, different in every person, and no AU."""

_LIP_Y = 6.608
"""Height of the mouth's seam in the base mesh, decimetres; the corners lie at |x| = .26."""


@dataclass(frozen=True)
class Habit:
    """How one person moves: factors on the units, a resting face, and which side leads.

    Attributes:
        factors: Factor on each unit of each recipe, keyed "AU12/mouthSmile*".
        rest: Weights of the resting face by unit, sides resolved.
        side: Factor on the left and on the right side.
        reach: Factor on each AU as a whole.
        closing: Weight of the blink units, left and right, at which the lids meet.
    """

    factors: Mapping[str, float]
    rest: Mapping[str, float]
    side: Sides
    reach: Mapping[str, float] = field(default_factory=dict)
    closing: Sides = (1.0, 1.0)


def draw_habit(identity: Identity) -> Habit:
    """Return how a person moves their face."""
    rng = np.random.default_rng([identity.subject, 2])
    factors = {f"{au}/{unit}": float(np.exp(rng.normal() * 0.28)) for au, units in _RECIPES.items() for unit in units}
    for au, units in _RECIPES.items():
        silent = [unit for unit in list(units)[1:] if rng.random() < 0.12]
        factors.update({f"{au}/{unit}": 0.0 for unit in silent})
    rest: dict[str, float] = {}
    for unit, spread in _REST.items():
        value = float(np.clip(rng.normal(), -2, 2)) * spread
        if not unit.startswith("brow"):
            value = abs(value)
        for name, side_value in _resolve(unit, (value, value * rng.uniform(0.7, 1.1))):
            rest[name] = side_value
    reach = {au: float(np.clip(np.exp(rng.normal() * 0.12), 0.8, 1.25)) for au in AU_NAMES}
    side = (1.0, 1.0) if rng.random() < 0.5 else (1.0, float(rng.uniform(0.85, 1.0)))
    return Habit(factors, rest, side if rng.random() < 0.5 else side[::-1], reach)


def unit_weights(aus: Mapping[str, Sides], habit: Habit) -> dict[str, float]:
    """Return the weight of each unit, sides resolved, for AU intensities 0-5 per side."""
    weights = dict(habit.rest)
    for au, (left, right) in aus.items():
        if au == "AU43":
            continue
        reach = habit.reach.get(au, 1.0)
        for unit, weight in _RECIPES[au].items():
            scale = weight * habit.factors[f"{au}/{unit}"] * reach / MAX_INTENSITY
            both = (left * scale * habit.side[0], right * scale * habit.side[1])
            for name, value in _resolve(unit, both):
                weights[name] = weights.get(name, 0.0) + value
    # A lid that is closed cannot close further: blinking and squinting together stay within the eye.
    for side, intensity, closing in zip(("Left", "Right"), aus.get("AU43", (0.0, 0.0)), habit.closing, strict=True):
        shut = min(intensity / MAX_INTENSITY, 1.0)
        blink = f"eyeBlink{side}"
        weights[blink] = weights.get(blink, 0.0) * (1 - shut) + closing * shut
        for lid in (f"eyeSquint{side}", f"mh:eye-{side.lower()}-slit"):  # A narrow eye has less way to go.
            weights[lid] = weights.get(lid, 0.0) * (1 - shut) * min(closing, 1.1)
    return weights


def _resolve(unit: str, sides: Sides) -> list[tuple[str, float]]:
    """Return (unit, weight) with the star replaced by a side, or the unit split at the midline."""
    left, right = sides
    if "*" in unit:
        words = ("left", "right") if unit.startswith("mh:") else ("Left", "Right")
        return [(unit.replace("*", words[0]), left), (unit.replace("*", words[1]), right)]
    if left == right:
        return [(unit, left)]
    return [(f"{unit}@left", left), (f"{unit}@right", right)]


def express(vertices: Vertices, weights: Mapping[str, float]) -> Vertices:
    """Return the head moved by weighted units."""
    moved = vertices.copy()
    for name, weight in weights.items():
        if abs(weight) > 1e-5:
            target = unit(name)
            moved[target.index] += weight * target.shift
    return moved


@cache
def unit(name: str) -> Displacement:
    """Return an expression unit: ARKit-style, "mh:..." of MakeHuman, or "own:..."; "@left" takes one side."""
    stem, _, side = name.partition("@")
    if side:
        left = 0.5 + 0.5 * np.tanh(base_mesh().vertices[:, 0] / 0.12)
        return unit(stem).mirrored_mask(left if side == "left" else 1 - left)
    if stem.startswith("mh:"):
        return displacement(f"mpfb2/targets/expression/units/caucasian/{stem[3:]}")
    if stem.startswith("own:"):
        return _own_units()[stem[4:]]
    return displacement(f"faceunits01/targets/faceunits/{stem}")


def _bump(d: Float[np.ndarray, " v"], width: float) -> Float[np.ndarray, " v"]:
    return np.exp(-((d / width) ** 2))


@cache
def _own_units() -> dict[str, Displacement]:
    """Return the displacements that no rig has, written as smooth fields over the base mesh."""
    v = base_mesh().vertices
    x, y, z = v.T
    ax, inwards = np.abs(x), -np.sign(x)
    front = 0.5 + 0.5 * np.tanh((z - 0.75) / 0.16)
    lips = _bump(y - _LIP_Y, 0.14) * _bump(ax / 1.0, 0.33) * front
    red = _bump(y - _LIP_Y, 0.085) * _bump(ax, 0.3) * front
    upper = 0.5 + 0.5 * np.tanh((y - _LIP_Y) / 0.016)
    to_seam = (_LIP_Y - y) * red
    brow = _bump(y - 7.42, 0.13) * front
    nose_side = _bump(y - 6.98, 0.12) * _bump(ax - 0.2, 0.11) * front
    fields = {
        # Brow heads towards the midline and a little down, skin between them bulging forwards.
        "brow-adduction": (inwards * 0.055 * _bump(ax - 0.2, 0.14) * brow, -0.012 * _bump(ax - 0.2, 0.16) * brow,
                           0.014 * _bump(ax, 0.09) * brow),
        # Infraorbital triangle up and out: AU6's pouch below the lid.
        "cheek-lift": (0 * x, 0.045 * _bump(y - 7.08, 0.14) * _bump(ax - 0.44, 0.2) * front,
                       0.03 * _bump(y - 7.08, 0.12) * _bump(ax - 0.42, 0.18) * front),
        "nose-root-down": (inwards * 0.012 * _bump(y - 7.4, 0.12) * _bump(ax - 0.15, 0.12) * front,
                           -0.028 * _bump(y - 7.4, 0.12) * _bump(ax, 0.2) * front,
                           0.012 * _bump(y - 7.28, 0.08) * _bump(ax, 0.1) * front),
        # The nasolabial fold's upper part and the lip's middle go up.
        "nasolabial-lift": (0 * x, 0.04 * nose_side + 0.028 * _bump(y - 6.70, 0.07) * _bump(ax - 0.1, 0.13) * front,
                            0.02 * nose_side),
        # Corners drawn in against the teeth, a pit beside them.
        "corner-pit": (0 * x, 0 * x, -0.05 * _bump(y - _LIP_Y, 0.07) * _bump(ax - 0.29, 0.06) * front),
        # The chin's boss flattens and rises.
        "chin-boss": (0 * x, 0.03 * _bump(y - 6.36, 0.1) * _bump(ax, 0.2) * front,
                      0.02 * _bump(y - 6.38, 0.06) * _bump(ax, 0.14) * front),
        # AU23: the red parts narrow towards the seam, the mouth shortens, the rim hardens outwards.
        "lips-tight": (inwards * 0.04 * _bump(ax - 0.25, 0.14) * lips, 0.62 * to_seam,
                       0.02 * lips * _bump(ax, 0.2)),
        # AU24: both lips press flat against each other; the mouth neither shortens nor rolls in.
        "lips-pressed": (0 * x, 0.42 * to_seam + 0.018 * (1 - 2 * upper) * lips * 0.5,
                         -0.045 * red * _bump(ax, 0.26)),
    }  # fmt: skip
    return {name: _sparse(np.stack(parts, 1)) for name, parts in fields.items()}


def _sparse(shift: Float[np.ndarray, "v 3"]) -> Displacement:
    index = np.flatnonzero(np.abs(shift).max(1) > 1e-4)
    return Displacement(index, shift[index])


def gaze_units(right_deg: float, up_deg: float) -> dict[str, float]:
    """Return the lid units that follow the gaze (to the image's right, upwards), degrees up to 30."""
    across, along = np.clip(right_deg / 30, -1, 1), np.clip(up_deg / 30, -1, 1)
    outwards, inwards = ("Left", "Right") if across > 0 else ("Right", "Left")
    vertical = "Up" if along > 0 else "Down"
    weights = {f"eyeLookOut{outwards}": abs(across), f"eyeLookIn{inwards}": abs(across)}
    return {**weights, **{f"eyeLook{vertical}{side}": abs(float(along)) for side in ("Left", "Right")}}


def recipe_aus() -> tuple[str, ...]:
    """Return the AUs that have a recipe; all of `facs.ACTION_UNITS`."""
    return tuple(au.name for au in ACTION_UNITS if au.name in _RECIPES)
