"""How far each action unit moves brows, lids and lips, in hundredths of the distance between the outer eye corners.

`measure` writes the table into its file, `duchenne dev measure-movements` prints it. Unlike `directions`, which
asks where landmarks go, this says how much, so that movements can be held against those of other rigs and of people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from duchenne.facs import AU_NAMES, MOUTH_CORNERS, OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT
from duchenne.synthesis.checks.directions import BareHead, bare_heads
from duchenne.synthesis.rig.landmark_vertices import landmarks_on

Points = Float[np.ndarray, "n 49 3"]
"""Landmarks of n heads seen from the front: x across, y up, z forward."""
PerHead = Float[np.ndarray, " n"]

_LID_PAIRS = ((20, 24), (21, 23), (26, 30), (27, 29))
_BROW_HEADS, _BROW_MIDDLES, _BROW_TAILS = (4, 5), (2, 7), (0, 9)
_UPPER_LIP, _LOWER_LIP, _INNER_UP, _INNER_LOW = 34, 40, 44, 47
_OUTER_EYES = (OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT)


@dataclass(frozen=True)
class Travel:
    """Changes against the resting face, one value per head, in hundredths of the distance between outer eye corners.

    Attributes:
        brow_head: Rise of the inner ends of the brows.
        brow_middle: Rise of their middles.
        brow_tail: Rise of their outer ends.
        brow_gap: Growth of the distance between the inner ends.
        lid_gap: Growth of the opening of the eyes.
        corner_up: Rise of the mouth corners.
        corner_out: Way of a mouth corner from the midline.
        upper_lip: Rise of the upper lip's upper edge.
        lower_lip: Rise of the lower lip's lower edge.
        lip_gap: Growth of the opening between the lips.
        inner_lip: Part of that by which the upper lip's inner edge rises.
    """

    brow_head: PerHead
    brow_middle: PerHead
    brow_tail: PerHead
    brow_gap: PerHead
    lid_gap: PerHead
    corner_up: PerHead
    corner_out: PerHead
    upper_lip: PerHead
    lower_lip: PerHead
    lip_gap: PerHead
    inner_lip: PerHead


def lid_gap(points: Points) -> PerHead:
    """Return the opening of the eyes, mean of four pairs of lid points, in hundredths of the eye distance."""
    upper, lower = (points[:, [pair[k] for pair in _LID_PAIRS], 1] for k in (0, 1))
    return _hundredths(points, (upper - lower).mean(1))


def travel(resting: Points, moved: Points) -> Travel:
    """Return how far faces moved."""
    x, up = (moved - resting)[..., 0], (moved - resting)[..., 1]
    ways = {
        "brow_head": up[:, _BROW_HEADS].mean(1),
        "brow_middle": up[:, _BROW_MIDDLES].mean(1),
        "brow_tail": up[:, _BROW_TAILS].mean(1),
        "brow_gap": x[:, _BROW_HEADS[1]] - x[:, _BROW_HEADS[0]],
        "corner_up": up[:, MOUTH_CORNERS].mean(1),
        "corner_out": (x[:, MOUTH_CORNERS[1]] - x[:, MOUTH_CORNERS[0]]) / 2,
        "upper_lip": up[:, _UPPER_LIP],
        "lower_lip": up[:, _LOWER_LIP],
        "lip_gap": up[:, _INNER_UP] - up[:, _INNER_LOW],
        "inner_lip": up[:, _INNER_UP],
    }
    found = {name: _hundredths(resting, way) for name, way in ways.items()}
    return Travel(**found, lid_gap=lid_gap(moved) - lid_gap(resting))


def _hundredths(points: Points, way: PerHead) -> PerHead:
    """Return lengths in hundredths of the distance between the outer eye corners."""
    one, other = _OUTER_EYES
    return 100 * way / np.linalg.norm(points[:, one] - points[:, other], axis=1)


def landmarks_of(heads: Sequence[BareHead], au: str | None = None, intensity: float = 5.0) -> Points:
    """Return the landmarks of heads at rest, or with one action unit on both sides."""
    aus = {} if au is None else {au: (intensity, intensity)}
    return landmarks_on(np.stack([head.moved(aus) for head in heads]))


def travel_table(heads: Sequence[BareHead], intensity: float = 5.0) -> dict[str, dict[str, list[float]]]:
    """Return mean and spread over heads of every quantity of `Travel` by action unit, and of the resting lid gap."""
    resting = landmarks_of(heads)
    table = {"neutral": {"lid_gap": _mean_and_spread(lid_gap(resting))}}
    for au in AU_NAMES:
        found = travel(resting, landmarks_of(heads, au, intensity))
        table[au] = {field.name: _mean_and_spread(getattr(found, field.name)) for field in fields(Travel)}
    return table


_DIRECTED = {
    "AU04": ("brow_gap", "brow_head"),
    "AU12": ("corner_out", "corner_up"),
    "AU20": ("corner_out", "corner_up"),
}
"""Action units whose direction in the picture follows from two quantities, across and upwards."""


def direction_spread(heads: Sequence[BareHead]) -> dict[str, float]:
    """Return by how many degrees people differ in the direction in which an action unit at E goes (spread)."""
    resting, found = landmarks_of(heads), {}
    for au, (across, upwards) in _DIRECTED.items():
        way = travel(resting, landmarks_of(heads, au))
        angles = np.degrees(np.arctan2(np.abs(getattr(way, upwards)), np.abs(getattr(way, across))))
        found[au] = round(float(angles.std()), 1)
    return found


def _mean_and_spread(values: PerHead) -> list[float]:
    return [round(float(values.mean()), 2), round(float(values.std()), 2)]


def travel_lines(people: int = 40, intensity: float = 5.0) -> Iterator[str]:
    """Yield the table of as many people as lines of text: mean and, in brackets, spread."""
    table = travel_table(bare_heads(range(62_000, 62_000 + people)), intensity)
    names = [field.name for field in fields(Travel)]
    mean, spread = table["neutral"]["lid_gap"]
    yield f"resting lid gap {mean:.1f} ({spread:.1f})"
    yield "     " + "".join(f"{name:>14}" for name in names)
    for au in AU_NAMES:
        yield f"{au} " + "".join(f"{mean:8.1f} ({spread:3.1f})" for mean, spread in map(table[au].__getitem__, names))
