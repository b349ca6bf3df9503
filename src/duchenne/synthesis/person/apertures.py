"""Openings of eyes and mouth: lids that meet, lips that part, in every person; no skin sinks into an eyeball."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.facs import MOUTH_CORNERS, OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT
from duchenne.synthesis.person.expression import MAX_INTENSITY, ExpressionGains, Sides, blendshape_weights, draw_gains
from duchenne.synthesis.person.identity import Identity
from duchenne.synthesis.rig.blendshapes import blendshape
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices
from duchenne.synthesis.rig.mesh import Vertices, base_mesh
from duchenne.synthesis.rig.parts import eye_vertices

_LIDS = {"Left": ((26, 30), (27, 29)), "Right": ((21, 23), (20, 24))}
"""Landmarks of the upper and the lower lid that meet, on the subject's sides."""
_CLEARANCE = 1.07
"""Least distance of a lid from the eyeball's centre, in radii; the cornea stands out by 6%."""
_REACH = 1.6
_LIPS = (44, 47)
_PARTED = (0.065, 0.1)
"""Least and most by which lips part at AU25's intensity E without a jaw drop, shares of the outer-eye distance. Ours:
those of ARKit-like rigs part by .07 where the upper lip takes an eighth of it."""
_CORNER_SPREAD = 0.006
"""Spread of the height of resting mouth corners over the seam, decimetres; level on average, so no face rests sad."""
_OPENINGS = {"AU06": (0.70, 0.0), "AU07": (0.60, 0.0), "AU05": (1.0, 0.036)}
"""What is left of the eye's opening at intensity E (factor) and what is added to it (decimetres)."""
_EAGERNESS = (0.8, 1.2)
"""Least and most of that, by person."""


def fitted_gains(identity: Identity) -> ExpressionGains:
    """Return how a person moves, fitted to their head."""
    return fitted(draw_gains(identity), identity.vertices, np.random.default_rng([identity.subject, 10]))


def fitted(gains: ExpressionGains, neutral: Vertices, rng: np.random.Generator) -> ExpressionGains:
    """Return the gains with openings that say how strong a movement is, whatever the shape of eyes and mouth.

    Resting mouth corners are level on average; lids meet at AU43's intensity E; AU5, AU6 and AU7 change the eye's
    opening as `_OPENINGS` says, more or less; lips part within `_PARTED` at AU25's.
    """
    level = _with_level_corners(gains, neutral, float(np.clip(rng.normal(), -2, 2)) * _CORNER_SPREAD)
    gain = dict(level.gain)
    resting = _eye_opening(neutral, level, {})
    for au, (share, more) in _OPENINGS.items():
        wanted = (resting * (share - 1) + more) * float(rng.uniform(*_EAGERNESS))
        moved = _eye_opening(neutral, level, {au: (MAX_INTENSITY, MAX_INTENSITY)}) - resting
        gain[au] *= float(np.clip(wanted / (moved if abs(moved) > 1e-3 else np.copysign(1e-3, wanted)), 0.4, 1.9))
    closed = replace(level, closing=closing_weights(neutral, level), gain=gain)
    parted = {"AU25": (MAX_INTENSITY, MAX_INTENSITY)}
    opening = _lip_gap(neutral, closed, parted) - _lip_gap(neutral, closed, {})
    factor = _eye_span(neutral) * float(rng.uniform(*_PARTED)) / max(opening, 0.02)
    return replace(closed, gain={**gain, "AU25": gain["AU25"] * float(np.clip(factor, 0.4, 2.5))})


def _points(neutral: Vertices, gains: ExpressionGains, aus: Mapping[str, Sides]) -> Float[np.ndarray, "49 3"]:
    weights = {name: weight for name, weight in blendshape_weights(aus, gains).items() if weight}
    shifts = np.stack([_at_landmarks(name) for name in weights])
    return neutral[landmark_vertices()] + np.tensordot(np.array(list(weights.values())), shifts, 1)


@cache
def _at_landmarks(name: str) -> Float[np.ndarray, "49 3"]:
    """Return how a blendshape shifts the landmarks."""
    target = blendshape(name)
    shift = np.zeros_like(base_mesh().vertices)
    shift[target.index] = target.shift
    return shift[landmark_vertices()]


def _eye_opening(neutral: Vertices, gains: ExpressionGains, aus: Mapping[str, Sides]) -> float:
    height = _points(neutral, gains, aus)[:, 1]
    return float(np.mean([height[upper] - height[lower] for pairs in _LIDS.values() for upper, lower in pairs]))


def _eye_span(neutral: Vertices) -> float:
    """Return the distance between the outer eye corners, decimetres."""
    one, other = neutral[landmark_vertices()[[OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT]]]
    return float(np.linalg.norm(one - other))


def _lip_gap(neutral: Vertices, gains: ExpressionGains, aus: Mapping[str, Sides]) -> float:
    upper, lower = _points(neutral, gains, aus)[list(_LIPS), 1]
    return float(upper - lower)


def _with_level_corners(gains: ExpressionGains, neutral: Vertices, wanted: float) -> ExpressionGains:
    height = _points(neutral, gains, {})[:, 1]
    over = height[list(MOUTH_CORNERS)].mean() - height[list(_LIPS)].mean()
    rises = _at_landmarks("own:corner-lift")[:, 1]
    step = rises[list(MOUTH_CORNERS)].mean() - rises[list(_LIPS)].mean()
    return replace(gains, rest={**gains.rest, "own:corner-lift": float(np.clip((wanted - over) / step, -1.5, 2.5))})


def closing_weights(neutral: Vertices, gains: ExpressionGains) -> tuple[float, float]:
    """Return the weight of the blink blendshapes, left and right, at which the lids of a resting face meet."""
    height, weights = _points(neutral, gains, {})[:, 1], []
    for side, pairs in _LIDS.items():
        falls = _at_landmarks(f"eyeBlink{side}")[:, 1]
        needed = [(height[up] - height[low]) / max(falls[low] - falls[up], 0.02) for up, low in pairs]
        weights.append(float(np.clip((np.mean(needed) + max(needed)) / 2, 0.6, 1.8)))
    return weights[0], weights[1]


def clear_of_eyes(moved: Vertices) -> Vertices:
    """Return the head with the skin of the lids pushed out of the eyeballs."""
    out = moved.copy()
    for ball, lids in zip(eye_vertices(), _lid_vertices(), strict=True):
        points = moved[ball]
        centre, radius = (points.min(0) + points.max(0)) / 2, float(np.ptp(points[:, 0])) / 2
        away = moved[lids] - centre
        distance = np.linalg.norm(away, axis=1, keepdims=True)
        out[lids] = centre + away * np.maximum(_CLEARANCE * radius / np.maximum(distance, 1e-6), 1.0)
    return out


@cache
def _lid_vertices() -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Return the skin around each eye that lies outside the eyeball on the base mesh and in front of its centre."""
    mesh = base_mesh()
    body = np.unique(mesh.quads[mesh.groups["body"]])
    left, right = (_around(mesh.vertices[ball], mesh.vertices[body]) for ball in eye_vertices())
    return body[left], body[right]


def _around(ball: Float[np.ndarray, "b 3"], skin: Float[np.ndarray, "s 3"]) -> np.ndarray:
    centre, radius = (ball.min(0) + ball.max(0)) / 2, np.ptp(ball[:, 0]) / 2
    away = skin - centre
    distance = np.linalg.norm(away, axis=1) / radius
    return (distance > _CLEARANCE + 0.03) & (distance < _REACH) & (away[:, 2] > 0.15 * radius)
