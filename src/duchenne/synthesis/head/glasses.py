"""Glasses that some people wear: shaped for a person's own bridge, eyes and ears; clear lenses, rarely dark ones."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.facs import LANDMARK_GROUPS
from duchenne.synthesis.raster.solids import Solid, painted, tube
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices
from duchenne.synthesis.rig.mesh import Vertices
from duchenne.synthesis.rig.parts import eye_vertices, head_parts

SHARE, DARK_SHARE = 0.15, 0.08
"""Share of people who wear glasses, and of those with dark lenses among them."""
_AROUND = 40
_CLEAR_OF_EYE = 0.13
"""Distance of a lens from the eyeball's front, decimetres: opticians' vertex distance is 12-14 mm."""
_METALS = ((0.75, 0.62, 0.38), (0.72, 0.72, 0.74), (0.25, 0.25, 0.27), (0.08, 0.08, 0.09), (0.66, 0.45, 0.36))
_PLASTICS = (
    (0.05, 0.05, 0.06),
    (0.05, 0.05, 0.06),
    (0.30, 0.17, 0.09),
    (0.18, 0.22, 0.33),
    (0.45, 0.10, 0.12),
    (0.85, 0.80, 0.74),
)


@dataclass(frozen=True)
class Glasses:
    """One pair.

    Attributes:
        shape: "round", "rectangular", "oval" or "aviator".
        rim: "full", "half" (above only) or "none".
        plastic: Whether the frame is thick.
        half_width: Of a lens, decimetres.
        half_height: Of a lens, decimetres.
        thickness: Radius of the rim, decimetres.
        colour: Of the frame, 0-1.
        tint: Colour of the lenses, 0-1.
        opacity: Of the lenses; above one half the eyes are hidden.
        mirror: Strength of the pale reflection in a lens, 0-1.
        tilt_deg: Lean of the lenses towards the cheeks.
    """

    shape: str
    rim: str
    plastic: bool
    half_width: float
    half_height: float
    thickness: float
    colour: tuple[float, float, float]
    tint: tuple[float, float, float]
    opacity: float
    mirror: float
    tilt_deg: float

    @property
    def dark(self) -> bool:
        """Whether the eyes are hidden."""
        return self.opacity > 0.5


def draw_glasses(rng: np.random.Generator, share: float = SHARE) -> Glasses | None:
    """Return a person's glasses, or None if they wear none."""
    if rng.random() >= share:
        return None
    dark = rng.random() < DARK_SHARE
    shape = str(rng.choice(["round", "rectangular", "oval", "aviator"], p=[0.25, 0.4, 0.2, 0.15]))
    rim = "full" if dark else str(rng.choice(["full", "half", "none"], p=[0.7, 0.15, 0.15]))
    plastic = rim == "full" and shape != "aviator" and rng.random() < 0.6
    high = {"round": (0.90, 1.0), "rectangular": (0.58, 0.78), "oval": (0.66, 0.82), "aviator": (0.82, 0.95)}[shape]
    half_width = float(rng.uniform(0.225, 0.265))
    palette = _PLASTICS if plastic else _METALS
    tone = np.clip(np.array(palette[rng.integers(len(palette))]) * rng.uniform(0.8, 1.2), 0.02, 0.95)
    clear = np.array([0.80, 0.88, 0.86]) * rng.uniform(0.9, 1.1)
    tint = np.array([0.06, 0.06, 0.06]) + rng.uniform(0, 0.06, 3) if dark else np.clip(clear, 0, 1)
    return Glasses(
        shape, rim, plastic, half_width, half_width * float(rng.uniform(*high)),
        float(rng.uniform(0.022, 0.034) if plastic else rng.uniform(0.008, 0.013)),
        _three(tone), _three(tint), float(rng.uniform(0.8, 0.97) if dark else rng.uniform(0.02, 0.08)),
        float(rng.uniform(0.0, 0.28) * (rng.random() < 0.6)), float(rng.uniform(4, 11)),
    )  # fmt: skip


def _three(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


@dataclass(frozen=True)
class Fit:
    """Where glasses sit on a head, head axes.

    Attributes:
        centres: (2, 3), middles of the lenses, the image's left first.
        bridge: (3,), where the bridge stands over the nose.
        ears: (2, 3), where the arms rest.
    """

    centres: Float[np.ndarray, "2 3"]
    bridge: Float[np.ndarray, "3"]
    ears: Float[np.ndarray, "2 3"]


def fit_glasses(glasses: Glasses, neutral: Vertices) -> Fit:
    """Return how glasses sit on a neutral head in head axes; what the skull carries does not follow the skin."""
    points = neutral[landmark_vertices()]
    nose = points[LANDMARK_GROUPS["nose_bridge"][0]]
    left, right = (neutral[ball] for ball in reversed(eye_vertices()))
    eyes = np.stack([(ball.min(0) + ball.max(0)) / 2 for ball in (left, right)])
    front = min(left[:, 2].min(), right[:, 2].min()) - _CLEAR_OF_EYE
    apart = max(0.5 * abs(eyes[1, 0] - eyes[0, 0]), glasses.half_width + 0.085)
    middle = eyes[:, 0].mean()
    y = eyes[:, 1].mean() + 0.03
    lean = np.tan(np.radians(glasses.tilt_deg))
    centres = np.array([[middle - apart, y, front], [middle + apart, y, front]])
    skin = neutral[_skin_vertices()]
    for centre in centres:
        beside = np.abs(skin[:, :2] - centre[:2])
        under = skin[(beside[:, 0] < glasses.half_width) & (beside[:, 1] < glasses.half_height)]
        needed = (under[:, 2] - lean * (under[:, 1] - centre[1])).min() - glasses.thickness - 0.01
        front = min(front, float(needed))
    centres[:, 2] = front
    return Fit(centres, np.array([nose[0], y - 0.06, min(nose[2] - 0.02, front)]), _ears(neutral, y))


@cache
def _skin_vertices() -> Int[np.ndarray, " k"]:
    return np.unique(head_parts().skin_normals)


def _ears(neutral: Vertices, y: float) -> Float[np.ndarray, "2 3"]:
    """Return the roots of the ears: the widest skin of the skull just before them, at the height of the eyes."""
    skin = neutral[_skin_vertices()]
    level = skin[(np.abs(skin[:, 1] - y + 0.05) < 0.12) & (skin[:, 2] > -0.35) & (skin[:, 2] < 0.25)]
    out = []
    for side in (-1, 1):
        half = level[level[:, 0] * side > 0]
        widest = float(np.abs(half[:, 0]).max()) if len(half) else 0.75
        out.append([side * widest, y - 0.06, 0.2])
    return np.array(out)


def glasses_solids(glasses: Glasses, fit: Fit) -> list[Solid]:
    """Return lenses, rims, bridge and arms in head axes; their thin shadows would read as wrinkles and are left out."""
    outlines = [_outline(glasses, centre, side) for centre, side in zip(fit.centres, (-1, 1), strict=True)]
    solids = [_lens(glasses, outline) for outline in outlines]
    for outline in outlines:
        if glasses.rim == "full":
            solids.append(_wire(glasses, outline, glasses.thickness, closed=True))
        elif glasses.rim == "half":
            upper = outline[outline[:, 1] <= np.quantile(outline[:, 1], 0.55)]
            solids.append(_wire(glasses, upper[np.argsort(upper[:, 0])], glasses.thickness))
    thin = max(glasses.thickness, 0.009)
    solids.append(_wire(glasses, _bridge(outlines, fit), thin))
    for outline, ear, side in zip(outlines, fit.ears, (-1, 1), strict=True):
        solids.append(_wire(glasses, _arm(outline, ear, side), thin * 1.1))
    return [replace(solid, casts=False) for solid in solids]


def _wire(glasses: Glasses, path: Float[np.ndarray, "n 3"], radius: float, closed: bool = False) -> Solid:
    roughness = 0.25 if glasses.plastic else 0.3
    return tube(path, radius, glasses.colour, sides=8, gloss=0.8, roughness=roughness, closed=closed)


def _bridge(outlines: list[np.ndarray], fit: Fit) -> Float[np.ndarray, "9 3"]:
    inner = [outline[np.abs(outline[:, 0] - fit.bridge[0]).argmin()] for outline in outlines]
    share = np.linspace(0, 1, 9)[:, None]
    arch = inner[0] * (1 - share) + inner[1] * share
    return arch - np.sin(np.pi * share) * np.array([0.0, 0.05, 0.03])


def _arm(outline: Float[np.ndarray, "n 3"], ear: Float[np.ndarray, "3"], side: int) -> Float[np.ndarray, "7 3"]:
    outer = outline[(outline[:, 0] * side + 0.6 * -outline[:, 1]).argmax()]
    hinge = outer + np.array([0.02 * side, -0.005, 0.02])
    wide = max(abs(hinge[0]), 0.35 * abs(hinge[0]) + 0.65 * abs(ear[0]))
    knee = np.array([wide * side, hinge[1], hinge[2] + 0.3])
    down, behind = ear + np.array([[0.0, 0.05, 0.14], [0.0, 0.22, 0.28]])
    return np.stack([outer, hinge, knee, 0.5 * (knee + ear), ear, down, behind])


def _outline(glasses: Glasses, centre: np.ndarray, side: int) -> Float[np.ndarray, "n 3"]:
    turn = np.arange(_AROUND) * 2 * np.pi / _AROUND
    power = {"round": 2.0, "oval": 2.3, "rectangular": 4.5, "aviator": 2.6}[glasses.shape]
    cos, sin = np.cos(turn), np.sin(turn)
    x = np.sign(cos) * np.abs(cos) ** (2 / power) * glasses.half_width
    y = np.sign(sin) * np.abs(sin) ** (2 / power) * glasses.half_height
    if glasses.shape == "aviator":  # Narrower towards the nose below.
        x = x + 0.10 * glasses.half_width * side * np.clip(y / glasses.half_height, 0, 1)
        x = np.where(x * side < 0, x * (1 - 0.25 * np.clip(y / glasses.half_height, -0.2, 1)), x)
    lean = np.tan(np.radians(glasses.tilt_deg))
    wrap = 0.35 * (x * side) ** 2 + 0.06 * np.maximum(x * side, 0)
    return centre + np.column_stack([x, y, lean * y + wrap])


def _lens(glasses: Glasses, outline: np.ndarray) -> Solid:
    """Return a slightly domed pane with a pale reflection across it."""
    middle = outline.mean(0)
    rings = np.linspace(0, 0.985, 7)
    points = np.concatenate([middle + ring * (outline - middle) for ring in rings])
    place = (points - middle)[:, :2] / [glasses.half_width, glasses.half_height]
    points = points - np.array([0, 0, 0.03]) * (1 - np.minimum((place**2).sum(1), 1))[:, None]
    normals = np.column_stack([0.22 * place[:, 0], 0.22 * place[:, 1] - 0.1, -np.ones(len(points))])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    count = len(outline)
    a = (np.arange(len(rings) - 1)[:, None] * count + np.arange(count)).ravel()
    b = (np.arange(len(rings) - 1)[:, None] * count + (np.arange(count) + 1) % count).ravel()
    triangles = np.concatenate([np.column_stack([a, b, a + count]), np.column_stack([b, b + count, a + count])])
    slant = place[:, 0] * 0.5 + place[:, 1]
    shine = glasses.mirror * np.exp(-(((slant + 0.35) / 0.35) ** 2)) * (0.5 + 0.5 * (place[:, 1] < 0.3))
    opacity = 1 - (1 - glasses.opacity) * (1 - shine)
    share = (shine / np.maximum(opacity, 1e-6))[:, None]
    colour = painted(len(points), glasses.tint)
    colour[:, :3] = colour[:, :3] * (1 - share) + np.array([0.9, 0.95, 1.0]) * share
    colour[:, 3] = opacity
    return Solid(points, normals, triangles, colour, 0.5, 0.12, 0.0, hides=glasses.dark)
