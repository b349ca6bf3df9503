"""Where each action unit folds the skin.

Source: FACS manual (2002), appearance changes.
"""

import numpy as np

from duchenne.synthesis.identity import Identity
from duchenne.synthesis.skin_maps import Map, furrow, noise, ridge, smooth_step


def wrinkles_of(
    identity: Identity, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> dict[str, Map]:
    """Return where each AU folds this person's skin, 0-1."""
    ax = np.abs(x)
    waver = 0.016 * noise(rng, 26)
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
    below_lid = furrow(ax, y, [(0.2, 7.18), (0.3, 7.145), (0.42, 7.17)], 0.014)
    fold = furrow(ax, y, [(0.165, 6.93), (0.215, 6.86), (0.275, 6.76), (0.325, 6.63)], 0.018)
    bridge = np.clip(np.cos(2 * np.pi * (y - 0.9 * ax + waver) / 0.055) - 0.3, 0, 1)
    root = bridge * smooth_step(y, 7.16, 7.22) * (1 - smooth_step(y, 7.36, 7.42))
    cobble = np.clip(0.6 * noise(rng, 3.5) + 0.3, 0, 1) * ridge(x, 0.14) * ridge(y - 6.38, 0.08)
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
        "AU12": fold * 1.1 + 0.4 * furrow(ax, y, [(0.335, 6.66), (0.345, 6.59)], 0.018),
        "AU14": 1.2 * furrow(ax, y, [(0.30, 6.66), (0.31, 6.57)], 0.02),
        "AU15": furrow(ax, y, [(0.275, 6.58), (0.30, 6.50), (0.31, 6.42)], 0.018),
        "AU17": cobble + 0.7 * furrow(ax, y, [(0.0, 6.45), (0.12, 6.44)], 0.02),
        "AU23": 0.5 * lip_lines * lip_rim,
        "AU24": 0.35 * lip_lines * lip_rim,
    }  # fmt: skip
    return {au: np.clip(value * front, 0, 1.2).astype(np.float32) for au, value in maps.items()}
