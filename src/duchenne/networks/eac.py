"""EAC-Net: maps made from landmarks weigh the trunk, and regions are cropped around the centres of AUs.

Source: Li, Abtahi, Zhu and Yin, EAC-Net, FG 2017; ours: a narrow trunk from random weights.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import EacConfig
from duchenne.networks.standard import planes_of, rectified

CENTRES: tuple[tuple[int, int, float, float], ...] = (
    (5, 5, 0.0, -0.1), (6, 6, 0.0, -0.1), (3, 3, 0.0, 0.0), (8, 8, 0.0, 0.0), (5, 23, 0.0, 0.0), (6, 26, 0.0, 0.0),
    (20, 25, 0.0, 0.25), (29, 30, 0.0, 0.25), (20, 23, 0.0, 0.0), (26, 29, 0.0, 0.0), (15, 15, 0.0, 0.0),
    (19, 19, 0.0, 0.0), (34, 34, 0.0, 0.0), (36, 36, 0.0, 0.0), (32, 32, 0.0, 0.0), (38, 38, 0.0, 0.0),
    (42, 42, -0.05, 0.05), (40, 40, 0.05, 0.05), (41, 41, -0.08, 0.25), (41, 41, 0.08, 0.25),
)  # fmt: skip
"""20 centres: two landmarks counted from 1, whose middle is moved by shares of the eye span (right, down)."""
_OUTER_EYES = (19, 28)
_STRIDE = 4
_REGION = 6
"""Side of a cropped region in cells of the trunk's third map."""


class EacNet(nn.Module):
    """Logits of AUs from the whole aligned face and its landmarks.

    Args:
        config: Sizes.
    """

    def __init__(self, config: EacConfig) -> None:
        super().__init__()
        self.config = config
        one, two, three, four = config.channels
        self.first = nn.Sequential(*_pair(3, one), nn.MaxPool2d(2), *_pair(one, two), nn.MaxPool2d(2))
        self.enhanced = nn.Sequential(*_pair(two, three))
        self.whole = nn.Sequential(nn.MaxPool2d(2), *_pair(three, four), nn.AdaptiveAvgPool2d(6), nn.Flatten())
        regions = len(CENTRES)
        self.regions = nn.Conv2d(regions * three, regions * config.region_channels, 3, groups=regions)
        self.full_regions = nn.Linear(regions * config.region_channels * ((_REGION - 2) // 2) ** 2, config.width)
        self.full_whole = nn.Linear(four * 36, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(2 * config.width, len(config.aus))

    def forward(self, face: UInt8[Tensor, "n s s 3"], points: Float[Tensor, "n 49 2"]) -> Float[Tensor, "n a"]:
        """Return the logits.

        Args:
            face: The aligned face.
            points: Landmarks in its pixels.
        """
        maps = self.first(planes_of(face))
        centres = au_centres(points.float()) / _STRIDE
        attention = attention_map(centres, maps.shape[-1], self.config.side_px / _STRIDE)
        maps = self.enhanced(maps + maps * attention[:, None].to(maps.dtype))
        cut = crop_regions(maps, centres)
        local = nn.functional.max_pool2d(torch.relu(self.regions(cut.flatten(1, 2))), 2).flatten(1)
        features = torch.cat([self.full_regions(local), self.full_whole(self.whole(maps))], 1)
        return self.output(self.dropout(torch.relu(features)))


def au_centres(points: Float[Tensor, "n 49 2"]) -> Float[Tensor, "n 20 2"]:
    """Return the centres of the regions in the points' pixels."""
    span = (points[:, _OUTER_EYES[1]] - points[:, _OUTER_EYES[0]]).norm(dim=1)[:, None, None]
    first = points[:, [a - 1 for a, _, _, _ in CENTRES]]
    second = points[:, [b - 1 for _, b, _, _ in CENTRES]]
    return (first + second) / 2 + span * points.new_tensor([[right, down] for _, _, right, down in CENTRES])


def attention_map(centres: Float[Tensor, "n 20 2"], side: int, width: float) -> Float[Tensor, "n s s"]:
    """Return maps that are 1 at a centre and fall off linearly with the Manhattan distance, to 0 at .19 of the width.

    Source: EAC-Net, eq. 1: weight 1 - .095 d, on a map of 56 cells; the nearest centre counts.
    """
    axis = torch.arange(side, device=centres.device) + 0.5
    away = (axis - centres[..., 0, None]).abs()[:, :, None, :] + (axis - centres[..., 1, None]).abs()[:, :, :, None]
    return (1 - 0.095 * 56 / width * away).clamp(min=0).amax(1)


def crop_regions(
    maps: Float[Tensor, "n c s s"], centres: Float[Tensor, "n 20 2"], cells: int = _REGION
) -> Float[Tensor, "n 20 c r r"]:
    """Return squares of the maps around the centres, kept inside; whole cells, as the original crops."""
    side = maps.shape[-1]
    corners = (centres - cells / 2).round().long().clamp(0, side - cells)
    step = torch.arange(cells, device=maps.device)
    x, y = corners[..., 0, None] + step, corners[..., 1, None] + step
    faces = torch.arange(len(maps), device=maps.device)[:, None, None, None]
    return maps.permute(0, 2, 3, 1)[faces, y[..., :, None], x[..., None, :]].permute(0, 1, 4, 2, 3)


def _pair(before: int, after: int) -> list[nn.Module]:
    first, second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
    return [*rectified(first, True), *rectified(second, True)]
