"""Figure 3: patch significance, drawn on a rendered face."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from duchenne.alignment import AlignedFace, align
from duchenne.evaluation.explain.significance import Significance
from duchenne.facs import AU_BY_NAME
from duchenne.geometry import HeadPose

FACE_SUBJECT = 41
"""The rendered person on whom maps are drawn, at rest and from the front; without glasses."""
COLUMNS = 3
COLOURS = "RdYlBu_r"
"""From dark red, the most significant, to dark blue, as in the paper; red and blue stay apart for colour-blind eyes."""


def rendered_face(yaw_deg: float = 0.0, pitch_deg: float = 0.0) -> AlignedFace:
    """Return the face that maps are drawn on, turned if wanted.

    Raises:
        SynthesisError: The extra that draws heads is not installed.
    """
    from duchenne.synthesis.head.head import make_head
    from duchenne.synthesis.scene.scene import Camera, Scene, render

    scene = Scene({}, HeadPose(yaw_deg, pitch_deg, 0.0), camera=Camera(400, 400, face_px=130))
    drawn = render(make_head(FACE_SUBJECT), scene)
    return align(drawn.pixels, drawn.landmarks)


def significance_figure(found: Significance, face: AlignedFace, title: str = "") -> Figure:
    """Return one small face for each AU; patches are coloured by their share of that AU's largest change."""
    rows = -(-len(found.aus) // COLUMNS)
    figure = Figure(figsize=(7.2, 2.6 * rows + 0.9), layout="constrained")
    axes = np.atleast_2d(figure.subplots(rows, COLUMNS, squeeze=False)).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, name in zip(axes, found.aus, strict=False):
        _draw_au(axis, found, name, face)
    bar = ScalarMappable(Normalize(0, 1), COLOURS)
    figure.colorbar(
        bar, ax=axes.tolist(), orientation="horizontal", shrink=0.5, aspect=40, ticks=[0, 0.25, 0.5, 0.75, 1]
    ).set_label("mean change of the score when the patch is silenced, over the largest of that AU", fontsize=8)
    figure.suptitle(f"{title} ({found.faces} faces)".strip(), fontsize=9)
    return figure


def _draw_au(axis: Axes, found: Significance, name: str, face: AlignedFace) -> None:
    effect = found.effect[:, found.aus.index(name)]
    largest = float(effect.max()) or 1.0
    grey = face.pixels.mean(2)
    axis.imshow(grey, cmap="gray", vmin=-80, vmax=255)
    places = face.landmarks[np.array(found.landmarks) - 1]
    order = np.argsort(effect)
    axis.scatter(
        places[order, 0], places[order, 1], s=48, c=effect[order] / largest, cmap=COLOURS, vmin=0, vmax=1,
        edgecolors="black", linewidths=0.4,
    )  # fmt: skip
    outline = withStroke(linewidth=1.5, foreground="black")
    for landmark in found.most(name, 3):
        x, y = face.landmarks[landmark - 1]
        axis.annotate(
            str(landmark),
            (x, y),
            xytext=(2, 2),
            textcoords="offset points",
            fontsize=8,
            color="white",
            path_effects=[outline],
        )
    axis.set(xlim=(25, 175), ylim=(165, 25))
    axis.set_title(f"{name} {AU_BY_NAME[name].title}\nlargest change {effect.max():.3f}", fontsize=8)
