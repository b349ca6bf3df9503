"""What comes between a face and the camera in some pictures: a hand, a microphone, strands of hair."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.facs import LANDMARK_GROUPS
from duchenne.synthesis.head.front import Front, front_of
from duchenne.synthesis.head.hand import Grip, make_hand
from duchenne.synthesis.head.head import Head, MovedHead
from duchenne.synthesis.raster.rasteriser import FAR
from duchenne.synthesis.raster.solids import Solid, ball, ribbons, tube
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices
from duchenne.synthesis.skin.skin import MONK_TONES, lost_to_blood

SHARE = 0.12
"""Share of still pictures in which something is in front of the face."""
_OWN_HAND = 0.8


class Kind(StrEnum):
    """What comes between."""

    HAND = "hand"
    MICROPHONE = "microphone"
    HAIR = "hair"


_TARGETS = {
    Kind.HAND: ("mouth", "chin", "cheek", "eye", "brow", "nose"),
    Kind.MICROPHONE: ("mouth",),
    Kind.HAIR: ("brow", "cheek"),
}


@dataclass(frozen=True)
class Occluder:
    """Something in front of a face.

    Attributes:
        kind: What it is.
        target: Which part of the face it is at.
        side: -1 for the image's left, 1 for its right, seen from in front of the face.
        seed: Of its shape.
        tone: Monk skin tone of somebody else's hand; None where it is the person's own, or no hand.
    """

    kind: Kind
    target: str
    side: int
    seed: int
    tone: int | None = None


def draw_occluder(rng: np.random.Generator, share: float = SHARE) -> Occluder | None:
    """Return what is in front of a face in a share of the pictures, else None."""
    if rng.random() >= share:
        return None
    kind = Kind(rng.choice(["hand", "microphone", "hair"], p=[0.45, 0.25, 0.3]))
    target, side = str(rng.choice(_TARGETS[kind])), int(rng.choice([-1, 1]))
    other = kind is Kind.HAND and rng.random() > _OWN_HAND
    return Occluder(kind, target, side, int(rng.integers(2**31)), int(rng.integers(1, 11)) if other else None)


def suited(occluder: Occluder | None, head: Head) -> Occluder | None:
    """Return the occluder as it can be for a person: no strands of hair fall over the brow of the bald."""
    if occluder is not None and occluder.kind is Kind.HAIR and not head.skin.scalp.any():
        return replace(occluder, kind=Kind.MICROPHONE, target="mouth")
    return occluder


def occluder_solids(
    occluder: Occluder, head: Head, moved: MovedHead, rotation: Float[np.ndarray, "3 3"], pixel: float
) -> list[Solid]:
    """Return an occluder's surfaces in head axes; a pixel's size is in decimetres."""
    build: dict[Kind, Callable[..., list[Solid]]] = {Kind.HAND: _hand, Kind.MICROPHONE: _microphone, Kind.HAIR: _hair}
    return build[occluder.kind](occluder, head, moved, rotation, pixel)


def _target(moved: MovedHead, name: str, side: int) -> Float[np.ndarray, "3"]:
    points = moved.base[landmark_vertices()]
    where = "left" if side < 0 else "right"
    mouth = points[list(LANDMARK_GROUPS["lip_outer"])].mean(0)
    eye = points[list(LANDMARK_GROUPS[f"eye_image_{where}"])].mean(0)
    brow = points[list(LANDMARK_GROUPS[f"brow_image_{where}"])].mean(0)
    return {
        "mouth": mouth,
        "chin": mouth + np.array([0.10 * side, 0.26, 0.0]),
        "cheek": 0.5 * (mouth + eye) + np.array([0.30 * side, 0.0, 0.0]),
        "eye": eye,
        "brow": brow - np.array([0.0, 0.12, 0.0]),
        "nose": points[list(LANDMARK_GROUPS["nose_base"])].mean(0),
    }[name]


def _turn(axis: int, degrees: float) -> Float[np.ndarray, "3 3"]:
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    out, (one, other) = np.eye(3), [a for a in range(3) if a != axis]
    out[one, one], out[one, other], out[other, one], out[other, other] = cos, -sin, sin, cos
    return out


def _hand(occluder: Occluder, head: Head, moved: MovedHead, rotation: np.ndarray, pixel: float) -> list[Solid]:
    """Return a hand laid on the face from its side, the back towards the camera, and its arm."""
    rng = np.random.default_rng([occluder.seed, 1])
    own = np.median(head.skin.texture[..., :3].reshape(-1, 3)[::5], 0) / 255
    tone = occluder.tone
    skin = own if tone is None else np.array(MONK_TONES[tone - 1]) / 255 * (1 - lost_to_blood(tone))
    size = rng.uniform(0.92, 1.08) * (0.93 if head.identity.sex == "female" else 1.02)
    chin = occluder.target == "chin"
    parts = make_hand(_draw_grip(rng, chin, float(size)), skin * rng.uniform(0.93, 1.0), head.clothes / 255)
    roll = rng.uniform(5, 45) if chin else rng.uniform(8, 80)
    turn = _turn(2, roll) @ _turn(0, rng.uniform(-14, 10)) @ _turn(1, rng.uniform(-15, 15))
    turn = np.diag([-float(occluder.side), 1.0, 1.0]) @ turn
    finger = np.array([0.0, -rng.uniform(0.3, 0.75), 0.1])
    aim = (
        _target(moved, occluder.target, occluder.side) + rng.normal(size=3) * np.array([0.1, 0.1, 0.0]) - turn @ finger
    )
    parts = [part.placed(turn, aim * np.array([1, 1, 0])) for part in parts]
    near = np.array([0.0, 0.0, _gap(parts[0], front_of(moved), pressed_percent=6.0)])
    return [part.placed(np.eye(3), near) for part in parts]


def _draw_grip(rng: np.random.Generator, bent: bool, size: float) -> Grip:
    base = rng.uniform(0.3, 0.48) if bent else rng.uniform(0.02, 0.4)
    slope = np.linspace(0, 0.12, 4) * rng.uniform(-0.5, 0.7)
    curl = np.clip(base + rng.normal(size=4) * 0.05 + slope, 0, 0.52)
    fingers = (float(curl[0]), float(curl[1]), float(curl[2]), float(curl[3]))
    return Grip(fingers, float(rng.uniform(0, 9)), float(rng.uniform(0, 0.8)), size)


def _gap(solid: Solid, front: Front, pressed_percent: float) -> float:
    """Return how far a surface moves along z until it lies on the face, with a share of its points pressed in."""
    points = solid.points[::4]
    under = front.at(points[:, :2])
    over = under < FAR / 2
    return float(np.percentile(under[over] - points[over, 2], pressed_percent)) if over.any() else -1.0


def _microphone(occluder: Occluder, head: Head, moved: MovedHead, rotation: np.ndarray, pixel: float) -> list[Solid]:
    """Return a microphone's head before the mouth and its handle, which comes from below as the camera sees it."""
    rng = np.random.default_rng([occluder.seed, 2])
    radius = rng.uniform(0.2, 0.36)
    top = _foam(rng, radius) if rng.random() < 0.65 else _mesh(rng, radius)
    down = rotation.T @ np.array([rng.normal() * 0.3, 1.0, -rng.uniform(0.1, 1.0)])
    down = down / np.linalg.norm(down)
    along = np.array([0.5 * radius, radius * 1.05, radius * 1.1, 1.9, 1.95, 6.0])[:, None] * down
    thick = np.array([0.5, 0.5, 0.42, 0.36, 0.2, 0.2]) * min(radius, 0.28)
    handle = tube(along, thick, np.full(3, rng.uniform(0.05, 0.2)), 14, 0.9, 0.35)
    aside = rng.normal(size=2) * [0.16, 0.1] + [0.0, 0.14]
    aim = _target(moved, "mouth", occluder.side) * [1, 1, 0] + np.append(aside, 0.0)
    near = _gap(top.placed(np.eye(3), aim), front_of(moved), pressed_percent=0.0) - rng.uniform(0.05, 0.45)
    return [solid.placed(np.eye(3), aim + np.array([0.0, 0.0, near])) for solid in (top, handle)]


def _foam(rng: np.random.Generator, radius: float) -> Solid:
    shade = rng.uniform(0.05, 0.25) if rng.random() < 0.75 else rng.uniform(0.2, 0.8)
    colour = np.clip(shade + rng.uniform(-0.12, 0.12, 3) * (1 + 2 * (rng.random() < 0.2)), 0.02, 0.95)
    radii = radius * np.array([1.0, rng.uniform(1.0, 1.25), 1.0])
    return _grained(ball(np.zeros(3), radii, colour, 0.05, 0.7), rng.normal(size=(96, 128)))


def _mesh(rng: np.random.Generator, radius: float) -> Solid:
    wires = np.sign(np.sin(np.arange(96)[:, None]) + np.sin(np.arange(128)))
    radii = radius * np.array([1.0, rng.uniform(1.0, 1.25), 1.0])
    return _grained(ball(np.zeros(3), radii, np.full(3, rng.uniform(0.35, 0.65)), 1.0, 0.35), wires)


def _grained(solid: Solid, grain: Float[np.ndarray, "h w"]) -> Solid:
    """Return a ball with a grain wrapped around it."""
    blurred = cv2.GaussianBlur(grain, (0, 0), 0.8)
    level = np.clip(185 * (1 + 0.22 * blurred / blurred.std()), 0, 255)
    texture = np.dstack([level, level, level, np.full_like(level, 255)]).astype(np.uint8)
    around = np.arctan2(solid.points[:, 2], solid.points[:, 0]) / (2 * np.pi) + 0.5
    rise = solid.points[:, 1] / np.ptp(solid.points[:, 1]) + 0.5
    return replace(solid, uv=np.column_stack([around, rise]), texture=texture)


def _hair(occluder: Occluder, head: Head, moved: MovedHead, rotation: np.ndarray, pixel: float) -> list[Solid]:
    """Return locks of hair that fall over the brow or across a cheek, a little off the skin."""
    rng = np.random.default_rng([occluder.seed, 3])
    brow = moved.base[landmark_vertices()][:10].mean(0)
    flat = _fringe(rng, occluder.side) if occluder.target == "brow" else _lock(rng, occluder.side)
    x, y = 0.66 * np.tanh(flat[..., 0] / 0.66), flat[..., 1] + brow[1]
    under = front_of(moved).at(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    under = np.where(under > FAR / 2, brow[2] + 0.5, under)
    share = np.linspace(0, 1, x.shape[1])
    lift = rng.uniform(0.05, 0.12, (len(x), 1)) + 0.04 * share
    z = np.minimum(cv2.GaussianBlur(under, (0, 0), sigmaX=1.5, sigmaY=0.01), under + 0.02) - lift
    colour = np.clip(head.skin.hair_colour / 255 * (1 + 0.2 * rng.normal(size=(len(x), 1))), 0.01, 0.95)
    width = rng.uniform(0.010, 0.022, (len(x), 1)) * np.clip(4 * (1.02 - share), 0.1, 1)
    opacity = np.clip(12 * (1.0 - share), 0.3, 1.0) * np.clip(6 * share + 0.2, 0, 1)
    across = np.tile([1.0, 0.0, 0.0], (len(x), 1))
    return [ribbons(np.stack([x, y, z], -1), width, colour, opacity, across, pixel, 0.5)]


def _fringe(rng: np.random.Generator, side: int) -> Float[np.ndarray, "k m 2"]:
    """Return strands over the forehead, x and y from the middle of the brows, in about twenty locks."""
    locks = int(rng.integers(9, 30))
    root = np.column_stack([rng.uniform(-0.52, 0.52, locks), rng.uniform(-0.75, -0.55, locks)])
    tip_x = root[:, 0] * 1.05 + side * rng.uniform(0.0, 0.35) + rng.normal(size=locks) * 0.07
    tip = np.column_stack([tip_x, rng.uniform(-0.12, 0.3) + rng.normal(size=locks) * 0.09])
    return _strands(rng, root, tip, side, strands=14, steps=14)


def _lock(rng: np.random.Generator, side: int) -> Float[np.ndarray, "k m 2"]:
    """Return strands that fall from the forehead across an eye or a cheek, in a few locks."""
    locks = int(rng.integers(3, 8))
    root = np.column_stack([side * rng.uniform(-0.2, 0.35, locks), rng.uniform(-0.75, -0.55, locks)])
    tip = np.column_stack([side * rng.uniform(0.25, 0.75, locks), rng.uniform(0.4, 1.3, locks)])
    return _strands(rng, root, tip, side, strands=24, steps=18)


def _strands(
    rng: np.random.Generator, root: np.ndarray, tip: np.ndarray, side: int, strands: int, steps: int
) -> Float[np.ndarray, "k m 2"]:
    """Return the strands of locks that hang from roots to tips, bowed, closer together towards the tips."""
    locks, share = len(root), np.linspace(0, 1, steps)
    bow = side * rng.uniform(-0.05, 0.18, (locks, 1)) * np.sin(np.pi * share)
    x = root[:, :1] + (tip - root)[:, :1] * share**1.6 + bow
    fall = (tip - root)[:, 1:] * share
    spread = rng.normal(size=(locks, strands, 1)) * rng.uniform(0.02, 0.06, (locks, 1, 1)) * (1.15 - 0.75 * share)
    turn = 2 * np.pi * (share * rng.uniform(0.5, 1.6) + rng.random())
    wave = 0.012 * rng.normal(size=(locks, strands, 1)) * np.sin(turn)
    cut = rng.uniform(0.8, 1.0, (locks, strands, 1))
    xs = x[:, None] + spread + wave
    ys = root[:, None, 1:] + fall[:, None] * cut
    return np.stack([xs, ys], -1).reshape(-1, steps, 2)
