"""Figures 5, 6 and 7 of the report from runs; colours that colour-blind readers tell apart, legible in grey print."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image

from duchenne.evaluation.relations import relation_distance
from duchenne.evaluation.report.tables import MEASURE_TITLES, Series
from duchenne.evaluation.runs import Measure, Run
from duchenne.poses import KEPT_POSES, yaw_and_pitch_deg
from duchenne.published import printed_relations

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's palette, in an order of contrast."""
YAW_COLOURS = {-40: COLOURS[0], 0: COLOURS[6], 40: COLOURS[1]}
PITCH_MARKS = {-40: "v", -20: "s", 0: "o"}
POSE_MEASURES: tuple[Measure, ...] = ("nf1", "napr", "aroc")
_WIDTH_IN = 7.2
_COLUMNS = 4


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PNG (200 dots an inch, 256 colours) and SVG (with text as text), the same bytes each time."""
    FigureCanvasAgg(figure)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=200, metadata={"Software": None})
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(256).save(folder / f"{name}.png", optimize=True)
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def relations_figure(run: Run) -> Figure:
    """Return Figure 5: the relation matrices of labels and calls side by side, the paper's printed pair above ours."""
    found = run.relations
    (printed_aus, labels), (_, calls) = printed_relations("labels"), printed_relations("ours")
    apart = relation_distance(labels, calls)
    panels = [
        (f"printed, BP4D's training labels\ndistance {apart:.4f}", printed_aus, labels),
        ("printed, calls of the paper's network", printed_aus, calls),
        (f"labels, {run.origin.data}, {found.faces} faces\ndistance {found.distance:.4f}", found.aus, found.labels),
        (f"calls of {run.origin.system}", found.aus, found.calls),
    ]
    figure = Figure(figsize=(_WIDTH_IN, 7.9), layout="constrained")
    axes = figure.subplots(2, 2)
    for axis, (title, aus, matrix) in zip(axes.ravel(), panels, strict=True):
        shown = _draw_relations(axis, title, aus, np.array(matrix))
    figure.colorbar(
        shown, ax=axes, orientation="horizontal", shrink=0.5, label="Pearson correlation", ticks=[-1, -0.5, 0, 0.5, 1]
    )
    return figure


def _draw_relations(axis: Axes, title: str, aus: Sequence[str], matrix: np.ndarray) -> AxesImage:
    numbers = [str(int(name[2:])) for name in aus]
    shown = axis.imshow(matrix, cmap="PuOr_r", vmin=-1, vmax=1)
    axis.set(xticks=range(len(numbers)), yticks=range(len(numbers)), xlabel="AU", ylabel="AU")
    axis.set_title(title, fontsize=9)
    axis.set_xticklabels(numbers, fontsize=7)
    axis.set_yticklabels(numbers, fontsize=7)
    if len(numbers) <= 12:
        _write_values(axis, matrix)
    return shown


def _write_values(axis: Axes, matrix: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.0f}"
        axis.text(
            column, row, text, ha="center", va="center", fontsize=4.5, color="white" if abs(value) > 0.6 else "black"
        )


def poses_figure(run: Run) -> Figure:
    """Return Figure 6: nF1, nAPR and AROC of one system by AU and pose."""
    figure = Figure(figsize=(_WIDTH_IN, 7.2), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    aus, poses = list(run.aus), run.by_pose.poses
    for axis, measure in zip(axes, POSE_MEASURES, strict=True):
        for place, (number, pose) in enumerate(sorted(poses.items())):
            yaw, pitch = yaw_and_pitch_deg(number)
            values = np.array([pose.aus[au].curve.of(measure) for au in aus], float)  # None becomes NaN: no mark.
            offset = (place - (len(poses) - 1) / 2) * 0.8 / max(len(poses), 1)
            axis.plot(
                np.arange(len(aus)) + offset,
                values,
                PITCH_MARKS[pitch],
                color=YAW_COLOURS[yaw],
                markersize=4,
                markerfacecolor=YAW_COLOURS[yaw] if number in KEPT_POSES else "none",
                label=f"{number}: yaw {yaw}°, pitch {pitch}°" + ("" if number in KEPT_POSES else " *"),
            )
        axis.axhline(2 / 3 if measure == "nf1" else 0.5, color="0.6", linewidth=0.8, linestyle=":")
        axis.set_ylabel(MEASURE_TITLES[measure])
        _au_axis(axis, aus)
    axes[-1].set_xlabel("AU   (dotted: a system that knows nothing; *: poses that the paper leaves out)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=7, title="pose", title_fontsize=8)
    axes[0].set_title(f"{run.origin.system}, {run.origin.data}, seed {run.origin.seed}", fontsize=9)
    return figure


def deviation_figure(series: Series) -> Figure:
    """Return Figure 7: the standard deviation over the seven poses by AU, systems side by side, mean over seeds."""
    figure = Figure(figsize=(_WIDTH_IN, 6.6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    aus = list(next(iter(series.values()))[0].aus)
    for axis, measure in zip(axes, POSE_MEASURES, strict=True):
        for place, (system, runs) in enumerate(series.items()):
            values = [_deviation(runs, au, measure) for au in (*aus, None)]
            width = 0.8 / len(series)
            axis.bar(
                np.arange(len(values)) + (place - (len(series) - 1) / 2) * width,
                values,
                width,
                color=COLOURS[place % len(COLOURS)],
                edgecolor="black",
                linewidth=0.4,
                hatch=("", "//", "..", "xx")[place % 4],
                label=system,
            )
        axis.set_ylabel(f"SD of {MEASURE_TITLES[measure]}")
        _au_axis(axis, [*aus, "mean"])
    axes[-1].set_xlabel("AU")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def by_pose_figure(series: Mapping[str, Sequence[Run]]) -> Figure:
    """Return Figure 6 for systems: the mean AROC in each pose, a panel each; bars span the seeds.

    The grey line in every panel is the first system's.
    """
    numbers = sorted({number for runs in series.values() for run in runs for number in run.by_pose.poses})
    columns = min(_COLUMNS, len(series))
    rows = -(-len(series) // columns)
    figure = Figure(figsize=(_WIDTH_IN, 1.55 * rows + 0.8), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    values = {
        system: np.array([[run.by_pose.poses[number].mean.curve.aroc for number in numbers] for run in runs], float)
        for system, runs in series.items()
    }
    first = next(iter(values.values())).mean(0)
    for axis, (system, found) in zip(axes, values.items(), strict=False):
        axis.plot(range(len(numbers)), first, color="0.7", linewidth=0.9)
        _draw_poses(axis, numbers, found)
        axis.set_title(f"{system}: {found.mean():.3f}", fontsize=8)
    for axis in axes[len(values) :]:
        axis.axis("off")
    for axis in axes[: len(values)]:
        axis.set_xticks(range(len(numbers)), [str(number) for number in numbers])
        axis.tick_params(labelsize=7, labelbottom=True)
        axis.grid(axis="y", linewidth=0.3)
    figure.supylabel("AROC, mean over AUs", fontsize=8)
    kept = "; open marks: poses that the paper leaves out" if set(numbers) - set(KEPT_POSES) else ""
    figure.supxlabel(f"pose; blue, black, orange: yaw -40, 0, 40; grey: {next(iter(series))}{kept}", fontsize=8)
    return figure


def _draw_poses(axis: Axes, numbers: Sequence[int], found: np.ndarray) -> None:
    """Draw the mean over seeds in each pose, in the colour of its yaw, with a bar from the least to the most."""
    middle = found.mean(0)
    for place, number in enumerate(numbers):
        yaw, pitch = yaw_and_pitch_deg(number)
        reach = np.abs(np.array([[middle[place] - found[:, place].min()], [found[:, place].max() - middle[place]]]))
        colour = YAW_COLOURS[yaw]
        filled = colour if number in KEPT_POSES else "white"
        axis.errorbar(
            [place], [middle[place]], reach, fmt=PITCH_MARKS[pitch], color=colour, markerfacecolor=filled, markersize=4,
            linewidth=0.8,
        )  # fmt: skip


def _deviation(runs: Sequence[Run], au: str | None, measure: Measure) -> float:
    """Return the mean over seeds, of one AU or over all of them; NaN (no bar) where no run has it."""
    values = [
        value
        for run in runs
        for name, found in run.by_pose.deviation_kept.items()
        if au in {None, name} and (value := found.of(measure)) is not None
    ]
    return float(np.mean(values)) if values else float("nan")


def _au_axis(axis: Axes, aus: Sequence[str]) -> None:
    axis.set_xticks(range(len(aus)), [str(int(name[2:])) if name.startswith("AU") else name for name in aus])
    axis.grid(axis="y", linewidth=0.3)
    for place in range(len(aus) - 1):
        axis.axvline(place + 0.5, color="0.85", linewidth=0.4)
