"""Rates and intensities of each action unit by person as dots with their intervals, drawn as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from duchenne.facs import AU_BY_NAME
from duchenne.study.colours import colour_of

if TYPE_CHECKING:
    import pandas as pd

_LEFT, _RIGHT, _TOP, _ROW, _GAP = 165, 20, 26, 9, 9


@dataclass(frozen=True)
class Scale:
    """What the horizontal axis says.

    Attributes:
        measure: A column of `summary`, with `_low` and `_high`.
        title: In words.
        largest: Its right end.
        ticks: Where lines stand.
        unit: Behind each number.
    """

    measure: str
    title: str
    largest: float
    ticks: tuple[float, ...]
    unit: str = ""


RATE = Scale("rate", "Share of the judged frames in which the action unit occurs", 1.0, (0, 0.25, 0.5, 0.75, 1))
INTENSITY = Scale("intensity", "Mean intensity over the judged frames, 0 (absent) to 5 (E)", 5.0, (0, 1, 2, 3, 4, 5))


def forest(found: "pd.DataFrame", people: Sequence[str], scale: Scale, width_px: int = 680) -> str:
    """Return a drawing with a row for each AU, and in it a dot with its interval for each person.

    Args:
        found: From `summary`.
        people: In the order of their colours.
        scale: Of the horizontal axis.
        width_px: Of the drawing.
    """
    aus = list(dict.fromkeys(found["au"]))
    step = _ROW * len(people) + _GAP
    height = _TOP + step * len(aus) + 6
    parts = [_axis(scale, width_px, height)]
    rows = found.set_index(["au", "person"])
    for k, au in enumerate(aus):
        top = _TOP + step * k
        middle = top + (step - _GAP) / 2 + 4
        parts.append(f'<text x="0" y="{middle:.0f}">{au} {escape(AU_BY_NAME[au].title)}</text>')
        parts.append(f'<line x1="0" x2="{width_px}" y1="{top - _GAP / 2:.1f}" y2="{top - _GAP / 2:.1f}" class="rule"/>')
        for number, person in enumerate(people):
            y = top + _ROW * (number + 0.5)
            if (au, person) in rows.index:
                parts.append(_dot(rows.loc[(au, person)], person, number, y, scale, width_px))
    return (
        f'<svg class="forest" viewBox="0 0 {width_px} {height}" width="{width_px}" role="img" '
        f'aria-label="{escape(scale.title)}; the table below holds the numbers">{"".join(parts)}</svg>'
    )


def _x(value: float, scale: Scale, width_px: int) -> float:
    return _LEFT + min(max(value / scale.largest, 0), 1) * (width_px - _LEFT - _RIGHT)


def _axis(scale: Scale, width_px: int, height: float) -> str:
    parts = []
    for tick in scale.ticks:
        x = _x(tick, scale, width_px)
        label = f"{100 * tick:.0f}%" if scale.largest == 1 else f"{tick:g}"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height}" class="tick"/>')
        parts.append(f'<text x="{x:.1f}" y="{_TOP - 12}" text-anchor="middle">{label}</text>')
    return "".join(parts)


def _dot(row: "pd.Series", person: str, number: int, y: float, scale: Scale, width_px: int) -> str:
    value, low, high = (float(row[scale.measure + end]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return ""
    said = f"{person}: {value:.2f}" + ("" if np.isnan(low) else f" ({low:.2f} to {high:.2f})")
    colour, x = colour_of(number), _x(value, scale, width_px)
    ends = (_x(end, scale, width_px) for end in (low, high))
    bar = "" if np.isnan(low) else '<line x1="{:.1f}" x2="{:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'.format(*ends, y=y)
    return (
        f'<g stroke="{colour}" stroke-width="2"><title>{escape(said)}</title>{bar}'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}" stroke="none"/></g>'
    )
