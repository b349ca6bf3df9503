"""Openings of eyes and mouth: lids that meet, lips that part, in every person; no skin sinks into an eyeball."""

from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.synthesis.expression import MAX_INTENSITY, Habit, express, unit, unit_weights
from duchenne.synthesis.face_points import landmark_vertices
from duchenne.synthesis.parts import eye_vertices
from duchenne.synthesis.rig import Vertices, base_mesh

_LIDS = {"Left": ((26, 30), (27, 29)), "Right": ((21, 23), (20, 24))}
"""Landmarks of the upper and the lower lid that meet, on the subject's sides."""
_CLEARANCE = 1.07
"""Least distance of a lid from the eyeball's centre, in radii; the cornea stands out by 6%."""
_REACH = 1.6


_LIPS = (44, 47)
_PARTED = 0.15
"""Gap between the lips at AU25's intensity E without a jaw drop, decimetres."""


def fitted(habit: Habit, neutral: Vertices) -> Habit:
    """Return the habit with lids that close at AU43's intensity E and lips that part by `_PARTED` at AU25's."""
    closed = replace(habit, closing=closing_weights(neutral, habit))
    points = landmark_vertices()[list(_LIPS)]

    def gap(intensity: float) -> float:
        upper, lower = express(neutral, unit_weights({"AU25": (intensity, intensity)}, closed))[points, 1]
        return float(upper - lower)

    rest, parted = gap(0.0), gap(MAX_INTENSITY)
    factor = (_PARTED - rest) / max(parted - rest, 0.03)
    reach = {**closed.reach, "AU25": closed.reach.get("AU25", 1.0) * float(np.clip(factor, 0.7, 2.5))}
    return replace(closed, reach=reach)


def closing_weights(neutral: Vertices, habit: Habit) -> tuple[float, float]:
    """Return the weight of the blink units, on the left and the right, at which the lids of a resting face meet."""
    resting, points = express(neutral, habit.rest), landmark_vertices()
    weights = []
    for side, pairs in _LIDS.items():
        blink = np.zeros(len(neutral))
        target = unit(f"eyeBlink{side}")
        blink[target.index] = target.shift[:, 1]
        needed = []
        for upper, lower in pairs:
            gap = resting[points[upper], 1] - resting[points[lower], 1]
            needed.append(gap / max(blink[points[lower]] - blink[points[upper]], 0.02))
        weights.append(float(np.clip(max(needed) + 0.05, 0.6, 1.8)))
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
