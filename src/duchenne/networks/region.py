"""The region network: one shared layer, then layers of its own for each patch, then layers over all patches.

It reads windows of the aligned face (`duchenne.patches`), not the face: cutting before the shared layer equals cutting
its map and trains 23 times faster. The layers that patches do not share are one grouped convolution.

Source: paper, section 2; docs/method.md for what the paper leaves out.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES, LANDMARK_COUNT
from duchenne.patches import PatchLayout

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue. Source: ITU-R BT.601."""
MIN_CONTRAST = 4.0
"""Grey levels added to the standard deviation, so that a flat picture is not blown up."""


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
        shape_width: Units that read the derotated landmarks beside the patches; 0 for none.
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

    def __post_init__(self) -> None:
        if not self.aus or set(self.aus) - set(AU_NAMES):
            raise UsageError(f"The network needs at least one AU, each of {' '.join(AU_NAMES)}; got {self.aus}.")
        if not all(0 <= share < 1 for share in (self.dropout, self.feature_dropout)):
            raise UsageError(
                f"Dropout is a share, at least 0 and below 1; got {self.dropout} and {self.feature_dropout}."
            )
        if self.map_sides()[-1] < 1:
            raise UsageError(
                f"Windows of {self.layout.side_px} px are too small: the maps would have sides {self.map_sides()}."
            )

    def map_sides(self) -> tuple[int, ...]:
        """Return the side of the maps after the shared layer and after each patch layer."""
        sides = [self.layout.side_px - self.shared_kernel + 1]
        for layer in self.patch_layers:
            sides.append((sides[-1] - layer.kernel) // layer.stride + 1)
        return tuple(sides)

    @property
    def patches(self) -> int:
        """Number of patches."""
        return len(self.layout.landmarks)

    @property
    def feature_count(self) -> int:
        """Values that the patches hand to the fully connected layers."""
        return self.patches * self.patch_layers[-1].channels * self.map_sides()[-1] ** 2


PAPER = RegionConfig()
"""The paper's size; 55,903,260 parameters at its 12 AUs."""

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
)
"""The size that ships; docs/method.md says why."""


class RegionNetwork(nn.Module):
    """Logits of AUs from windows around landmarks.

    Args:
        config: Sizes.
        shape_mean: (49, 3), subtracted from derotated landmarks; zeros unless given.
        shape_spread: (49, 3), divides them after that; ones unless given.
    """

    shape_mean: Tensor
    shape_spread: Tensor

    def __init__(
        self, config: RegionConfig, shape_mean: Tensor | None = None, shape_spread: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Conv2d(1 if config.grey else 3, config.shared_channels, config.shared_kernel)
        self.patch_layers = nn.ModuleList()
        channels = config.shared_channels
        for layer in config.patch_layers:
            self.patch_layers.append(_patch_block(config, channels, layer))
            channels = layer.channels
        self.dropout = nn.Dropout(config.dropout)
        self.feature_dropout = nn.Dropout(config.feature_dropout)
        sizes = (config.feature_count + config.shape_width, *config.widths)
        self.full = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], len(config.aus))
        if config.shape_width:
            self.shape_layer = nn.Linear(LANDMARK_COUNT * 3, config.shape_width)
            self.register_buffer("shape_mean", torch.zeros(LANDMARK_COUNT, 3) if shape_mean is None else shape_mean)
            self.register_buffer(
                "shape_spread", torch.ones(LANDMARK_COUNT, 3) if shape_spread is None else shape_spread
            )

    def standardise(self, windows: Shaped[Tensor, "n p s s c"]) -> Float[Tensor, "n p k s s"]:
        """Return each face's windows with mean 0 and spread about 1 over all its windows, channels first.

        Ours: the paper states no normalisation. Windows with one channel are taken as grey already.
        """
        planes = windows.float()
        if self.config.grey and planes.shape[-1] == len(LUMINANCE):
            planes = (planes * planes.new_tensor(LUMINANCE)).sum(-1, keepdim=True)
        mean = planes.mean((1, 2, 3, 4), keepdim=True)
        spread = (planes - mean).square().mean((1, 2, 3, 4), keepdim=True).sqrt()
        return ((planes - mean) / (spread + MIN_CONTRAST)).permute(0, 1, 4, 2, 3)

    def patch_maps(self, planes: Float[Tensor, "n p k s s"]) -> Float[Tensor, "n m h h"]:
        """Return the maps of the last patch layer; patch after patch along the second axis."""
        maps = torch.relu(self.shared(planes.flatten(0, 1)))
        maps = maps.reshape(-1, self.config.patches * self.config.shared_channels, *maps.shape[2:])
        for layer in self.patch_layers:
            maps = torch.relu(layer(maps))
        return maps

    def forward(
        self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"] | None = None
    ) -> Float[Tensor, "n a"]:
        """Return the logits.

        Args:
            windows: As `patches.cut_windows` cuts them, values 0-255.
            shape: Derotated landmarks (`duchenne.shape`); needed where the config has a shape width.

        Raises:
            UsageError: The network reads shapes and got none, or the other way round.
        """
        if (shape is not None) != bool(self.config.shape_width):
            raise UsageError("Hand over derotated landmarks if, and only if, the network's shape_width is not 0.")
        features = self.patch_maps(self.standardise(windows)).flatten(1)
        if shape is not None:
            scaled = ((shape - self.shape_mean) / self.shape_spread).flatten(1)
            features = torch.cat([features, torch.relu(self.shape_layer(scaled))], 1)
        features = self.feature_dropout(features)
        for layer in self.full:
            features = self.dropout(torch.relu(layer(features)))
        return self.output(features)


def _patch_block(config: RegionConfig, channels: int, layer: PatchLayer) -> nn.Module:
    groups = config.patches
    convolution = nn.Conv2d(
        groups * channels,
        groups * layer.channels,
        layer.kernel,
        layer.stride,
        groups=groups,
        bias=not config.batch_norm,
    )
    if not config.batch_norm:
        return convolution
    return nn.Sequential(convolution, nn.BatchNorm2d(groups * layer.channels))


def parameter_count(network: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(values.numel() for values in network.parameters())


def multiply_accumulates(config: RegionConfig) -> int:
    """Return the products summed for one face, counted on windows (the shared layer once for each patch)."""
    sides = config.map_sides()
    channels = config.shared_channels
    total = config.patches * sides[0] ** 2 * config.shared_kernel**2 * (1 if config.grey else 3) * channels
    for layer, side in zip(config.patch_layers, sides[1:], strict=True):
        total += config.patches * side**2 * layer.kernel**2 * channels * layer.channels
        channels = layer.channels
    widths = (config.feature_count + config.shape_width, *config.widths, len(config.aus))
    total += LANDMARK_COUNT * 3 * config.shape_width
    return total + sum(a * b for a, b in pairwise(widths))
