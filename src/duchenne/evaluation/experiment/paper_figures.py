"""Figures 1, 2 and 4 of the paper, which need no run: why patches sit at landmarks, the network, the nine poses."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from duchenne.alignment import CROP_SIDE_PX, AlignedFace
from duchenne.errors import DuchenneError, EvaluationError
from duchenne.evaluation.explain.significance_map import rendered_face
from duchenne.evaluation.report.figures import save_figure
from duchenne.facs import PAPER_AUS, PATCH_LANDMARKS
from duchenne.networks.region_config import PAPER, RegionConfig
from duchenne.poses import FERA17_POSES, KEPT_POSES

_GRID = 8
"""Cells along each side of the grid, as DRML has them."""
_FOLLOWED = {32: "#D55E00", 10: "#0072B2"}
"""A corner of the mouth and the end of a brow, whose cells are followed in Figure 1."""
_PATCH_PX = 48


def draw_paper_figures(folder: Path) -> list[str]:
    """Write those figures that are not there yet; return which could not be drawn, and why."""
    makers: dict[str, Callable[[], Figure]] = {
        "figure1": grid_figure,
        "figure2": lambda: network_figure(PAPER, len(PAPER_AUS)),
        "figure4": nine_poses_figure,
    }
    failures = []
    for name, make in makers.items():
        if (folder / f"{name}.svg").exists():
            continue
        try:
            save_figure(make(), folder, name)
        except DuchenneError as error:
            failures.append(f"Figure {name[-1]}: {error}".rstrip("."))
        except OSError as error:
            raise EvaluationError(f"{folder} cannot be written: {error.strerror}. Name another --out.") from error
    return failures


def grid_figure() -> Figure:
    """Return Figure 1: a frontal and a turned face under a uniform grid, with landmarks, and with the 22 patches.

    Raises:
        SynthesisError: The extra that draws heads is not installed.
    """
    faces = {"yaw 0": rendered_face(), "yaw 40": rendered_face(40.0)}
    figure = Figure(figsize=(5.4, 3.9), layout="constrained")
    axes = figure.subplots(2, 3)
    frontal = faces["yaw 0"]
    for row, (title, face) in zip(axes, faces.items(), strict=True):
        for axis in row:
            axis.imshow(face.pixels.mean(2), cmap="gray", vmin=-40, vmax=255, extent=(0, CROP_SIDE_PX, CROP_SIDE_PX, 0))
            axis.set(xticks=[], yticks=[], xlim=(0, CROP_SIDE_PX), ylim=(CROP_SIDE_PX, 0))
        row[0].set_ylabel(title)
        _draw_grid(row[0], frontal, face)
        row[1].scatter(
            face.landmarks[:, 0], face.landmarks[:, 1], s=9, color="#E69F00", edgecolors="black", linewidths=0.3
        )
        _draw_patches(row[2], face.landmarks[np.array(PATCH_LANDMARKS) - 1])
    for axis, title in zip(axes[0], ("uniform grid", "49 landmarks", "22 patches"), strict=True):
        axis.set_title(title, fontsize=9)
    return figure


def _draw_grid(axis: Axes, frontal: AlignedFace, face: AlignedFace) -> None:
    """Draw the grid, and for each followed landmark the cell that holds it in the frontal face."""
    cell = CROP_SIDE_PX / _GRID
    for line in np.arange(1, _GRID) * cell:
        axis.axhline(line, color="white", linewidth=0.4)
        axis.axvline(line, color="white", linewidth=0.4)
    for landmark, colour in _FOLLOWED.items():
        corner = np.floor(frontal.landmarks[landmark - 1] / cell) * cell
        axis.add_patch(Rectangle((corner[0], corner[1]), cell, cell, fill=False, color=colour, linewidth=1.8))
        x, y = face.landmarks[landmark - 1]
        axis.plot([x], [y], "o", color=colour, markeredgecolor="white", markersize=5)


def _draw_patches(axis: Axes, centres: np.ndarray) -> None:
    for place, (x, y) in enumerate(centres):
        colour = ("#D55E00", "#0072B2", "#009E73", "#E69F00")[place % 4]
        left, top = x - _PATCH_PX / 2, y - _PATCH_PX / 2
        axis.add_patch(Rectangle((left, top), _PATCH_PX, _PATCH_PX, fill=False, color=colour, linewidth=0.8))


def nine_poses_figure() -> Figure:
    """Return Figure 4: a rendered face in FERA 2017's nine poses, by their numbers.

    Raises:
        SynthesisError: The extra that draws heads is not installed.
    """
    figure = Figure(figsize=(4.2, 4.7), layout="constrained")
    axes = figure.subplots(3, 3)
    for number, (pitch, yaw) in FERA17_POSES.items():
        axis = axes[(number - 1) % 3, (number - 1) // 3]
        axis.imshow(rendered_face(float(yaw), float(pitch)).pixels)
        axis.set(xticks=[], yticks=[])
        left_out = "" if number in KEPT_POSES else ", left out"
        axis.set_title(f"{number}: yaw {yaw}°, pitch {pitch}°{left_out}", fontsize=6)
    return figure


def network_figure(config: RegionConfig, outputs: int) -> Figure:
    """Return Figure 2: the layers of a region network with their sizes.

    Args:
        config: Sizes.
        outputs: Action units.
    """
    boxes = layers_of(config, outputs)
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(-0.6, len(boxes) - 0.4), ylim=(-1.3, 1.3))
    axis.axis("off")
    for place, (name, filters, size) in enumerate(boxes):
        own = name.startswith("Conv") and name != "Conv1"
        for copy in range(3 if own else 1):
            corner = (place - 0.36 + 0.05 * copy, -0.5 - 0.05 * copy)
            axis.add_patch(
                FancyBboxPatch(
                    corner, 0.62, 1.0, "round,pad=0.02", facecolor="#DCE9F5" if own else "#F2F2F2", edgecolor="0.3"
                )
            )
        axis.text(place + (0.05 if own else -0.05), 0.0, name, ha="center", va="center", fontsize=6)
        axis.text(place, 0.78, filters, ha="center", va="center", fontsize=6)
        axis.text(place, -0.98, size, ha="center", va="center", fontsize=6)
        if place:
            axis.annotate("", (place - 0.4, 0), (place - 0.62, 0), arrowprops={"arrowstyle": "-|>", "linewidth": 0.8})
    axis.set_title(
        f"Above: filters. Below: sizes. Blue layers have weights of their own in each of {config.patches} patches.",
        fontsize=7,
    )
    return figure


def layers_of(config: RegionConfig, outputs: int) -> Sequence[tuple[str, str, str]]:
    """Return name, filters and size of each layer of a region network, from the picture to the outputs."""
    first = CROP_SIDE_PX // config.layout.reduction
    inner, sides = first - config.shared_kernel + 1, config.map_sides()
    found = [
        ("face", "", f"{first} x {first}\nx {1 if config.grey else 3}"),
        (
            "Conv1",
            f"{config.shared_channels} of\n{config.shared_kernel} x {config.shared_kernel}",
            f"{inner} x {inner}\nx {config.shared_channels}",
        ),
        (f"{config.patches}\npatches", "", f"{sides[0]} x {sides[0]}\nx {config.shared_channels}"),
    ]
    for number, (layer, side) in enumerate(zip(config.patch_layers, sides[1:], strict=True), 2):
        step = f"\nstep {layer.stride}" if layer.stride > 1 else ""
        filters = f"{layer.channels} of\n{layer.kernel} x {layer.kernel}{step}"
        found.append((f"Conv{number}", filters, f"{side} x {side}\nx {layer.channels}"))
    full = [
        (f"Fully{number}", "", f"{width:,}") for number, width in enumerate(config.widths, len(config.patch_layers) + 2)
    ]
    return [*found, ("concat.", "", f"{config.feature_count:,}"), *full, ("Output", "", f"{outputs} AUs")]
