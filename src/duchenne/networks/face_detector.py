"""The face detector: a small, fully convolutional, anchor-free network with three heads.

Ours, after FCOS (Tian et al., ICCV 2019) for points without anchors and YuNet (Wu et al., MIR 2023) for the size:
plain 3 x 3 convolutions, because on a CPU they run nearer to its peak than depthwise ones do. 213 thousand
parameters, about .1 GMAC for a picture of 320 x 192.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duchenne.faces import MAP_CHANNELS, STRIDES

MEAN, SCALE = 127.5, 64.0
"""The network sees (value - MEAN) / SCALE; the exported graph does this itself."""


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    """Two 3 x 3 convolutions beside a straight way."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class _Head(nn.Module):
    """Score, centre and side, five keypoints at each point of one map."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = _conv(channels, hidden)
        self.out = nn.Conv2d(hidden, MAP_CHANNELS, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        prior = torch.zeros(MAP_CHANNELS)
        prior[0] = -4.6  # a probability of .01, Lin et al., ICCV 2017, section 4.1
        self.out.bias = nn.Parameter(prior)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.hidden(x))


class FaceDetectorNetwork(nn.Module):
    """Maps of faces at strides 8, 16 and 32.

    Input: n x 3 x h x w, normalised RGB; h and w multiples of 32. Output: one map per stride, n x 14 x h/s x w/s:
    score (logit), then what `faces.decode_maps` reads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16, 2), _conv(16, 24, 2), _conv(24, 24))
        self.at_8 = nn.Sequential(_conv(24, 40, 2), _Residual(40))
        self.at_16 = nn.Sequential(_conv(40, 48, 2), _Residual(48))
        self.at_32 = nn.Sequential(_conv(48, 48, 2), _Residual(48))
        self.to_16 = nn.Conv2d(48, 48, 1)
        self.to_8 = nn.Conv2d(48, 40, 1)
        self.heads = nn.ModuleList([_Head(40, 32), _Head(48, 32), _Head(48, 32)])
        if len(STRIDES) != len(self.heads):
            raise ValueError(f"The network has {len(self.heads)} heads, faces.STRIDES names {len(STRIDES)}.")

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps of a batch."""
        c8 = self.at_8(self.stem(x))
        c16 = self.at_16(c8)
        c32 = self.at_32(c16)
        p16 = F.relu(c16 + F.interpolate(self.to_16(c32), scale_factor=2.0, mode="nearest"))
        p8 = F.relu(c8 + F.interpolate(self.to_8(p16), scale_factor=2.0, mode="nearest"))
        return [head(p) for head, p in zip(self.heads, (p8, p16, c32), strict=True)]


class PictureToMaps(nn.Module):
    """The exported graph: uint8 RGB, n x h x w x 3, to maps n x h/s x w/s x 14 whose first channel is a probability."""

    def __init__(self, network: FaceDetectorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of uint8 pictures."""
        x = (pixels.permute(0, 3, 1, 2).to(torch.float32) - MEAN) / SCALE
        maps = [m.permute(0, 2, 3, 1) for m in self.network(x)]
        return tuple(torch.cat([m[..., :1].sigmoid(), m[..., 1:]], -1) for m in maps)
