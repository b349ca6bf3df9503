"""The muscles of the action units on a drawn face: where each lies, as curves, and the drawing as SVG.

Ours: a sketch after the muscles that FACS names for each action unit (`facs.ACTION_UNITS`), in the units of the mean
face. It shows where an action unit pulls, and is no anatomical plate. As on a picture, the subject's right side is on
the left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError
from duchenne.facs import AU_BY_NAME, AU_NAMES

Curve = Float[np.ndarray, "n 2"]
"""Points in units of the mean face: x to the image's right, y down, the eyes at y = -0.33, the mouth at 0.46."""
VIEW = (-1.0, -1.25, 2.0, 2.5)
"""Left, top, width and height of the drawing in these units."""
LOW_COLOUR, HIGH_COLOUR, EMPTY_COLOUR = (0.89, 0.93, 0.97), (0.03, 0.19, 0.42), "#ececec"
_EYE, _MOUTH = (-0.34, -0.33), (0.0, 0.48)


@dataclass(frozen=True)
class Strand:
    """One strand of muscle.

    Attributes:
        points: Its course.
        width: Of the line, in units of the mean face.
        side: "R" and "L" of the subject, or "" across the middle.
    """

    points: Curve
    width: float
    side: str


def _bend(start: Sequence[float], control: Sequence[float], end: Sequence[float]) -> Curve:
    """Return a quadratic Bezier curve."""
    t = np.linspace(0, 1, 9)[:, None]
    return (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * np.array(control) + t**2 * np.array(end)


def _line(start: Sequence[float], end: Sequence[float]) -> Curve:
    return np.array([start, end], float)


def _ring(centre: Sequence[float], radius: tuple[float, float], from_deg: float = 0, to_deg: float = 360) -> Curve:
    """Return part of an ellipse; 0 degrees is to the image's right, 90 down."""
    angle = np.radians(np.linspace(from_deg, to_deg, 33))
    return np.array(centre) + np.stack([np.cos(angle) * radius[0], np.sin(angle) * radius[1]], 1)


_ON_THE_RIGHT: Mapping[str, tuple[tuple[Curve, float], ...]] = {
    "AU01": tuple((_bend((x, -1.0), (x * 1.1, -0.8), (x * 1.05, -0.64)), 0.055) for x in (-0.07, -0.15, -0.23)),
    "AU02": tuple((_bend((x, -0.97), (x * 1.08, -0.8), (x * 1.1, -0.65)), 0.055) for x in (-0.34, -0.43, -0.52)),
    "AU04": (
        (_bend((-0.09, -0.45), (-0.2, -0.5), (-0.36, -0.6)), 0.07),
        (_bend((-0.04, -0.28), (-0.05, -0.42), (-0.06, -0.58)), 0.05),
    ),
    "AU05": ((_ring(_EYE, (0.17, 0.1), 195, 345), 0.03),),
    "AU06": ((_ring(_EYE, (0.34, 0.27), 40, 235), 0.075),),
    "AU07": ((_ring(_EYE, (0.235, 0.16)), 0.045),),
    "AU09": ((_bend((-0.12, -0.3), (-0.13, 0.0), (-0.22, 0.2)), 0.055),),
    "AU10": ((_bend((-0.33, -0.02), (-0.25, 0.15), (-0.19, 0.32)), 0.06),),
    "AU12": ((_bend((-0.72, -0.02), (-0.55, 0.25), (-0.35, 0.41)), 0.075),),
    "AU14": tuple((_bend((-0.7, y), (-0.5, 0.42), (-0.38, 0.455)), 0.04) for y in (0.3, 0.38)),
    "AU15": ((_bend((-0.34, 0.53), (-0.42, 0.7), (-0.38, 0.9)), 0.07),),
    "AU16": ((_bend((-0.16, 0.68), (-0.22, 0.78), (-0.25, 0.92)), 0.06),),
    "AU17": ((_bend((-0.06, 0.76), (-0.1, 0.85), (-0.07, 0.97)), 0.07),),
    "AU18": tuple((_bend(a, b, c), 0.035) for a, b, c in (
        ((-0.07, 0.27), (-0.12, 0.3), (-0.25, 0.37)), ((-0.07, 0.74), (-0.14, 0.7), (-0.25, 0.6)),
    )),
    "AU20": ((_bend((-0.74, 0.52), (-0.55, 0.52), (-0.4, 0.49)), 0.06),),
    "AU26": ((_bend((-0.78, 0.08), (-0.76, 0.32), (-0.64, 0.6)), 0.09),),
    "AU27": ((_bend((-0.1, 1.03), (-0.3, 1.04), (-0.5, 0.93)), 0.06),),
    "AU43": ((_ring(_EYE, (0.15, 0.045), 180, 0), 0.05),),
}  # fmt: skip
_ACROSS: Mapping[str, tuple[tuple[Curve, float], ...]] = {
    "AU22": ((_ring(_MOUTH, (0.345, 0.235)), 0.03),),
    "AU23": ((_ring(_MOUTH, (0.31, 0.195)), 0.03),),
    "AU24": ((_ring(_MOUTH, (0.275, 0.155)), 0.03),),
    "AU25": ((_ring(_MOUTH, (0.14, 0.02)), 0.03),),
    "AU28": ((_ring(_MOUTH, (0.235, 0.11)), 0.03),),
}
_OUTLINE = np.concatenate([
    _ring((0, -0.2), (0.86, 1.0), 180, 360),
    _bend((0.86, -0.2), (0.86, 0.55), (0.48, 0.95)), _bend((0.48, 0.95), (0.25, 1.14), (0, 1.14)),
    _bend((0, 1.14), (-0.25, 1.14), (-0.48, 0.95)), _bend((-0.48, 0.95), (-0.86, 0.55), (-0.86, -0.2)),
])  # fmt: skip


@cache
def strands_of(name: str) -> tuple[Strand, ...]:
    """Return the strands of an AU on both sides, the subject's right first.

    Raises:
        UsageError: There is no such AU.
    """
    if name not in AU_BY_NAME:
        raise UsageError(f"There is no action unit {name!r} here. Known: {' '.join(AU_NAMES)}.")
    if name in _ACROSS:
        return tuple(Strand(points, width, "") for points, width in _ACROSS[name])
    right = [Strand(points, width, "R") for points, width in _ON_THE_RIGHT[name]]
    return (*right, *(Strand(strand.points * [-1, 1], strand.width, "L") for strand in right))


def features() -> tuple[Curve, ...]:
    """Return the lines of the face itself: outline, brows, eyes, nose and lips."""
    brow = _bend((-0.62, -0.5), (-0.4, -0.64), (-0.14, -0.52))
    eye = _ring(_EYE, (0.15, 0.07))
    nose = _bend((-0.09, -0.3), (-0.1, 0.05), (-0.17, 0.16))
    wing = _bend((-0.17, 0.16), (-0.14, 0.27), (0, 0.23))
    upper = np.concatenate([_bend((-0.29, 0.46), (-0.15, 0.37), (-0.05, 0.36)), _line((-0.05, 0.36), (0, 0.38))])
    lower = _bend((-0.29, 0.46), (-0.16, 0.62), (0, 0.63))
    middle = _bend((-0.29, 0.46), (-0.12, 0.46), (0, 0.47))
    halves = (brow, eye, nose, wing, upper, lower, middle)
    return (_OUTLINE, *halves, *(half * [-1, 1] for half in halves))


def shade(value: float, largest: float) -> str:
    """Return the colour of a value between 0 and the largest, as "#rrggbb"; light to dark blue, legible in grey print.

    Example:
        >>> shade(1.0, 1.0)
        '#08306b'
    """
    share = min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0
    mixed = [low + share * (high - low) for low, high in zip(LOW_COLOUR, HIGH_COLOUR, strict=True)]
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def is_dark(colour: str) -> bool:
    """Return whether white is easier to read than black on a colour "#rrggbb".

    Source: relative luminance and contrast of WCAG 2.2; at .179 black and white stand out alike, by 4.6.

    Example:
        >>> is_dark("#08306b"), is_dark("#ffffff")
        (True, False)
    """
    parts = [part / 255 for part in bytes.fromhex(colour.removeprefix("#"))]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] < 0.179


def value_of(values: Mapping[str, float], name: str, side: str) -> float | None:
    """Return the value of one side of an AU: "AU12L" or else "AU12"; None where it is absent or NaN."""
    found = values.get(name + side, values.get(name))
    return None if found is None or np.isnan(found) else float(found)


def face_svg(values: Mapping[str, float], largest: float, title: str, width_px: int = 260) -> str:
    """Return the face as SVG, each muscle in the shade of its AU's value.

    Args:
        values: By AU name, such as rates or intensities; "AU12L" and "AU12R" colour the subject's sides apart. AUs that
            are absent or NaN are drawn in grey.
        largest: The value of the darkest shade.
        title: What the drawing shows, for those who cannot see it.
        width_px: Of the drawing.

    Example:
        >>> face_svg({"AU12": 0.5}, 1.0, "Rates")[:4]
        '<svg'
    """
    strands = [_strand_svg(strand, name, value_of(values, name, strand.side), largest)
               for name in drawing_order(values) for strand in strands_of(name)]  # fmt: skip
    lines = [f'<path d="{_path(curve)}"/>' for curve in features()]
    left, top, width, height = (100 * part for part in VIEW)
    return (
        f'<svg class="face" viewBox="{left:g} {top:g} {width:g} {height:g}" width="{width_px}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f'<path d="{_path(_OUTLINE)}Z" fill="#fbfaf7"/>'
        f'<g fill="none" stroke-linecap="round" stroke-linejoin="round">{"".join(strands)}'
        f'<g stroke="#333" stroke-width="1.6">{"".join(lines)}</g></g></svg>'
    )


def drawing_order(values: Mapping[str, float]) -> list[str]:
    """Return all AUs, those without a value first and strong ones last, so that nothing lies above what was found."""

    def strength(name: str) -> float:
        sides = [value_of(values, name, side) for side in ("R", "L")]
        return max((-1.0 if value is None else value) for value in sides)

    return sorted(AU_NAMES, key=strength)


def _strand_svg(strand: Strand, name: str, value: float | None, largest: float) -> str:
    colour = EMPTY_COLOUR if value is None else shade(value, largest)
    said = "not judged" if value is None else f"{value:.2f}"
    title = f"{name}{' ' + strand.side if strand.side else ''} {AU_BY_NAME[name].title}: {said}"
    return (
        f'<path d="{_path(strand.points)}" stroke="{colour}" stroke-width="{100 * strand.width:.1f}">'
        f"<title>{escape(title)}</title></path>"
    )


def _path(points: Curve) -> str:
    return "M" + "L".join(f"{100 * x:.1f} {100 * y:.1f}" for x, y in points)
