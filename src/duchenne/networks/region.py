"""The region network: one shared layer, then layers of its own for each patch, then layers over all patches.

It reads windows of the aligned face (`duchenne.patches`), not the face: cutting before the shared layer equals cutting
its map and trains 23 times faster. The layers that patches do not share are one grouped convolution.

Source: paper, section 2; docs/method.md for what the paper leaves out.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from duchenne.errors import UsageError
from duchenne.facs import LANDMARK_COUNT
from duchenne.networks.ordinal import OrdinalScale
from duchenne.networks.patch_convolution import Convolution, own_layer, trained_maps, transformed_maps
from duchenne.networks.region_config import COMPACT, PAPER, PatchLayer, RegionConfig
from duchenne.networks.standard import he_init, standardise

__all__ = [
    "COMPACT",
    "PAPER",
    "PatchLayer",
    "RegionConfig",
    "RegionNetwork",
    "parameter_count",
]


_LARGEST_DIRECT = 4
_AT_ONCE = 16
"""Faces that a processor's patch layers take at once in training: the maps of more fall out of its caches."""


class RegionNetwork(nn.Module):
    """Logits of AUs from windows around landmarks.

    Attributes:
        convolution: How patches are filtered (`networks.patch_convolution`); not part of what is saved.
        late_fusion_weight: (l,), how much of each output is what the landmarks alone say; None for nothing. Chosen
            after training (`training.action_units.late_fusion`), kept in the exported file alone.

    Args:
        config: Sizes.
        shape_mean: (49, 3), subtracted from pose-normalised landmarks; zeros unless given.
        shape_spread: (49, 3), divides them after that; ones unless given.
    """

    shape_mean: Tensor
    shape_spread: Tensor
    late_fusion_weight: Tensor | None

    def __init__(
        self, config: RegionConfig, shape_mean: Tensor | None = None, shape_spread: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.convolution: Convolution = "auto"
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
        self.scale = OrdinalScale(config.aus) if config.head == "ordinal" else None
        self.output = nn.Linear(sizes[-1], self.scale.latents if self.scale else len(config.aus))
        if config.shape_width:
            self.shape_layer = nn.Linear(LANDMARK_COUNT * 3, config.shape_width)
            self.register_buffer("shape_mean", torch.zeros(LANDMARK_COUNT, 3) if shape_mean is None else shape_mean)
            self.register_buffer(
                "shape_spread", torch.ones(LANDMARK_COUNT, 3) if shape_spread is None else shape_spread
            )
        self.register_buffer("late_fusion_weight", None, persistent=False)
        if not config.batch_norm:
            he_init(self)

    @property
    def has_large_kernels(self) -> bool:
        """Whether there is a choice of how to filter patches: large kernels, no normalisation between them."""
        config = self.config
        largest = max(config.shared_kernel, *(layer.kernel for layer in config.patch_layers))
        return config.own_weights and not config.batch_norm and largest > _LARGEST_DIRECT

    def standardise(self, windows: Shaped[Tensor, "n p s s c"]) -> Float[Tensor, "n p k s s"]:
        """Return each face's windows with mean 0 and spread about 1 over all its windows, channels first.

        Ours: the paper states no normalisation. Windows with one channel are taken as grey already.
        """
        return standardise(windows, self.config.grey).permute(0, 1, 4, 2, 3)

    def patch_maps(self, planes: Float[Tensor, "n p k s s"]) -> Float[Tensor, "n m h h"]:
        """Return the maps of the last patch layer; patch after patch along the second axis."""
        if self.has_large_kernels:
            layers = [own_layer(layer) for layer in (self.shared, *self.patch_layers)]  # type: ignore[arg-type]
            maps = transformed_maps(planes, layers, self.convolution)
            if maps is not None:
                return maps
        if self.training and self.config.own_weights:
            maps = trained_maps(planes, self.shared, list(self.patch_layers), self.convolution)
            if maps is not None:
                return maps
        if self.training and not self.config.batch_norm and planes.device.type == "cpu":
            return torch.cat([self._patch_maps(part) for part in planes.split(_AT_ONCE)])
        return self._patch_maps(planes)

    def _patch_maps(self, planes: Float[Tensor, "n p k s s"]) -> Float[Tensor, "n m h h"]:
        maps = torch.relu(self.shared(planes.flatten(0, 1)))
        if self.config.own_weights:
            maps = self._beside(maps)
        for layer in self.patch_layers:
            maps = torch.relu(layer(maps))
        return maps if self.config.own_weights else self._beside(maps)

    def _beside(self, maps: Float[Tensor, "np k h h"]) -> Float[Tensor, "n m h h"]:
        """Return the maps of a face's patches along the second axis."""
        return maps.reshape(-1, self.config.patches * maps.shape[1], *maps.shape[2:])

    def forward(
        self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"] | None = None
    ) -> Float[Tensor, "n a"]:
        """Return the logits of occurrence; with an ordinal head, of the stronger side.

        Args:
            windows: As `patches.cut_windows` cuts them, values 0-255.
            shape: Pose-normalised landmarks (`duchenne.shape`); needed where the config has a shape width.

        Raises:
            UsageError: The network reads shapes and got none, or the other way round.
        """
        return self._logits(self._read(windows, shape))

    def latents(
        self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"] | None = None
    ) -> Float[Tensor, "n a 2"]:
        """Return the latent of each AU on the subject's left and right; `networks.ordinal` says how to read it.

        Raises:
            UsageError: As `forward`, or the head is not ordinal.
        """
        if self.scale is None:
            raise UsageError("This network has no ordinal head, so it knows neither sides nor intensities.")
        return self.scale.sides(self._read(windows, shape))

    def patch_features(self, windows: Shaped[Tensor, "n p s s c"]) -> Float[Tensor, "n p f"]:
        """Return what each patch hands on, flattened."""
        maps = self.patch_maps(self.standardise(windows))
        return maps.reshape(len(maps), self.config.patches, -1)

    def read_features(
        self, features: Float[Tensor, "n p f"], shape: Float[Tensor, "n 49 3"] | None = None
    ) -> Float[Tensor, "n a"]:
        """Return the logits that follow from `patch_features`."""
        return self._logits(self._read_flat(features.flatten(1), shape))

    def read_silenced(
        self,
        features: Float[Tensor, "n p f"],
        silenced: Sequence[Sequence[int]],
        shape: Float[Tensor, "n 49 3"] | None = None,
    ) -> Float[Tensor, "s n a"]:
        """Return the logits without each of these sets of patches, whose features become zero.

        What a patch adds to the first layer's sums is computed once, and subtracted.

        Args:
            features: From `patch_features`.
            silenced: Sets of patches, counted from 0; an empty one silences nothing.
            shape: As `forward`.
        """
        first = self._layers()[0]
        sums = first(self._beside_shape(features.flatten(1), shape))
        weight = first.weight[:, : features[0].numel()].unflatten(1, features.shape[1:])
        added = torch.bmm(features.transpose(0, 1), weight.permute(1, 2, 0))  # (p, n, units)
        return torch.stack([self._logits(self._read_on(sums - added[list(patches)].sum(0))) for patches in silenced])

    @torch.no_grad()
    def rescale(self, factor: Float[Tensor, " a"], shift: Float[Tensor, " a"]) -> None:
        """Let each latent become factor * latent + shift, alike on both sides.

        Raises:
            UsageError: The head is not ordinal.
        """
        if self.scale is None:
            raise UsageError("This network has no ordinal head, so it has no latents to rescale.")
        au_of_output = torch.empty(self.scale.latents, dtype=torch.long)
        for outputs in (self.scale.left, self.scale.right):
            au_of_output[outputs] = torch.arange(len(factor))
        self.output.weight.mul_(factor[au_of_output, None])
        self.output.bias.mul_(factor[au_of_output]).add_(shift[au_of_output])

    def _read(self, windows: Tensor, shape: Tensor | None) -> Tensor:
        features = self.patch_maps(self.standardise(windows)).flatten(1)
        values = self._read_flat(features, shape)
        if self.late_fusion_weight is None:
            return values
        return torch.lerp(values, self._read_flat(torch.zeros_like(features), shape), self.late_fusion_weight)

    def _logits(self, outputs: Tensor) -> Tensor:
        """Return the logit of each AU; with an ordinal head, of its stronger side."""
        return outputs if self.scale is None else self.scale.sides(outputs).amax(2)

    def _layers(self) -> list[nn.Linear]:
        """Return the layers over all patches."""
        return [*self.full, self.output]  # type: ignore[list-item]

    def _read_flat(self, features: Tensor, shape: Tensor | None) -> Tensor:
        return self._read_on(self._layers()[0](self._beside_shape(features, shape)))

    def _beside_shape(self, features: Tensor, shape: Tensor | None) -> Tensor:
        """Return what the first of the layers over all patches reads."""
        if (shape is not None) != bool(self.config.shape_width):
            raise UsageError("Pass pose-normalised landmarks if, and only if, the network's shape_width is not 0.")
        if shape is not None:
            if self.training and self.config.shape_alone:
                features = features * (torch.rand(len(features), 1, device=features.device) >= self.config.shape_alone)
            scaled = ((shape - self.shape_mean) / self.shape_spread).flatten(1)
            features = torch.cat([features, torch.relu(self.shape_layer(scaled))], 1)
        return self.feature_dropout(features)

    def _read_on(self, sums: Tensor) -> Tensor:
        """Return the outputs that follow from the first layer's sums."""
        for layer in self._layers()[1:]:
            sums = layer(self.dropout(torch.relu(sums)))
        return sums


def _patch_block(config: RegionConfig, channels: int, layer: PatchLayer) -> nn.Module:
    groups = config.patches if config.own_weights else 1
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
