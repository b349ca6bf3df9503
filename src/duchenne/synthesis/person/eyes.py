"""The eyeball's texture: iris, pupil and sclera seen along the gaze."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

SIDE = 128
IRIS_SHARE = 0.48
"""Radius of the iris over the radius of the eyeball."""


def paint_eye(iris: Float[np.ndarray, "3"], rng: np.random.Generator) -> UInt8[np.ndarray, "128 128 4"]:
    """Return the eye as seen along its axis; the circle of radius SIDE / 2 is the eyeball's outline."""
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    dx, dy = (xs + 0.5) / SIDE * 2 - 1, (ys + 0.5) / SIDE * 2 - 1
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    white = np.array([216, 206, 198]) * rng.uniform(0.76, 1.0)
    veins = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), 2)
    colour = white + veins[..., None] * [2, 10, 10] - np.clip(radius - 0.6, 0, 1)[..., None] * [20, 60, 60]
    fibres = 1 + 0.25 * np.interp(angle, np.linspace(-np.pi, np.pi, 60), rng.normal(size=60)) * 0.6
    limbus = 1 - 0.6 * np.exp(-(((radius - IRIS_SHARE) / 0.05) ** 2))
    disc = 1 / (1 + np.exp((radius - IRIS_SHARE) / 0.015))
    colour = colour * (1 - disc[..., None]) + (iris * (fibres * limbus)[..., None]) * disc[..., None]
    pupil = 1 / (1 + np.exp((radius - rng.uniform(0.14, 0.24)) / 0.012))
    colour = colour * (1 - pupil[..., None]) + 8 * pupil[..., None]
    return np.dstack([np.clip(colour, 0, 255), np.full((SIDE, SIDE), 128)]).astype(np.uint8)
