"""Sizes of the region network, without torch, so that recipes can be listed quickly.

Source: paper, section 2; docs/method.md for what the paper leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from duchenne.errors import UsageError
from duchenne.facs import AU_BY_NAME, AU_NAMES, LANDMARK_COUNT
from duchenne.networks.view import View
from duchenne.patches import PatchLayout


@dataclass(frozen=True)
class PatchLayer:
    """A valid convolution with weights of its own for each patch.

    Attributes:
        channels: Maps per patch.
        kernel: Side of the square kernel.
        stride: Step.
    """

    channels: int
    kernel: int
    stride: int = 1


def map_sides(window_px: int, shared_kernel: int, layers: Sequence[PatchLayer]) -> tuple[int, ...]:
    """Return the side of the maps of a window after the shared layer and after each patch layer."""
    sides = [window_px - shared_kernel + 1]
    for layer in layers:
        sides.append((sides[-1] - layer.kernel) // layer.stride + 1)
    return tuple(sides)


def window_products(
    sides: Sequence[int], shared_kernel: int, colours: int, shared_channels: int, layers: Sequence[PatchLayer]
) -> int:
    """Return the products summed for one window in the shared layer and its patch layers."""
    total, channels = sides[0] ** 2 * shared_kernel**2 * colours * shared_channels, shared_channels
    for layer, side in zip(layers, sides[1:], strict=True):
        total += side**2 * layer.kernel**2 * channels * layer.channels
        channels = layer.channels
    return total


@dataclass(frozen=True)
class RegionConfig:
    """Sizes of a region network.

    Attributes:
        aus: One logit each, in this order.
        layout: The windows that it reads.
        grey: Whether colour is averaged away first.
        shared_channels: Maps of the layer that all patches share.
        shared_kernel: Its kernel's side.
        patch_layers: The layers that patches do not share.
        widths: Fully connected layers before the output.
        dropout: Share of units set to zero after each of them.
        feature_dropout: Share of values set to zero before the first of them.
        batch_norm: Whether patch layers are normalised over the batch (no bias then).
        shape_width: Units that read the pose-normalised landmarks beside the patches; 0 for none.
        shape_alone: Share of the training faces that are predicted from their landmarks alone, the patches'
            features being zero. Patches nearly suffice for a rendered face, so that nothing else would teach the
            network to use the landmarks, which carry over to photographs better.
        head: "occurrence" for one logit per AU; "ordinal" for one latent per AU and side, read as occurrence and as
            intensity (`networks.ordinal`).
        own_weights: Whether each patch has patch layers of its own; else all patches share one set.
        grid: Whether the windows lie on a uniform grid instead of on the landmarks: the paper's Fig. 1 compares.
    """

    aus: tuple[str, ...] = AU_NAMES
    layout: PatchLayout = field(default_factory=PatchLayout)
    grey: bool = False
    shared_channels: int = 32
    shared_kernel: int = 11
    patch_layers: tuple[PatchLayer, ...] = (
        PatchLayer(32, 7),
        PatchLayer(16, 7),
        PatchLayer(16, 5, 2),
        PatchLayer(16, 3),
        PatchLayer(8, 3),
    )
    widths: tuple[int, ...] = (2048, 1024)
    dropout: float = 0.5
    feature_dropout: float = 0.0
    batch_norm: bool = False
    shape_width: int = 0
    shape_alone: float = 0.0
    head: Literal["occurrence", "ordinal"] = "occurrence"
    grid: bool = False
    own_weights: bool = True

    def __post_init__(self) -> None:
        _ = self.view
        if not self.aus or set(self.aus) - set(AU_NAMES):
            raise UsageError(f"The network needs at least one AU, each of {' '.join(AU_NAMES)}; got {self.aus}.")
        shares = (self.dropout, self.feature_dropout, self.shape_alone)
        if not all(0 <= share < 1 for share in shares):
            raise UsageError(f"Dropout and shape_alone are shares, at least 0 and below 1; got {shares}.")
        if self.shape_alone and not self.shape_width:
            raise UsageError("shape_alone asks for landmarks that are not read: give shape_width, or no shape_alone.")
        if self.map_sides()[-1] < 1:
            raise UsageError(
                f"Windows of {self.layout.side_px} px are too small: the maps would have sides {self.map_sides()}."
            )

    def map_sides(self) -> tuple[int, ...]:
        """Return the side of the maps after the shared layer and after each patch layer."""
        return map_sides(self.layout.side_px, self.shared_kernel, self.patch_layers)

    def multiply_accumulates(self) -> int:
        """Return the products summed for one face, counted on windows (the shared layer once for each patch)."""
        colours = 1 if self.grey else 3
        total = self.patches * window_products(
            self.map_sides(), self.shared_kernel, colours, self.shared_channels, self.patch_layers
        )
        sided = sum(AU_BY_NAME[name].sided for name in self.aus) if self.head == "ordinal" else 0
        widths = (self.feature_count + self.shape_width, *self.widths, len(self.aus) + sided)
        return total + LANDMARK_COUNT * 3 * self.shape_width + sum(a * b for a, b in pairwise(widths))

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(layout=self.layout, grey=self.grey, grid=self.grid, shape=bool(self.shape_width))

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.layout.landmarks)

    @property
    def feature_count(self) -> int:
        """Values that the patches hand to the fully connected layers."""
        return self.patches * self.patch_layers[-1].channels * self.map_sides()[-1] ** 2


PAPER = RegionConfig(layout=PatchLayout(margin_px=20))
"""The paper's size; 55,903,260 parameters at its 12 AUs. The margin is that of a prepared store."""

COMPACT = RegionConfig(
    layout=PatchLayout(side_px=28, reduction=2),
    grey=True,
    shared_channels=16,
    shared_kernel=5,
    patch_layers=(PatchLayer(32, 3, 2), PatchLayer(16, 3), PatchLayer(16, 3, 2), PatchLayer(8, 1)),
    widths=(256,),
    dropout=0.4,
    feature_dropout=0.4,
    batch_norm=True,
    shape_width=128,
    shape_alone=0.2,
    head="ordinal",
)
"""The size of au_rendered; docs/method.md says why."""
