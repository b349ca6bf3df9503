"""EAC-Net with VGG-19's trunk: two attention maps, and regions of the fourth group, enlarged, with layers of their own.

Source: Li, Abtahi, Zhu and Yin, EAC-Net, FG 2017, and the programs that its first author published; docs/baselines.md
says where ours departs.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import EacVggConfig
from duchenne.networks.eac import attention_map, crop_regions
from duchenne.networks.standard import he_init, planes_of

CENTRES: tuple[tuple[int, float], ...] = (
    (5, -1 / 2), (6, -1 / 2), (2, -1 / 3), (9, -1 / 3), (3, 1 / 3), (8, 1 / 3), (25, 1.0), (30, 1.0),
    (22, 0.0), (27, 0.0), (33, 0.0), (37, 0.0),
    (32, 0.0), (38, 0.0), (35, 0.0), (41, 0.0), (44, 0.0), (46, 0.0), (40, 1 / 2), (42, 1 / 2),
)  # fmt: skip
"""20 centres: a landmark counted from 1, moved down by shares of the distance between the inner eye corners."""
_INNER_EYES = (22, 25)
_THIRD_STRIDE, _FOURTH_STRIDE = 4, 8
_REGION, _ENLARGED = 3, 2
"""Side of a region in cells of the fourth group, and how many times as large it is made."""


class EacVgg(nn.Module):
    """Logits of AUs from the whole aligned face and its landmarks.

    Args:
        config: Sizes.
    """

    def __init__(self, config: EacVggConfig) -> None:
        super().__init__()
        self.config = config
        sizes = pairwise((3, *config.channels))
        self.groups = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(before if k == 0 else after, after, 3, padding=1) for k in range(depth))
            for (before, after), depth in zip(sizes, config.depths, strict=True)
        )
        maps, last, regions = config.channels[3], config.channels[4], len(CENTRES)
        left = (_REGION * _ENLARGED - 2) ** 2
        self.norm = nn.LocalResponseNorm(5, alpha=0.01, beta=0.75, k=2.0)  # torch divides .01 by five channels
        self.regions = nn.Conv2d(regions * maps, regions * maps, 3, groups=regions)
        self.region_full = nn.Conv2d(regions * maps * left, regions * config.region_width, 1, groups=regions)
        self.local = nn.Linear(regions * config.region_width, config.width)
        self.trunk = nn.Linear(last * (config.side_px // 32) ** 2, config.trunk_width)
        self.whole = nn.Linear(config.trunk_width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(2 * config.width, len(config.aus))
        he_init(self)

    def forward(self, face: UInt8[Tensor, "n s s 3"], points: Float[Tensor, "n 49 2"]) -> Float[Tensor, "n a"]:
        """Return the logits.

        Args:
            face: The aligned face.
            points: Landmarks in its pixels.
        """
        centres = au_centres(points.float())
        width = self.config.side_px / _THIRD_STRIDE
        third = attention_map(centres / _THIRD_STRIDE, int(width), width)[:, None]
        fourth = nn.functional.max_pool2d(third, 2)
        maps = nn.functional.max_pool2d(_group(self.groups[0], planes_of(face)), 2)
        maps = nn.functional.max_pool2d(_group(self.groups[1], maps), 2)
        maps = nn.functional.max_pool2d(_group(self.groups[2], maps, third), 2)
        maps = _group(self.groups[3], maps, fourth)
        local = self._local(maps, centres)
        maps = nn.functional.max_pool2d(_group(self.groups[4], nn.functional.max_pool2d(maps, 2)), 2)
        whole = self.dropout(torch.relu(self.trunk(maps.flatten(1))))
        whole = self.dropout(torch.relu(self.whole(whole)))
        return self.output(torch.cat([whole, local], 1))

    def _local(self, maps: Float[Tensor, "n c s s"], centres: Float[Tensor, "n 20 2"]) -> Float[Tensor, "n w"]:
        cut = crop_regions(self.norm(maps), centres / _FOURTH_STRIDE, _REGION).flatten(1, 2)
        large = nn.functional.interpolate(cut, scale_factor=_ENLARGED, mode="nearest")
        seen = torch.relu(self.regions(large)).flatten(1)
        return self.dropout(torch.relu(self.local(torch.relu(self.region_full(seen[..., None, None])).flatten(1))))


def au_centres(points: Float[Tensor, "n 49 2"]) -> Float[Tensor, "n 20 2"]:
    """Return the centres of the regions in the points' pixels."""
    span = (points[:, _INNER_EYES[1], 0] - points[:, _INNER_EYES[0], 0]).abs()
    found = points[:, [landmark - 1 for landmark, _ in CENTRES]].clone()
    found[..., 1] += span[:, None] * points.new_tensor([down for _, down in CENTRES])
    return found


def _group(layers: nn.Module, maps: Tensor, attention: Tensor | None = None) -> Tensor:
    """Return the maps of a group; with attention, its first maps, weighed, are added to its last.

    Source: EAC-Net's E-Net, which adds them as a residual block does.
    """
    convolutions = list(layers.children())
    first = torch.relu(convolutions[0](maps))
    last = first
    for convolution in convolutions[1:]:
        last = torch.relu(convolution(last))
    return last if attention is None else last + first * attention.to(first.dtype)
