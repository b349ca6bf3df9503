"""Figures 5, 6 and 7 of the report from runs; colours that colour-blind readers tell apart, legible in grey print."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from duchenne.evaluation.evaluate import Found
from duchenne.evaluation.report.tables import MEASURE_TITLES, Series
from duchenne.poses import KEPT_POSES, yaw_and_pitch_deg

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
"""Okabe and Ito's palette, in an order of contrast."""
YAW_COLOURS = {-40: COLOURS[0], 0: COLOURS[6], 40: COLOURS[1]}
PITCH_MARKS = {-40: "v", -20: "s", 0: "o"}
POSE_MEASURES = ("nf1", "napr", "aroc")
_WIDTH_IN = 7.2


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PNG (200 dots an inch) and SVG, the same bytes each time."""
    FigureCanvasAgg(figure)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": None})
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def relations_figure(run: Found) -> Figure:
    """Return Figure 5: the relation matrices of labels and calls side by side, with their distance."""
    found = run["relations"]
    numbers = [str(int(name[2:])) for name in found["aus"]]
    figure = Figure(figsize=(_WIDTH_IN, 4.3), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, key, title in zip(axes, ("labels", "calls"), ("labels", f"calls of {run['system']}"), strict=True):
        shown = axis.imshow(np.array(found[key]), cmap="PuOr_r", vmin=-1, vmax=1)
        axis.set(xticks=range(len(numbers)), yticks=range(len(numbers)), xlabel="AU", ylabel="AU", title=title)
        axis.set_xticklabels(numbers, fontsize=7)
        axis.set_yticklabels(numbers, fontsize=7)
        if len(numbers) <= 12:
            _write_values(axis, np.array(found[key]))
    figure.colorbar(
        shown, ax=axes, orientation="horizontal", shrink=0.5, label="Pearson correlation", ticks=[-1, -0.5, 0, 0.5, 1]
    )
    figure.suptitle(
        f"Relations among AUs, {run['data']}, {found['faces']} faces; distance {found['distance']:.4f}", fontsize=10
    )
    return figure


def _write_values(axis: Axes, matrix: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.0f}"
        axis.text(
            column, row, text, ha="center", va="center", fontsize=4.5, color="white" if abs(value) > 0.6 else "black"
        )


def poses_figure(run: Found) -> Figure:
    """Return Figure 6: nF1, nAPR and AROC of one system by AU and pose."""
    figure = Figure(figsize=(_WIDTH_IN, 7.2), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    aus = list(run["aus"])
    poses = {int(key): pose for key, pose in run["by_pose"]["poses"].items()}
    for axis, measure in zip(axes, POSE_MEASURES, strict=True):
        for place, (number, pose) in enumerate(sorted(poses.items())):
            yaw, pitch = yaw_and_pitch_deg(number)
            values = [np.nan if pose["aus"][au][measure] is None else pose["aus"][au][measure] for au in aus]
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
    axes[0].set_title(f"{run['system']}, {run['data']}, seed {run['seed']}", fontsize=9)
    return figure


def deviation_figure(series: Series) -> Figure:
    """Return Figure 7: the standard deviation over the seven poses by AU, systems side by side, mean over seeds."""
    figure = Figure(figsize=(_WIDTH_IN, 6.6), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    aus = list(next(iter(series.values()))[0]["aus"])
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


def by_pose_figure(series: Mapping[str, Sequence[Found]]) -> Figure:
    """Return the mean AROC of every system in each pose; bars through the marks span the seeds."""
    figure = Figure(figsize=(_WIDTH_IN, 4.0), layout="constrained")
    axis = figure.subplots()
    numbers = sorted({int(key) for runs in series.values() for run in runs for key in run["by_pose"]["poses"]})
    for place, (system, runs) in enumerate(series.items()):
        values = np.array(
            [[run["by_pose"]["poses"][str(number)]["mean"]["aroc"] for number in numbers] for run in runs], float
        )
        x = np.arange(len(numbers)) + (place - (len(series) - 1) / 2) * 0.7 / len(series)
        middle = values.mean(0)
        axis.errorbar(
            x,
            middle,
            np.abs(np.stack([middle - values.min(0), values.max(0) - middle])),
            fmt="os^Dv<>pP*Xhd"[place % 13],
            color=COLOURS[place % len(COLOURS)],
            markersize=4,
            linewidth=0.8,
            label=system,
        )
    angles = [yaw_and_pitch_deg(number) for number in numbers]
    axis.set_xticks(range(len(numbers)), [f"{n}\n{y}°\n{p}°" for n, (y, p) in zip(numbers, angles, strict=True)])
    axis.set(xlabel="pose: number, yaw, pitch", ylabel="AROC, mean over AUs")
    axis.grid(axis="y", linewidth=0.3)
    figure.legend(loc="outside upper center", ncols=5, fontsize=7)
    return figure


def _deviation(runs: Sequence[Found], au: str | None, measure: str) -> float:
    """Return the mean over seeds, of one AU or over all of them; NaN (no bar) where no run has it."""
    values = [
        found[measure]
        for run in runs
        for name, found in run["by_pose"]["deviation_kept"].items()
        if au in {None, name} and found[measure] is not None
    ]
    return float(np.mean(values)) if values else float("nan")


def _au_axis(axis: Axes, aus: Sequence[str]) -> None:
    axis.set_xticks(range(len(aus)), [str(int(name[2:])) if name.startswith("AU") else name for name in aus])
    axis.grid(axis="y", linewidth=0.3)
    for place in range(len(aus) - 1):
        axis.axvline(place + 0.5, color="0.85", linewidth=0.4)
