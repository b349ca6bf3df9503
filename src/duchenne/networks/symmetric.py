"""The symmetric network: both sides of the face share their weights, so a mirrored face gets the mirrored answer.

The windows of the image's right half are flipped and read by the layers of their mirror images. Each side's latents
follow from its own patches, those on the midline, and the other side's; so every face teaches twice. Appearance and
landmarks each have an answer of their own; both are added, so that each can speak where the other says nothing.

Source: ours; the patches with layers of their own are the paper's (section 2), the equivariance under reflection is
built as in Cohen and Welling, Group equivariant convolutional networks, ICML 2016, for the group of two elements.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from duchenne.facs import AU_BY_NAME, LANDMARK_COUNT, MIRROR_LANDMARKS
from duchenne.networks.ordinal import OrdinalScale
from duchenne.networks.patch_convolution import Convolution, trained_maps
from duchenne.networks.region_config import ResidualLayer
from duchenne.networks.standard import AddedConvolution, AddedNormedConvolution, standardise
from duchenne.networks.symmetric_config import SymmetricConfig

_FLIP_X = (-1.0, 1.0, 1.0)


class SymmetricNetwork(nn.Module):
    """Latents of AUs on both sides, from windows around landmarks and from pose-normalised landmarks.

    Attributes:
        convolution: How patches are filtered (`networks.patch_convolution`); not part of what is saved.

    Args:
        config: Sizes.
        shape_mean: (49, 3), subtracted from pose-normalised landmarks; zeros unless given.
        shape_spread: (49, 3), divides them after that; ones unless given.
    """

    shape_mean: Tensor
    shape_spread: Tensor
    sided: Tensor

    def __init__(
        self, config: SymmetricConfig, shape_mean: Tensor | None = None, shape_spread: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config, self.scale = config, OrdinalScale(config.aus)
        self.convolution: Convolution = "auto"
        half = [*config.paired, *config.middle]
        self.left_half, self.right_half = torch.tensor(half), torch.tensor([config.mirror[k] for k in half])
        self.shared = nn.Conv2d(1 if config.grey else 3, config.shared_channels, config.shared_kernel)
        self.patch_layers = _patch_layers(config)
        patches, per_patch = len(self.left_half), config.patch_channels * config.map_sides()[-1] ** 2
        self.features = nn.Linear((patches + len(config.paired)) * per_patch, config.width)
        self.appearance = nn.Linear(config.width, len(config.aus))
        widths = (LANDMARK_COUNT * 3, *config.landmark_widths)
        self.landmark_layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.landmarks = nn.Linear(widths[-1], len(config.aus))
        self.dropout, self.feature_dropout = nn.Dropout(config.dropout), nn.Dropout(config.feature_dropout)
        mean, spread = (torch.zeros(LANDMARK_COUNT, 3), torch.ones(LANDMARK_COUNT, 3))
        self.register_buffer("shape_mean", mean if shape_mean is None else _level(shape_mean, _FLIP_X))
        self.register_buffer("shape_spread", spread if shape_spread is None else _level(shape_spread, (1.0, 1.0, 1.0)))
        sided = torch.tensor([AU_BY_NAME[name].sided for name in config.aus])
        self.register_buffer("sided", sided, persistent=False)

    def forward(self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"]) -> Float[Tensor, "n a"]:
        """Return the logits of occurrence, those of the stronger side.

        Args:
            windows: As `patches.cut_windows` cuts them, values 0-255.
            shape: Pose-normalised landmarks (`duchenne.pose_normalisation`).
        """
        return self.latents(windows, shape).amax(2)

    def latents(self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"]) -> Float[Tensor, "n a 2"]:
        """Return the latent of each AU on the subject's left and right; `networks.ordinal` says how to read it."""
        return self.branches(windows, shape)[0]

    def branches(
        self, windows: Shaped[Tensor, "n p s s c"], shape: Float[Tensor, "n 49 3"]
    ) -> tuple[Float[Tensor, "n a 2"], Float[Tensor, "n a 2"], Float[Tensor, "n a 2"]]:
        """Return the latents, what appearance alone says of them, and what landmarks alone say."""
        appearance, landmarks = self._of_appearance(windows), self._of_landmarks(shape)
        return self._by_side(appearance + landmarks), self._by_side(appearance), self._by_side(landmarks)

    @torch.no_grad()
    def rescale(self, factor: Float[Tensor, " a"], shift: Float[Tensor, " a"]) -> None:
        """Let each latent become factor * latent + shift."""
        for layer in (self.appearance, self.landmarks):
            layer.weight.mul_(factor[:, None])
            layer.bias.mul_(factor)
        self.landmarks.bias.add_(shift)

    def _halves(self, windows: Tensor) -> Float[Tensor, "n 2 h k s s"]:
        """Return the windows of either half of the image with the midline, the right half seen in a mirror."""
        planes = standardise(windows, self.config.grey).permute(0, 1, 4, 2, 3)
        return torch.stack([planes[:, self.left_half], planes[:, self.right_half].flip(-1)], 1)

    def _of_appearance(self, windows: Tensor) -> Float[Tensor, "n 2 a"]:
        halves = self._halves(windows)
        patches, channels = len(self.left_half), self.config.shared_channels
        maps = None
        if self.training:
            maps = trained_maps(halves.flatten(0, 1), self.shared, list(self.patch_layers), self.convolution)
        if maps is None:
            maps = torch.relu(self.shared(halves.flatten(0, 2)))
            maps = maps.reshape(-1, patches * channels, *maps.shape[2:])
            for layer in self.patch_layers:
                maps = torch.relu(layer(maps))
        features = maps.reshape(-1, 2, patches, maps[0, 0].numel() * self.config.patch_channels)
        other_side = features[:, :, : len(self.config.paired)].flip(1)
        both = torch.cat([features.flatten(2), other_side.flatten(2)], 2).flatten(0, 1)
        values = self.appearance(self.dropout(torch.relu(self.features(self.feature_dropout(both)))))
        return values.reshape(-1, 2, values.shape[1])

    def _of_landmarks(self, shape: Tensor) -> Float[Tensor, "n 2 a"]:
        values = torch.stack([shape, _mirrored(shape, _FLIP_X)], 1)
        values = ((values - self.shape_mean) / self.shape_spread).flatten(0, 1).flatten(1)
        for layer in self.landmark_layers:
            values = torch.relu(layer(values))
        values = self.landmarks(self.dropout(values))
        return values.reshape(-1, 2, values.shape[1])

    def _by_side(self, by_half: Float[Tensor, "n 2 a"]) -> Float[Tensor, "n a 2"]:
        """Return the subject's left and right: the image's right and left; the mean where an AU has no sides."""
        sides = by_half.flip(1)
        return torch.where(self.sided, sides, sides.mean(1, keepdim=True)).movedim(1, 2)


def _patch_layers(config: SymmetricConfig) -> nn.ModuleList:
    """Return the layers of all patches of a half, one group of channels each."""
    groups, channels, layers = len(config.paired) + len(config.middle), config.shared_channels, nn.ModuleList()
    for layer in config.patch_layers:
        if isinstance(layer, ResidualLayer):
            layers.append(_residual(groups, groups * channels, layer.kernel, config.batch_norm))
            continue
        sizes = (groups * channels, groups * layer.channels, layer.kernel, layer.stride)
        convolution = nn.Conv2d(*sizes, groups=groups, bias=not config.batch_norm)
        normed = nn.Sequential(convolution, nn.BatchNorm2d(groups * layer.channels))
        layers.append(normed if config.batch_norm else convolution)
        channels = layer.channels
    return layers


def _residual(groups: int, channels: int, kernel: int, batch_norm: bool) -> nn.Module:
    """Return a residual layer that adds nothing yet, so that a network without it can go on to learn with it."""
    padding = kernel // 2
    if batch_norm:
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        convolution = nn.Conv2d(channels, channels, kernel, padding=padding, groups=groups, bias=False)
        return AddedNormedConvolution(convolution, norm)
    layer = AddedConvolution(channels, channels, kernel, padding=padding, groups=groups)
    for values in layer.parameters():
        nn.init.zeros_(values)
    return layer


def _mirrored(points: Float[Tensor, "*n 49 3"], signs: tuple[float, float, float]) -> Float[Tensor, "*n 49 3"]:
    """Return the points of the face seen in a mirror, renamed so that each keeps its meaning."""
    return points[..., torch.from_numpy(MIRROR_LANDMARKS), :] * points.new_tensor(signs)


def _level(points: Float[Tensor, "49 3"], signs: tuple[float, float, float]) -> Float[Tensor, "49 3"]:
    """Return the mean of points and their mirror image, so that both sides are alike."""
    return (points + _mirrored(points, signs)) / 2
