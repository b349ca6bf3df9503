"""Where each action unit moves landmarks and skin, as the FACS manual says it does; measured on heads without painting.

Source: Ekman, Friesen and Hager, FACS manual (2002), section "appearance changes" of each action unit; the sentences
are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.synthesis.person.apertures import clear_of_eyes, fitted_gains
from duchenne.synthesis.person.expression import ExpressionGains, Sides, blendshape_weights, express
from duchenne.synthesis.person.identity import Identity, draw_identity
from duchenne.synthesis.rig.landmark_vertices import landmarks_on
from duchenne.synthesis.rig.mesh import Vertices, base_mesh
from duchenne.synthesis.rig.parts import head_parts

OTHER_REGION_BOUND_DM = 0.01
"""No action unit at intensity E moves a landmark of another region farther than this (1 mm)."""
_PATCH_RADIUS = 0.07

Direction = tuple[float, float, float]
"""Out from the midline, up, forward."""
OUT, IN, UP, DOWN, BACK, FORTH = (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1)


@dataclass(frozen=True)
class Expected:
    """A motion that FACS describes.

    Attributes:
        au: Action unit.
        what: The motion in words.
        direction: Out, up, forward.
        landmark: Number from 0, on the image's left or the midline; its mirror image counts alike.
        against: Landmark whose motion is subtracted: an opening that widens or narrows.
        skin: Instead of a landmark: where the skin lies on the base mesh, (|x|, y) in decimetres.
    """

    au: str
    what: str
    direction: Direction
    landmark: int | None = None
    against: int | None = None
    skin: tuple[float, float] | None = None


LID_UP, LID_LOW, LIP_UP, LIP_LOW, CORNER, INNER_UP, INNER_LOW = 20, 24, 34, 40, 31, 44, 47
EXPECTED = (
    Expected("AU01", "the inner brow rises", UP, 4),
    Expected("AU01", "the inner brow rises more than the outer", UP, 4, 0),
    Expected("AU01", "skin above the inner brow rises", UP, skin=(0.16, 7.5)),
    Expected("AU02", "the outer brow rises", UP, 1),
    Expected("AU02", "the outer brow rises more than the inner", UP, 1, 4),
    Expected("AU02", "skin above the outer brow rises", UP, skin=(0.48, 7.5)),
    Expected("AU04", "the inner brow sinks", DOWN, 4),
    Expected("AU04", "the brows draw together", IN, 4),
    Expected("AU04", "skin beside the brow's root is drawn in", IN, skin=(0.2, 7.45)),
    Expected("AU05", "the upper lid rises away from the lower", UP, LID_UP, LID_LOW),
    Expected("AU06", "the lower lid rises towards the upper", UP, LID_LOW, LID_UP),
    Expected("AU06", "the cheek rises", UP, skin=(0.42, 7.05)),
    Expected("AU06", "skin at the temple is drawn towards the eye", IN, skin=(0.57, 7.22)),
    Expected("AU07", "the lower lid rises towards the upper", UP, LID_LOW, LID_UP),
    Expected("AU07", "skin of the lower lid rises", UP, skin=(0.3, 7.15)),
    Expected("AU09", "the inner brow sinks", DOWN, 4),
    Expected("AU09", "the nostril's wing rises", UP, 14),
    Expected("AU09", "skin beside the nose rises", UP, skin=(0.16, 7.0)),
    Expected("AU09", "the middle of the upper lip rises", UP, LIP_UP),
    Expected("AU10", "the middle of the upper lip rises", UP, LIP_UP),
    Expected("AU10", "skin beside the nose rises", UP, skin=(0.2, 6.95)),
    Expected("AU12", "the lip corner rises", UP, CORNER),
    Expected("AU12", "the lip corner moves out", OUT, CORNER),
    Expected("AU12", "the cheek rises", UP, skin=(0.42, 6.88)),
    Expected("AU14", "the lip corner is drawn in against the teeth", BACK, skin=(0.29, 6.6)),
    Expected("AU14", "the mouth is stretched", OUT, CORNER),
    Expected("AU15", "the lip corner sinks", DOWN, CORNER),
    Expected("AU15", "skin below the corner sinks", DOWN, skin=(0.28, 6.54)),
    Expected("AU16", "the lower lip sinks", DOWN, LIP_LOW),
    Expected("AU17", "the lower lip rises", UP, LIP_LOW),
    Expected("AU17", "the chin's boss rises", UP, skin=(0.0, 6.36)),
    Expected("AU18", "the mouth shortens", IN, CORNER),
    Expected("AU18", "the upper lip comes forward", FORTH, LIP_UP),
    Expected("AU20", "the lip corner moves out", OUT, CORNER),
    Expected("AU22", "the lower lip comes forward", FORTH, LIP_LOW),
    Expected("AU22", "the lips part", UP, INNER_UP, INNER_LOW),
    Expected("AU23", "the mouth shortens", IN, CORNER),
    Expected("AU23", "the red of the lips narrows", DOWN, LIP_UP, LIP_LOW),
    Expected("AU24", "the red of the lips narrows", DOWN, LIP_UP, LIP_LOW),
    Expected("AU24", "skin below the lips bulges", FORTH, skin=(0.0, 6.43)),
    Expected("AU25", "the lips part", UP, INNER_UP, INNER_LOW),
    Expected("AU25", "the lower lip sinks", DOWN, LIP_LOW),
    Expected("AU26", "the lower lip sinks", DOWN, LIP_LOW),
    Expected("AU26", "the chin sinks", DOWN, skin=(0.0, 6.36)),
    Expected("AU27", "the lower lip sinks", DOWN, LIP_LOW),
    Expected("AU27", "the chin sinks", DOWN, skin=(0.0, 6.36)),
    Expected("AU28", "the red of the lips disappears", DOWN, LIP_UP, LIP_LOW),
    Expected("AU28", "the upper lip is drawn down over the teeth", DOWN, LIP_UP),
    Expected("AU28", "the lower lip is drawn up over the teeth", UP, LIP_LOW),
    Expected("AU43", "the upper lid sinks to the lower", DOWN, LID_UP, LID_LOW),
)

_BROW, _EYE, _MOUTH = (
    tuple(i for name in names for i in LANDMARK_GROUPS[name])
    for names in (
        ("brow_image_left", "brow_image_right"),
        ("eye_image_left", "eye_image_right"),
        ("lip_outer", "lip_inner"),
    )
)


def far_landmarks(au: str) -> tuple[int, ...]:
    """Return the landmarks of other regions, which an action unit must leave alone."""
    if au in ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU43"):
        return _MOUTH
    return () if au == "AU09" else (*_BROW, *_EYE)


@dataclass(frozen=True)
class BareHead:
    """A head without paint: who, and how they move."""

    identity: Identity
    gains: ExpressionGains

    def moved(self, aus: dict[str, Sides]) -> Vertices:
        """Return the base vertices with AU intensities 0-5 per side, y up, decimetres."""
        return clear_of_eyes(express(self.identity.vertices, blendshape_weights(aus, self.gains)))


def bare_heads(subjects: Sequence[int]) -> list[BareHead]:
    """Return heads that need no painting; some milliseconds each."""
    return [BareHead(identity, fitted_gains(identity)) for identity in map(draw_identity, subjects)]


def motions(heads: Sequence[BareHead], au: str, intensity: float = 5.0) -> Float[np.ndarray, "n v 3"]:
    """Return the displacement of every base vertex against the resting face."""
    return np.stack([head.moved({au: (intensity, intensity)}) - head.moved({}) for head in heads])


def along(expected: Expected, shifts: Float[np.ndarray, "n v 3"]) -> Float[np.ndarray, " n"]:
    """Return how far each head moves in the expected direction, decimetres; the mean of both sides."""
    if expected.skin is not None:
        found = [shifts[:, patch].mean(1) for patch in _patches(*expected.skin)]
    elif expected.landmark is not None:
        found = [_at(shifts, expected.landmark), _at(shifts, int(MIRROR_LANDMARKS[expected.landmark]))]
        if expected.against is not None:
            still = expected.against
            found = [found[0] - _at(shifts, still), found[1] - _at(shifts, int(MIRROR_LANDMARKS[still]))]
    out, up, forth = expected.direction
    right, left = (side @ np.array([sign * out, up, forth]) for side, sign in zip(found, (-1, 1), strict=True))
    return (right + left) / 2


def _at(shifts: Float[np.ndarray, "n v 3"], landmark: int) -> Float[np.ndarray, "n 3"]:
    return landmarks_on(shifts)[:, landmark]


@cache
def _patches(out: float, up: float) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Return the vertices of the skin around a place on the subject's right and left (x < 0 and x > 0)."""
    vertices, skin = base_mesh().vertices, head_parts().skin_normals
    front = skin[vertices[skin, 2] > 0.6]
    sides = (front[np.hypot(vertices[front, 0] - x, vertices[front, 1] - up) < _PATCH_RADIUS] for x in (-out, out))
    right, left = sides
    return right, left


def farthest_elsewhere(au: str, shifts: Float[np.ndarray, "n v 3"]) -> float:
    """Return the largest displacement of a landmark of another region, decimetres; 0 where there is none."""
    far = list(far_landmarks(au))
    return float(np.linalg.norm(landmarks_on(shifts)[:, far], axis=2).max()) if far else 0.0
