"""Procedural pictures without a face: clouds, stripes, tiles, discs, lettering, paving, walls of windows, patterns."""

from collections.abc import Callable

import cv2
import numpy as np

from duchenne.cropping import Picture

TEXTURE_SIDE_PX = 320
_Painter = Callable[[np.random.Generator], np.ndarray]


def texture(rng: np.random.Generator) -> Picture:
    """Return a procedural picture of 320 x 320: clouds, stripes, tiles, lettering, paving, a pattern ..."""
    painters: tuple[_Painter, ...] = (_clouds, _stripes, _tiles, _discs, _letters, _paving, _windows, _pattern)
    grey = painters[rng.integers(len(painters))](rng)[..., None]
    colours = rng.uniform(0, 255, (2, 3))
    picture = grey * colours[0] + (1 - grey) * colours[1] + 25 * (_clouds(rng)[..., None] - 0.5)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator) -> np.ndarray:
    total = np.zeros((TEXTURE_SIDE_PX, TEXTURE_SIDE_PX), np.float32)
    for octave in range(2, 9):
        grid = rng.normal(0, 1, (2**octave, 2**octave)).astype(np.float32)
        layer = cv2.resize(grid, (TEXTURE_SIDE_PX, TEXTURE_SIDE_PX), interpolation=cv2.INTER_CUBIC)
        total += layer * rng.uniform(0.4, 0.8) ** octave
    return (total - total.min()) / max(float(np.ptp(total)), 1e-6)


def _grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:TEXTURE_SIDE_PX, :TEXTURE_SIDE_PX].astype(np.float32)
    turn = rng.uniform(0, np.pi)
    return x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    u, v = _grid(rng)
    wave = np.sin(u * rng.uniform(0.03, 1.0) + rng.uniform(0, 3) * np.sin(v * rng.uniform(0.01, 0.1)))
    return (wave > 0).astype(np.float32) if rng.random() < 0.5 else (wave + 1) / 2


def _tiles(rng: np.random.Generator) -> np.ndarray:
    u, v = _grid(rng)
    width, height = rng.uniform(6, 60, 2)
    return ((np.floor(u / width) + np.floor(v / height)) % 2).astype(np.float32)


def _discs(rng: np.random.Generator) -> np.ndarray:
    out = np.full((TEXTURE_SIDE_PX, TEXTURE_SIDE_PX), rng.random(), np.float32)
    for _ in range(int(rng.integers(5, 60))):
        at = tuple(int(v) for v in rng.integers(0, TEXTURE_SIDE_PX, 2))
        axes = tuple(int(v) for v in rng.integers(2, 45, 2))
        thickness = -1 if rng.random() < 0.7 else 2
        cv2.ellipse(out, at, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.random()), thickness)
    return out


def _letters(rng: np.random.Generator) -> np.ndarray:
    out = np.full((TEXTURE_SIDE_PX, TEXTURE_SIDE_PX), rng.integers(256), np.uint8)
    for _ in range(int(rng.integers(5, 40))):
        word = "".join(chr(c) for c in rng.integers(33, 122, rng.integers(1, 9)))
        at = tuple(int(v) for v in rng.integers(-20, TEXTURE_SIDE_PX, 2))
        cv2.putText(out, word, at, int(rng.integers(0, 8)), float(rng.uniform(0.4, 3)), int(rng.integers(256)), 2)
    return out.astype(np.float32) / 255


def _paving(rng: np.random.Generator) -> np.ndarray:
    """Return slabs or bricks with joints, each of its own shade, now and then seen from aslant."""
    width, height = rng.uniform(14, 90, 2)
    columns, rows = int(2 * TEXTURE_SIDE_PX / width) + 2, int(2 * TEXTURE_SIDE_PX / height) + 2
    shades, joint = rng.normal(0.6, rng.uniform(0.0, 0.2), (rows, columns)), float(rng.uniform(0, 1))
    gap, offset = max(1, int(rng.uniform(0.02, 0.12) * min(width, height))), float(rng.choice([0.0, 0.5, 0.33]))
    out = np.full((2 * TEXTURE_SIDE_PX, 2 * TEXTURE_SIDE_PX), joint, np.float32)
    for row in range(rows):
        for column in range(columns):
            x, y = int((column - offset * (row % 2)) * width), int(row * height)
            shade = float(np.clip(shades[row, column], 0, 1))
            cv2.rectangle(out, (x + gap, y + gap), (int(x + width) - 1, int(y + height) - 1), shade, -1)
    return _aslant(out, rng)


def _windows(rng: np.random.Generator) -> np.ndarray:
    """Return a wall with rows of dark openings that have frames and bars."""
    step = rng.uniform(30, 110, 2)
    size = step * rng.uniform(0.3, 0.8, 2)
    wall, glass, frame = (float(v) for v in rng.uniform(0, 1, 3))
    out = np.full((2 * TEXTURE_SIDE_PX, 2 * TEXTURE_SIDE_PX), wall, np.float32)
    for top in np.arange(0, 2 * TEXTURE_SIDE_PX, step[1]):
        for left in np.arange(0, 2 * TEXTURE_SIDE_PX, step[0]):
            low, high = (int(left), int(top)), (int(left + size[0]), int(top + size[1]))
            cv2.rectangle(out, low, high, float(np.clip(glass + rng.normal(0, 0.1), 0, 1)), -1)
            cv2.rectangle(out, low, high, frame, 2)
            cv2.line(out, ((low[0] + high[0]) // 2, low[1]), ((low[0] + high[0]) // 2, high[1]), frame, 2)
    return _aslant(out, rng)


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Return a motif of a few blobs and lines, repeated as on cloth or wallpaper."""
    side = int(rng.integers(24, 100))
    motif = np.full((side, side), rng.random(), np.float32)
    for _ in range(int(rng.integers(2, 7))):
        at, axes = (tuple(int(v) for v in rng.integers(0, high, 2)) for high in (side, max(3, side // 3)))
        cv2.ellipse(motif, at, axes, float(rng.uniform(0, 180)), 0, 360, float(rng.random()), -1)
    if rng.random() < 0.5:
        motif = np.hstack([motif, motif[:, ::-1]])
    repeats = [-(-2 * TEXTURE_SIDE_PX // n) for n in motif.shape]
    return _aslant(np.tile(motif, repeats)[: 2 * TEXTURE_SIDE_PX, : 2 * TEXTURE_SIDE_PX], rng)


def _aslant(wide: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the middle of a surface twice as large as asked, turned and tilted away by chance."""
    full = 2.0 * TEXTURE_SIDE_PX
    corners = np.array([[0, 0], [full, 0], [full, full], [0, full]], np.float32)
    inner = corners[[0, 1, 2, 3]] * 0.5 + full / 4
    jitter = rng.uniform(-0.2, 0.2, (4, 2)) if rng.random() < 0.6 else np.zeros((4, 2))
    seen = (inner + (jitter * full).astype(np.float32)).astype(np.float32)
    goal = (corners / 2).astype(np.float32)
    warp = cv2.getPerspectiveTransform(seen, goal)
    size = (TEXTURE_SIDE_PX, TEXTURE_SIDE_PX)
    return np.asarray(cv2.warpPerspective(wide, warp, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT))
