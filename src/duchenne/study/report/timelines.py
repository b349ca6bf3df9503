"""Time lines of the report: the intensities of each person in each source, few enough numbers for hours of video."""

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from duchenne.study.exclusion import Exclusion
from duchenne.study.face_map import shade
from duchenne.study.judged import judged
from duchenne.study.results import PERSON, aus_of

if TYPE_CHECKING:
    import pandas as pd

MOST_STEPS = 1200
"""Of a time line; longer ones show the largest value of each step."""
SHOWN_AT_FIRST = 4
"""AUs whose lines are shown before the reader chooses: those that occur most."""
_GREY, _NOBODY = (214, 214, 214), (255, 252, 240)


@dataclass(frozen=True)
class Timeline:
    """One person in one source.

    Attributes:
        person: Whose.
        source: Where.
        aus: In FACS order.
        step_s: Seconds of a step.
        time_s: (t,), middle of each step.
        strength: (t, a), largest intensity 0-5 (or probability, where there are no intensities) of the step; NaN where
            nothing can be judged.
        occurs: (t, a), whether the AU occurs in the step.
        found: (t,), whether the face is found in it.
        largest: Of the scale: 5, or 1 for probabilities.
    """

    person: str
    source: str
    aus: tuple[str, ...]
    step_s: float
    time_s: Float[np.ndarray, " t"]
    strength: Float[np.ndarray, "t a"]
    occurs: Bool[np.ndarray, "t a"]
    found: Bool[np.ndarray, " t"]
    largest: float

    @property
    def shown(self) -> tuple[str, ...]:
        """The AUs whose lines are shown at first."""
        often = np.argsort(-self.occurs.mean(0), kind="stable")[:SHOWN_AT_FIRST]
        return tuple(au for k, au in enumerate(self.aus) if k in often and self.occurs[:, k].any())

    def data(self) -> dict[str, object]:
        """Return what the page's script draws: times in seconds and strengths, None for gaps."""
        values = [
            [None if np.isnan(value) else round(float(value), 2) for value in column] for column in self.strength.T
        ]
        return {
            "person": self.person, "source": self.source, "aus": list(self.aus), "shown": list(self.shown),
            "largest": self.largest, "seconds": [round(float(t), 3) for t in self.time_s], "values": values,
        }  # fmt: skip

    def strip(self) -> str:
        """Return a picture, as a data address, one row an AU and one column a step.

        Blue where the AU occurs, darker with its strength; white where it does not; grey where it cannot be judged;
        cream where the face is not found.
        """
        rows, columns = len(self.aus), len(self.time_s)
        pixels = np.full((rows, columns, 3), 255, np.uint8)
        pixels[np.isnan(self.strength).T] = _GREY
        pixels[:, ~self.found] = _NOBODY
        for row, column in zip(*np.nonzero(self.occurs.T), strict=True):
            colour = shade(float(self.strength[column, row]), self.largest).removeprefix("#")
            pixels[row, column] = tuple(bytes.fromhex(colour))
        return data_address(pixels, "PNG")


def data_address(pixels: np.ndarray, kind: str) -> str:
    """Return a picture (h, w, 3) as an address that holds it: "data:image/png;base64,...".

    Example:
        >>> data_address(np.zeros((1, 1, 3), np.uint8), "PNG")[:15]
        'data:image/png;'
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=85)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def timelines(table: "pd.DataFrame", exclude: Exclusion | None = None) -> list[Timeline]:
    """Return the time lines of each person in each source, sources in turn.

    Args:
        table: A result with `person`.
        exclude: Stretches that are shown as not judged.
    """
    names = aus_of(table, "c")
    kind = "i" if all(f"{au}_i" in table for au in names) else "p"
    known = judged(table, names, exclude)
    strength = np.where(known, table[[f"{au}_{kind}" for au in names]].to_numpy(float), np.nan)
    occurs = known & (table[[f"{au}_c" for au in names]].to_numpy() == 1)
    time_s = table["timestamp_s"].to_numpy(float)
    found = []
    for key, rows in table.groupby(["source", PERSON], observed=True).indices.items():
        source, person = cast(tuple[str, str], key)
        step_s, steps = _steps(time_s[rows], time_s[table["source"].to_numpy() == source].max())
        step = np.minimum((time_s[rows] / step_s + 1e-6).astype(int), steps - 1)
        largest = _by_step(step, steps, strength[rows], np.fmax, np.nan)
        at_work = _by_step(step, steps, occurs[rows].astype(float), np.maximum, 0.0) > 0
        seen = np.bincount(step, minlength=steps) > 0
        middle = (np.arange(steps) + 0.5) * step_s if len(rows) > steps else np.arange(steps) * step_s
        scale = 5.0 if kind == "i" else 1.0
        found.append(Timeline(str(person), str(source), names, step_s, middle, largest, at_work, seen, scale))
    return found


def _steps(time_s: Float[np.ndarray, " n"], end_s: float) -> tuple[float, int]:
    """Return the length and number of steps: a frame each where they are few enough."""
    gaps = np.diff(np.unique(time_s))
    frame_s = float(np.median(gaps)) if len(gaps) else 1.0
    steps = max(1, round(end_s / frame_s) + 1)
    return (frame_s, steps) if steps <= MOST_STEPS else ((end_s + frame_s) / MOST_STEPS, MOST_STEPS)


def _by_step(
    step: Int[np.ndarray, " n"], steps: int, values: Float[np.ndarray, "n a"], together: np.ufunc, empty: float
) -> Float[np.ndarray, "t a"]:
    out = np.full((steps, values.shape[1]), empty)
    together.at(out, step, values)
    return out
