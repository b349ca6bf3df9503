"""Where each action unit folds the skin.

Source: FACS manual (2002), appearance changes.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.synthesis.rig.smooth_step import smooth_step
from duchenne.synthesis.skin.skin_maps import COLUMNS, ROWS, Map, furrow, noise, places, ridge

_DEEPEST = 1.2
_SHARE_OF_PERSON = (0.3, 1.2)
"""Least and most that a person's skin folds in one place; many faces move without a line."""


@dataclass(frozen=True)
class Ground:
    """A piece of the face in which folds differ between people; everything of its k texels alone.

    Attributes:
        index: (k,), texels of the flattened texture.
        share: (k,), how far each takes part.
        x: (k,), place on the base mesh.
        y: (k,), likewise.
        ax: (k,), distance from the midline.
    """

    index: Int[np.ndarray, " k"]
    share: Float[np.ndarray, " k"]
    x: Float[np.ndarray, " k"]
    y: Float[np.ndarray, " k"]
    ax: Float[np.ndarray, " k"]

    def of(self, whole: Map) -> Float[np.ndarray, " k"]:
        """Return a map's values here."""
        return whole.reshape(-1)[self.index]

    def spread(self, values: Float[np.ndarray, " k"], under: Map | None = None) -> Map:
        """Return a map of the values here, added to another map or to nothing."""
        out = np.zeros((ROWS, COLUMNS), np.float32) if under is None else under.copy()
        out.reshape(-1)[self.index] = np.clip(out.reshape(-1)[self.index] + values, 0, _DEEPEST)
        return out


@cache
def _face() -> Bool[np.ndarray, "960 512"]:
    """Return where the front of the face is."""
    _, y, z, _ = places()
    return (z > 0.6) & (y > 6.1) & (y < 90)


def _ground(share: Map) -> Ground:
    x, y, _, ax = places()
    kept = share * _face()
    index = np.flatnonzero(kept.reshape(-1) > 1e-4)
    return Ground(index, *(part.reshape(-1)[index] for part in (kept, x, y, ax)))


@cache
def _grounds() -> dict[str, Ground]:
    x, y, _, ax = places()
    around, angle = np.hypot(ax - 0.46, y - 7.24), np.arctan2(y - 7.24, ax - 0.46)
    rim = ridge(y - 6.73, 0.02) + np.float32(0.6) * ridge(y - 6.475, 0.02)
    eye = smooth_step(around, 0.05, 0.1) * (1 - smooth_step(around, 0.16, 0.24)) * (np.abs(angle) < 1.1)
    root = smooth_step(y, 7.16, 7.22) * (1 - smooth_step(y, 7.36, 7.42)) * (1 - smooth_step(ax, 0.08, 0.17))
    shares = {
        "forehead": smooth_step(y, 7.54, 7.66) * (1 - smooth_step(y, 7.9, 8.0)),
        "glabella": smooth_step(y, 7.32, 7.40) * (1 - smooth_step(y, 7.52, 7.62)) * (ax < 0.25),
        "beside the eye": eye,
        "root of the nose": root,
        "chin": ridge(x, 0.14) * ridge(y - 6.38, 0.08),
        "lips": rim * (ax < 0.2),
    }
    return {name: _ground(share.astype(np.float32)) for name, share in shares.items()}


@cache
def _same_for_all() -> dict[str, Map]:
    """Return the folds that lie alike in everybody; also what lies under those that do not ("AU09", "AU17")."""
    _, y, _, ax = places()
    below_lid = furrow(ax, y, [(0.2, 7.18), (0.3, 7.145), (0.42, 7.17)], 0.014)
    fold = furrow(ax, y, [(0.165, 6.93), (0.215, 6.86), (0.275, 6.76), (0.325, 6.63)], 0.018)
    maps = {
        "AU07": 0.7 * below_lid,
        "AU09": 0.8 * fold * smooth_step(y, 6.76, 6.84),
        "AU10": fold * smooth_step(y, 6.70, 6.80) * 1.1,
        "AU12": fold * 1.1 + 0.4 * furrow(ax, y, [(0.335, 6.66), (0.345, 6.59)], 0.018),
        "AU14": 1.2 * furrow(ax, y, [(0.286, 6.655), (0.296, 6.57)], 0.018),
        "AU15": furrow(ax, y, [(0.275, 6.58), (0.30, 6.50), (0.31, 6.42)], 0.018),
        "AU17": 0.7 * furrow(ax, y, [(0.0, 6.45), (0.12, 6.44)], 0.02),
    }
    clipped = {au: np.clip(value * _face(), 0, _DEEPEST).astype(np.float32) for au, value in maps.items()}
    for value in clipped.values():
        value.flags.writeable = False
    return clipped


def wrinkles_of(rng: np.random.Generator) -> dict[str, Map]:
    """Return where each AU folds this person's skin, 0-1.2; maps that are alike in everybody are shared."""
    grounds, common = _grounds(), _same_for_all()
    waver = 0.016 * noise(rng, 26)
    period, phase = rng.uniform(0.085, 0.125), rng.uniform(0, 1)
    high = grounds["forehead"]
    turns = (high.y + high.of(waver) + 0.05 * high.ax**2) / period + phase
    rows = np.clip(np.cos(2 * np.pi * turns) - 0.5, 0, 1) / 0.5 * high.share
    inner, outer = smooth_step(high.ax, 0.18, 0.42), smooth_step(high.ax, 0.2, 0.36)
    brows, gap, middle = grounds["glabella"], rng.uniform(0.05, 0.085), rng.uniform(0, 0.6)
    frown = ridge(brows.ax - gap - 0.12 * (brows.y - 7.42), 0.015) + middle * ridge(brows.x, 0.013)
    eye, beams = grounds["beside the eye"], rng.uniform(9, 13)
    angle = np.arctan2(eye.y - 7.24, eye.ax - 0.46)
    rays = np.clip(np.cos(angle * beams + 20 * eye.of(waver) + phase) - 0.4, 0, 1) / 0.6
    root = grounds["root of the nose"]
    bridge = np.clip(np.cos(2 * np.pi * (root.y - 0.9 * root.ax + root.of(waver)) / 0.055) - 0.3, 0, 1)
    chin = grounds["chin"]
    cobble = np.clip(0.6 * chin.of(noise(rng, 3.5)) + 0.3, 0, 1)
    lips = grounds["lips"]
    lines = np.clip(np.cos(2 * np.pi * lips.x / 0.035 + 6 * lips.of(waver)) - 0.4, 0, 1) * lips.share
    folds = dict(zip(grounds, rng.uniform(*_SHARE_OF_PERSON, len(grounds)), strict=True))
    rows, frown, rays = rows * folds["forehead"], frown * folds["glabella"], rays * folds["beside the eye"]
    bridge, cobble = bridge * folds["root of the nose"], cobble * folds["chin"]
    return {
        **common,
        "AU01": high.spread(rows * (1 - inner)),
        "AU02": high.spread(rows * outer * (1 - smooth_step(high.ax, 0.55, 0.7))),
        "AU04": brows.spread(frown * brows.share),
        "AU06": eye.spread(rays * eye.share, common["AU07"]),
        "AU09": root.spread(1.2 * bridge * root.share, common["AU09"]),
        "AU17": chin.spread(cobble * chin.share, common["AU17"]),
        "AU23": lips.spread(0.5 * lines),
        "AU24": lips.spread(0.35 * lines),
    }
