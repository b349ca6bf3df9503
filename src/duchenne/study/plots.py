"""Drawings of results for papers: time lines and the muscles on a face (matplotlib)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from duchenne.errors import StudyError
from duchenne.facs import AU_BY_NAME
from duchenne.study.colours import colour_of
from duchenne.study.exclusion import Exclusion
from duchenne.study.face_map import EMPTY_COLOUR, VIEW, drawing_order, features, shade, strands_of, value_of
from duchenne.study.judged import judged
from duchenne.study.people_table import by_person
from duchenne.study.results import PERSON, aus_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN, _WIDTH_IN, _FACE_IN = 0.75, 7.2, (3.2, 4.0)


def plot_timeline(
    table: "pd.DataFrame", aus: Sequence[str] | None = None, source: str | None = None, exclude: Exclusion | None = None
) -> "Figure":
    """Return a figure with one row for each AU and a line of intensity over time for each person.

    Lines break where an AU cannot be judged; the bars below them show where it occurs.

    Args:
        table: A result.
        aus: Those that occur unless given.
        source: Which of the sources; the only one unless given.
        exclude: Stretches in which lines break, such as speech.

    Raises:
        StudyError: There is no such source, several and none is named, or no AU occurs.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": "a.mp4", "face_id": 0, "timestamp_s": [0.0, 0.1], "AU12_c": [0, 1],
        ...                       "AU12_p": [0.1, 0.9], "AU12_i": [0.2, 2.5]})
        >>> len(plot_timeline(table).axes)
        1
    """
    from matplotlib.figure import Figure

    own = by_person(_of_source(table, source))
    names = list(aus) if aus else [au for au in aus_of(own, "c") if (own[f"{au}_c"] == 1).any()]
    if not names:
        raise StudyError("No action unit occurs in this source. Say with aus which to draw.")
    figure = Figure(figsize=(_WIDTH_IN, _ROW_IN * len(names) + 0.8), layout="constrained")
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    known = judged(own, names, exclude)
    people = sorted(own[PERSON].astype(str).unique())
    for k, (au, axes) in enumerate(zip(names, rows, strict=True)):
        for number, person in enumerate(people):
            _draw_line(axes, own, known[:, k], au, (number, person, len(people)))
        axes.set_ylabel(au, rotation=0, ha="right", va="center")
        axes.spines[["top", "right"]].set_visible(False)
    rows[-1].set_xlabel("seconds")
    figure.legend(*rows[0].get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False)
    return figure


def _of_source(table: "pd.DataFrame", source: str | None) -> "pd.DataFrame":
    held = [str(name) for name in table["source"].unique()]
    if source is None and len(held) == 1:
        return table
    if source not in held:
        found = "no source is named" if source is None else f"there is no source {source}"
        raise StudyError(f"{found}; the table holds {', '.join(held[:5])}. Name one of them.")
    return table[table["source"] == source]


def _draw_line(axes: "Axes", own: "pd.DataFrame", known: np.ndarray, au: str, who: tuple[int, str, int]) -> None:
    number, person, people = who
    mine = (own[PERSON].astype(str) == person).to_numpy()
    has_intensity = f"{au}_i" in own
    values = own[f"{au}_i" if has_intensity else f"{au}_p"].to_numpy(float)
    time_s, top = own["timestamp_s"].to_numpy(float), 5.0 if has_intensity else 1.0
    shown = np.where(known, values, np.nan)[mine]
    axes.plot(time_s[mine], shown, color=colour_of(number), linewidth=1.2, label=person)
    occurs = (own[f"{au}_c"].to_numpy() == 1)[mine] & known[mine] if f"{au}_c" in own else np.zeros(mine.sum(), bool)
    low = -top * 0.08 * (number + 1)
    axes.fill_between(time_s[mine], low, low + top * 0.06, where=occurs.tolist(), color=colour_of(number), linewidth=0)
    axes.set_ylim(-top * 0.08 * (people + 0.5), top)
    axes.set_yticks([0, top])


def plot_face(values: Mapping[str, float], largest: float | None = None, axes: "Axes | None" = None) -> "Axes":
    """Draw the muscles of the AUs on a face, darker where the value is larger, and return the axes.

    Args:
        values: By AU name, such as rates of `summary`; "AU12L" and "AU12R" colour the subject's sides apart. AUs that
            are absent or NaN are grey.
        largest: The value of the darkest shade; the largest one unless given.
        axes: Where to draw; new ones unless given.

    Raises:
        StudyError: A name is not that of an AU.

    Example:
        >>> plot_face({"AU06": 0.1, "AU12": 0.4}).get_title()
        ''
    """
    from matplotlib.figure import Figure

    if unknown := [name for name in values if name.rstrip("LR") not in AU_BY_NAME]:
        raise StudyError(f"There is no action unit {', '.join(unknown)} here. Write AU12, or AU12L for one side.")
    if axes is None:
        axes = Figure(figsize=_FACE_IN, layout="constrained").subplots()
    top = largest or max([value for value in values.values() if not np.isnan(value)], default=1.0)
    left, upper, width, height = VIEW
    axes.set(xlim=(left, left + width), ylim=(upper + height, upper), aspect="equal")
    axes.axis("off")
    figure = axes.get_figure(root=True)
    width_in = axes.get_position().width * (figure.get_size_inches()[0] if figure else _FACE_IN[0])
    points_per_unit = 72 * width_in / width
    for name in drawing_order(values):
        for strand in strands_of(name):
            value = value_of(values, name, strand.side)
            colour = EMPTY_COLOUR if value is None else shade(value, top)
            axes.plot(*strand.points.T, color=colour, linewidth=strand.width * points_per_unit, solid_capstyle="round")
    for curve in features():
        axes.plot(*curve.T, color="#333333", linewidth=0.9)
    return axes
