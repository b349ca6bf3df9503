"""From AU intensities to a moved face, brows to lips: AU-to-blendshape maps, left and right apart, varied by identity.

Blendshapes named "*" exist per side; one without sides is split at the midline where an AU differs between sides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES
from duchenne.synthesis.person.identity import ANCESTRIES, Identity
from duchenne.synthesis.rig.au_map import (
    ARKIT,
    JOINT,
    MPFB,
    OTHER_MOTION,
    TOGETHER,
    VARIED,
    BlendshapeWeights,
    MapStyle,
)
from duchenne.synthesis.rig.blendshapes import blendshape
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices
from duchenne.synthesis.rig.mesh import Vertices

MAX_INTENSITY = 5.0
_LANDMARK_WEIGHT = 20.0
Sides = tuple[float, float]
"""Intensity 0-5 on the subject's left and right."""

_REST = {
    "browDown*": 0.10, "browOuterUp*": 0.08, "eyeSquint*": 0.10, "mouthShrugLower": 0.06, "mouthRollLower": 0.08,
    "mouthRollUpper": 0.08, "cheekPuff": 0.10, "jawForward": 0.10, "jawLeft": 0.05, "eyeBlink*": 0.10,
    "mouthPress*": 0.04,
}  # fmt: skip
"""Spread of the resting face: below intensity A, different in every person, and no AU."""


@dataclass(frozen=True)
class ExpressionGains:
    """How one person moves: their AU-to-blendshape maps, a resting face, and which side leads.

    Attributes:
        au_maps: Weights of the blendshapes of each AU at intensity E; MPFB2's ("mh:") carry their ancestry.
        rest: Weights of the resting face by blendshape, sides resolved.
        side: Factor on the left and on the right side.
        gain: Factor on each AU as a whole.
        closing: Weight of the blink blendshapes, left and right, at which the lids meet.
        ancestry: Whose "mh:" blendshapes this person has where AUs meet.
    """

    au_maps: Mapping[str, BlendshapeWeights]
    rest: Mapping[str, float]
    side: Sides
    gain: Mapping[str, float] = field(default_factory=dict)
    closing: Sides = (1.0, 1.0)
    ancestry: str = ANCESTRIES[0]


def draw_gains(identity: Identity) -> ExpressionGains:
    """Return how a person moves their face."""
    rng = np.random.default_rng([identity.subject, 2])
    au_maps = {au: _draw_map(rng, au, identity) for au in AU_NAMES}
    rest: dict[str, float] = {}
    for name, spread in _REST.items():
        value = float(np.clip(rng.normal(), -2, 2)) * spread
        if not name.startswith("brow"):
            value = abs(value)
        for sided, side_value in _resolve(name, (value, value * rng.uniform(0.7, 1.1))):
            rest[sided] = side_value
    gain = {au: float(np.clip(np.exp(rng.normal() * 0.14), 0.75, 1.3)) for au in AU_NAMES}
    side = (1.0, 1.0) if rng.random() < 0.5 else (1.0, float(rng.uniform(0.85, 1.0)))
    ancestry = max(ANCESTRIES, key=lambda name: identity.ancestry[name])
    usual = 0.7 * identity.ancestry["asian"] + 0.3 * max(0.0, identity.age - 40) / 30
    rest["own:hood"] = float(np.clip(usual + 0.6 * rng.normal(), -0.8, 2.0))
    return ExpressionGains(au_maps, rest, side if rng.random() < 0.5 else side[::-1], gain, ancestry=ancestry)


def _draw_map(rng: np.random.Generator, au: str, identity: Identity) -> BlendshapeWeights:
    """Return one person's map of an AU: a style or a blend, with blendshapes that take part more or less.

    The strength is that of the blended styles, so nobody's movement vanishes because the blendshapes that they use
    happen to be weak; those that carry less than half of the strongest one may be silent. `au_map.VARIED` turns the
    direction.
    """
    blend = {MapStyle.ARKIT: 0.0, MapStyle.MPFB: 1.0}.get(identity.au_map)
    drawn = float(np.clip(rng.uniform(-0.3, 1.3), 0, 1))
    blend = drawn if blend is None else blend
    main = max(ANCESTRIES, key=lambda name: identity.ancestry[name])
    ancestry = main if rng.random() < 0.6 else str(rng.choice(ANCESTRIES))
    arkit, mpfb = (_of_ancestry(au_maps[au], ancestry) for au_maps in (ARKIT, MPFB))
    wanted = (1 - blend) * strength(arkit) + blend * strength(mpfb)
    mixed = {name: (1 - blend) * arkit.get(name, 0.0) + blend * mpfb.get(name, 0.0) for name in {**arkit, **mpfb}}
    parts = {name: strength({name: weight}) for name, weight in mixed.items()}
    personal = {}
    for name, weight in mixed.items():
        factor = float(np.exp(rng.normal() * 0.28))
        minor = parts[name] < 0.5 * max(parts.values()) and not name.startswith("own:")
        silent = rng.random() < 0.12 and minor
        personal[name] = 0.0 if silent else weight * factor
    scale = wanted / max(strength(personal), 1e-9)
    personal = {name: weight * float(np.clip(scale, 0.5, 2.0)) for name, weight in personal.items()}
    for name, spread in VARIED.get(au, {}).items():
        personal[name] = personal.get(name, 0.0) + spread * float(np.clip(rng.normal(), -1.8, 1.8))
    return {name: weight for name, weight in personal.items() if abs(weight) > 0.01}


def _of_ancestry(au_map: BlendshapeWeights, ancestry: str) -> BlendshapeWeights:
    return {name.replace("mh:", f"mh:{ancestry}/"): weight for name, weight in au_map.items()}


def strength(au_map: BlendshapeWeights) -> float:
    """Return the root of the summed squares of a map's displacements on the subject's left, decimetres.

    Landmarks count `_LANDMARK_WEIGHT` times: what moves them is what is seen first.
    """
    names = [name for name, weight in au_map.items() if weight]
    weights = np.array([au_map[name] for name in names])
    products = np.array([[_product(one, other) for other in names] for one in names]).reshape(len(names), len(names))
    return float(np.sqrt(max(weights @ products @ weights, 0.0)))


@cache
def _product(one: str, other: str) -> float:
    if one > other:
        return _product(other, one)
    (first, _), (second, _) = _resolve(one, (1.0, 0.0))[0], _resolve(other, (1.0, 0.0))[0]
    a, b = blendshape(first), blendshape(second)
    _, at_a, at_b = np.intersect1d(a.index, b.index, return_indices=True)
    products = (a.shift[at_a] * b.shift[at_b]).sum(1)
    return float(products.sum() + _LANDMARK_WEIGHT * products[np.isin(a.index[at_a], landmark_vertices())].sum())


def blendshape_weights(aus: Mapping[str, Sides], gains: ExpressionGains) -> dict[str, float]:
    """Return the weight of each blendshape, sides resolved, for intensities 0-5 per side.

    Args:
        aus: By AU name; also movements of `au_map.OTHER_MOTION` by theirs.
        gains: Whose face it is.

    Raises:
        UsageError: There is no such movement.
    """
    weights = dict(gains.rest)
    for name, sides in _moves(aus, gains):
        for sided, value in _resolve(name, sides):
            weights[sided] = weights.get(sided, 0.0) + value
    # A lid that is closed cannot close further: blinking and squinting together stay within the eye.
    for side, intensity, closing in zip(("Left", "Right"), aus.get("AU43", (0.0, 0.0)), gains.closing, strict=True):
        shut = min(intensity / MAX_INTENSITY, 1.0)
        blink = f"eyeBlink{side}"
        weights[blink] = weights.get(blink, 0.0) * (1 - shut) + closing * shut
        slits = [f"mh:{ancestry}/eye-{side.lower()}-slit" for ancestry in ANCESTRIES]
        for lid in (f"eyeSquint{side}", *slits):  # A narrow eye has less way to go.
            weights[lid] = weights.get(lid, 0.0) * (1 - shut) * min(closing, 1.1)
    return weights


def _moves(aus: Mapping[str, Sides], gains: ExpressionGains) -> Iterator[tuple[str, Sides]]:
    """Yield blendshapes with the weight on either side, before sides are resolved."""
    for au, sides in aus.items():
        au_map = gains.au_maps.get(au) or OTHER_MOTION.get(au)
        if au_map is None:
            raise UsageError(f"There is no action unit {au!r} here. Known: {' '.join((*AU_NAMES, *OTHER_MOTION))}.")
        if au != "AU43":
            gain = gains.gain.get(au, 1.0) / MAX_INTENSITY
            left, right = (sides[k] * _in_company(au, aus, k) * gain * gains.side[k] for k in (0, 1))
            yield from ((name, (left * weight, right * weight)) for name, weight in au_map.items())
    for (one, other), au_map in JOINT.items():
        if one in aus and other in aus:
            left, right = (float(np.sqrt(aus[one][k] * aus[other][k])) * gains.side[k] / MAX_INTENSITY for k in (0, 1))
            for name, weight in _of_ancestry(au_map, gains.ancestry).items():
                yield name, (left * weight, right * weight)


def _in_company(au: str, aus: Mapping[str, Sides], side: int) -> float:
    """Return the factor on an AU for the others that pull the same skin."""
    factor = 1.0
    for (first, second), least in TOGETHER.items():
        if first == au and second in aus:
            factor *= 1 - (1 - least) * min(aus[second][side] / MAX_INTENSITY, 1.0)
    return factor


def _resolve(name: str, sides: Sides) -> list[tuple[str, float]]:
    """Return (blendshape, weight) with the star replaced by a side, or the blendshape split at the midline."""
    left, right = sides
    if "*" in name:
        words = ("left", "right") if name.startswith("mh:") else ("Left", "Right")
        return [(name.replace("*", words[0]), left), (name.replace("*", words[1]), right)]
    if left == right:
        return [(name, left)]
    return [(f"{name}@left", left), (f"{name}@right", right)]


def express(vertices: Vertices, weights: Mapping[str, float]) -> Vertices:
    """Return the head moved by weighted blendshapes."""
    moved = vertices.copy()
    for name, weight in weights.items():
        if abs(weight) > 1e-5:
            target = blendshape(name)
            moved[target.index] += weight * target.shift
    return moved


def gaze_blendshapes(right_deg: float, up_deg: float) -> dict[str, float]:
    """Return the lid blendshapes that follow the gaze (to the image's right, upwards), degrees up to 30."""
    across, along = np.clip(right_deg / 30, -1, 1), np.clip(up_deg / 30, -1, 1)
    outwards, inwards = ("Left", "Right") if across > 0 else ("Right", "Left")
    vertical = "Up" if along > 0 else "Down"
    weights = {f"eyeLookOut{outwards}": abs(across), f"eyeLookIn{inwards}": abs(across)}
    return {**weights, **{f"eyeLook{vertical}{side}": abs(float(along)) for side in ("Left", "Right")}}
