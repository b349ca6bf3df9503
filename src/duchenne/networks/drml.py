"""DRML, its ConvNet and LCN: one network with three middles.

Source: Zhao, Chu and Zhang, Deep Region and Multi-label Learning, CVPR 2016; `as_printed` follows their published files
(docs/baselines.md).
"""

from itertools import pairwise

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import DrmlConfig
from duchenne.networks.standard import he_init, planes_of, rectified

GRID = 8
"""Regions along each side."""


class RegionLayer(nn.Module):
    """8 x 8 regions, each with batch normalisation, ReLU and a 3 x 3 convolution of its own; what was read is added.

    The regions are groups of one grouped convolution.

    Args:
        channels: Maps read and given.
        scaled: Whether the normalisation has a factor and an offset that learn.
    """

    def __init__(self, channels: int, scaled: bool = True) -> None:
        super().__init__()
        groups = GRID * GRID
        self.norm = nn.BatchNorm2d(groups * channels, affine=scaled)
        self.filters = nn.Conv2d(groups * channels, groups * channels, 3, padding=1, groups=groups)

    def forward(self, maps: Float[Tensor, "n c s s"]) -> Float[Tensor, "n c s s"]:
        """Return the maps with each region's own answer added."""
        faces, channels, side, _ = maps.shape
        part = side // GRID
        parts = maps.reshape(faces, channels, GRID, part, GRID, part).permute(0, 2, 4, 1, 3, 5)
        flat = parts.reshape(faces, GRID * GRID * channels, part, part)
        changed = self.filters(torch.relu(self.norm(flat)))
        back = changed.reshape(faces, GRID, GRID, channels, part, part).permute(0, 3, 1, 4, 2, 5)
        return torch.relu(maps + back.reshape(maps.shape))


class LocalLayer(nn.Module):
    """3 x 3 filters that differ at every place of the map.

    Args:
        channels: Maps read and given.
        side: Of the map.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        spread = (6 / (9 * channels)) ** 0.5  # as `he_init`, evenly drawn
        self.filters = nn.Parameter(torch.empty(side * side, channels, channels * 9).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.zeros(channels, side * side))

    def forward(self, maps: Float[Tensor, "n c s s"]) -> Float[Tensor, "n c s s"]:
        """Return the filtered maps, rectified."""
        seen = nn.functional.unfold(maps, 3, padding=1)
        filtered = torch.einsum("nkp,pck->ncp", seen, self.filters.to(seen.dtype)) + self.bias
        return torch.relu(filtered.reshape(maps.shape))


class Drml(nn.Module):
    """Logits of AUs from the whole aligned face.

    Args:
        config: Sizes, and which middle.
    """

    def __init__(self, config: DrmlConfig) -> None:
        super().__init__()
        self.config = config
        channels, later, side = config.channels, config.later_channels, config.side_px - 10
        norm = config.batch_norm
        first, middle = rectified(nn.Conv2d(3, channels, 11), norm), list[nn.Module]()
        if config.middle == "region":
            first = first[:-1] if config.as_printed else first
            middle = [RegionLayer(channels, scaled=not config.as_printed)]
        pooled: list[nn.Module] = [LocalLayer(channels, side // 2)] if config.middle == "local" else []
        self.maps = nn.Sequential(
            *first,
            *middle,
            nn.MaxPool2d(2),
            *([nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)] if config.as_printed else []),
            *pooled,
            *rectified(nn.Conv2d(channels, later, 8), norm),
            *rectified(nn.Conv2d(later, later, 8), norm),
            *rectified(nn.Conv2d(later, later, 6, 2), norm),
            *rectified(nn.Conv2d(later, later, 5), norm),
        )
        last = (side // 2 - 14 - 6) // 2 + 1 - 4
        sizes = (later * last * last, *config.widths)
        self.full = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(sizes[-1], len(config.aus))
        he_init(self)

    def forward(self, face: UInt8[Tensor, "n s s 3"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        features = self.maps(planes_of(face)).flatten(1)
        for layer in self.full:
            features = self.dropout(torch.relu(layer(features)))
        return self.output(features)
