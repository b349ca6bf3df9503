"""Blendshapes, displacements of the base mesh: ARKit's, MPFB2's, and our own for brows, lids, nose and lips.

Names: "mouthSmileLeft" is one of ARKit's kind, "mh:asian/mouth-pursing" an expression unit of MPFB2 for one
ancestry, "own:..." a smooth field of ours; "@left" or "@right" behind a name takes one side of it.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from duchenne.synthesis.rig.mesh import Displacement, base_mesh, displacement
from duchenne.synthesis.rig.smooth_step import smooth_step

_LIP_Y = 6.608
"""Height of the mouth's seam in the base mesh, decimetres; the corners lie at |x| = .26."""


@cache
def blendshape(name: str) -> Displacement:
    """Return a blendshape by its name."""
    stem, _, side = name.partition("@")
    if side:
        left = 0.5 + 0.5 * np.tanh(base_mesh().vertices[:, 0] / 0.12)
        return blendshape(stem).mirrored_mask(left if side == "left" else 1 - left)
    if stem.startswith("mh:"):
        return displacement(f"mpfb2/targets/expression/units/{stem[3:]}")
    if stem.startswith("own:"):
        return _own_blendshapes()[stem[4:]]
    return displacement(f"faceunits01/targets/faceunits/{stem}")


def _bump(d: Float[np.ndarray, " v"], width: float) -> Float[np.ndarray, " v"]:
    return np.exp(-((d / width) ** 2))


@cache
def _own_blendshapes() -> dict[str, Displacement]:
    """Return the displacements that no rig has, written as smooth fields over the skin; eyes and teeth stay."""
    fields = {**_brows(), **_upper_face(), **_nose(), **_corners_and_cheeks(), **_lips_and_chin()}
    mesh = base_mesh()
    skin = np.zeros((len(mesh.vertices), 1))
    skin[np.unique(mesh.quads[mesh.groups["body"]])] = 1
    return {name: _sparse(skin * np.stack(parts, 1)) for name, parts in fields.items()}


def _places() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y, |x|, the direction to the midline, and 1 on the front of the face."""
    x, y, z = base_mesh().vertices.T
    return x, y, np.abs(x), -np.sign(x), 0.5 + 0.5 * np.tanh((z - 0.75) / 0.16)


Fields = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def _brows() -> Fields:
    """Return how brows move, and differ at rest: skin slides over the bone from the lid's fold to the hair line."""
    x, y, ax, inwards, front = _places()
    none, lift = (
        0 * x,
        smooth_step(y, 7.3, 7.43) * (1 - smooth_step(y, 7.5, 7.85)) * (1 - smooth_step(ax, 0.6, 0.85)) * front,
    )
    along = np.clip((ax - 0.15) / 0.41, 0, 1)
    return {
        "brow-height": (none, 0.1 * lift, none),
        # Its head up and its tail down.
        "brow-slant": (none, 0.1 * (0.5 - along) * lift, none),
        "brow-arch": (none, 0.1 * (np.sin(np.pi * along) - 0.5) * lift, none),
        # AU1 lifts the brow's head, hardly sideways: the brow slants. AU2 lifts its tail. Both lift the middle.
        "inner-lift": (-inwards * 0.008 * _bump(along, 0.3) * lift, 0.1 * (1 - 0.88 * along) * lift, none),
        "outer-lift": (none, 0.1 * (0.1 + 0.9 * smooth_step(along, -0.2, 0.75)) * lift, none),
    }


def _upper_face() -> Fields:
    x, y, ax, inwards, front = _places()
    none, brow = 0 * x, _bump(y - 7.42, 0.13) * front
    squeeze = _bump(y - 7.22, 0.14) * _bump(ax - 0.56, 0.11) * front
    hood = _bump(y - 7.4, 0.035) * _bump(ax - 0.36, 0.15) * front
    fold = _bump(y - 7.37, 0.045) * _bump(ax - 0.34, 0.17) * front
    return {
        # Brow heads towards the midline and a little down, skin between them bulging forwards.
        "brow-adduction": (inwards * 0.055 * _bump(ax - 0.2, 0.14) * brow, -0.012 * _bump(ax - 0.2, 0.16) * brow,
                           0.014 * _bump(ax, 0.09) * brow),
        # The skin between lid and brow goes up: less hooded.
        "fold-up": (none, 0.02 * fold, -0.004 * fold),
        # A resting fold that hangs over the upper lid without narrowing the eye.
        "hood": (none, -0.03 * hood, 0.012 * hood),
        # AU6: the ring of the eye draws the temple's skin towards the eye and bags it over the outer corner.
        "orbit-squeeze": (inwards * 0.03 * squeeze, -0.012 * squeeze * _bump(y - 7.32, 0.1), 0.012 * squeeze),
        # Infraorbital triangle up and out: AU6's pouch below the lid.
        "cheek-lift": (none, 0.045 * _bump(y - 7.06, 0.13) * _bump(ax - 0.42, 0.2) * front,
                       0.034 * _bump(y - 7.08, 0.1) * _bump(ax - 0.40, 0.18) * front),
        # AU7: the lower lid's skin rises and tightens.
        "lower-lid": (none, 0.02 * _bump(y - 7.165, 0.045) * _bump(ax - 0.32, 0.14) * front, none),
        "nose-root-down": (inwards * 0.002 * _bump(y - 7.4, 0.12) * _bump(ax - 0.15, 0.12) * front,
                           -0.028 * _bump(y - 7.4, 0.12) * _bump(ax, 0.2) * front,
                           0.012 * _bump(y - 7.28, 0.08) * _bump(ax, 0.1) * front),
    }  # fmt: skip


def _nose() -> Fields:
    """Return how ARKit's noseSneer moves the face below the brows, which AU9 lowers but hardly draws together."""
    shift = np.zeros_like(base_mesh().vertices)
    for side in ("Left", "Right"):
        target = displacement(f"faceunits01/targets/faceunits/noseSneer{side}")
        shift[target.index] += target.shift
    kept = 1 - smooth_step(base_mesh().vertices[:, 1], 7.24, 7.4)
    x, y, z = (shift * kept[:, None]).T
    return {"sneer": (x, y, z)}


def _corners_and_cheeks() -> Fields:
    x, y, ax, inwards, front = _places()
    none, nose_side = 0 * x, _bump(y - 6.98, 0.12) * _bump(ax - 0.2, 0.11) * front
    corner = _bump(y - _LIP_Y, 0.07) * _bump(ax - 0.27, 0.08) * front
    cheek = _bump(y - 6.9, 0.16) * _bump(ax - 0.42, 0.15) * front
    around = _bump(y - _LIP_Y, 0.12) * _bump(ax - 0.29, 0.13) * front
    return {
        # The nasolabial fold's upper part and the lip's middle go up: the lip bends at an angle.
        "nasolabial-lift": (none, 0.04 * nose_side + 0.028 * _bump(y - 6.70, 0.07) * _bump(ax - 0.1, 0.13) * front,
                            0.02 * nose_side),
        # A smile bunches the cheek.
        "smile-cheek": (none, 0.03 * cheek, 0.035 * cheek),
        # Corners drawn in against the teeth, a pit beside them and a roll of skin around it.
        "corner-pit": (none, none, -0.05 * _bump(y - _LIP_Y, 0.07) * _bump(ax - 0.29, 0.06) * front),
        "corner-bulge": (-0.02 * inwards * _bump(ax - 0.37, 0.05) * _bump(y - _LIP_Y, 0.12) * front, none,
                         0.03 * _bump(ax - 0.38, 0.05) * _bump(y - _LIP_Y, 0.13) * front),
        "corner-lift": (none, 0.02 * corner, none),
        # The corner with the skin around it: what people's smiles and frowns differ by.
        "corner-up": (none, 0.03 * around, none),
        "corner-out": (-inwards * 0.03 * around, none, -0.006 * around),
        "corner-down": (none, -0.03 * corner, none),
    }  # fmt: skip


def _lips_and_chin() -> Fields:
    x, y, ax, inwards, front = _places()
    none = 0 * x
    lips = _bump(y - _LIP_Y, 0.14) * _bump(ax, 0.33) * front
    red = _bump(y - _LIP_Y, 0.105) * _bump(ax, 0.3) * front
    upper = 0.5 + 0.5 * np.tanh((y - _LIP_Y) / 0.016)
    to_seam = (_LIP_Y - y) * red
    around = (_bump(y - _LIP_Y - 0.115, 0.035) + _bump(y - _LIP_Y + 0.14, 0.05)) * _bump(ax, 0.17) * front
    return {
        # The chin's boss flattens and rises.
        "chin-boss": (none, 0.03 * _bump(y - 6.36, 0.1) * _bump(ax, 0.2) * front,
                      0.02 * _bump(y - 6.38, 0.06) * _bump(ax, 0.14) * front),
        # AU23: the red parts narrow towards the seam, the rim hardens outwards, the mouth hardly shortens.
        "lips-tight": (inwards * 0.01 * _bump(ax - 0.25, 0.14) * lips, 0.62 * to_seam,
                       0.022 * lips * _bump(ax, 0.2)),
        # AU24: the lower lip is pressed up against the upper, both flat; the mouth neither shortens nor rolls in.
        "lips-pressed": (none, 0.44 * (1 - 0.85 * upper) * to_seam + 0.009 * (1 - 1.5 * upper) * lips,
                         -0.045 * red * _bump(ax, 0.26)),
        # Pressed lips push the skin above and below them out.
        "lip-bulge": (none, none, 0.03 * around),
        # AU28: the red of both lips goes in over the teeth along the whole mouth, which stays closed.
        "lips-sucked": (none, 0.55 * to_seam + 0.012 * (1 - 2 * upper) * red, -0.07 * red),
        "lips-flat": (none, 0.35 * to_seam, -0.015 * red),
        "lower-lip-out": (none, none, 0.03 * _bump(y - 6.54, 0.06) * _bump(ax, 0.2) * front),
    }  # fmt: skip


def _sparse(shift: Float[np.ndarray, "v 3"]) -> Displacement:
    index = np.flatnonzero(np.abs(shift).max(1) > 1e-4)
    return Displacement(index, shift[index])
