"""The paper's convnet: the region network's filters over the whole face, no patches.

Source: paper, Table 4; docs/method.md.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.initial import keep_signal
from duchenne.networks.rival_config import ConvNetConfig
from duchenne.networks.standard import planes_of


class ConvNet(nn.Module):
    """Logits of AUs from the whole aligned face.

    Args:
        config: Sizes.
    """

    def __init__(self, config: ConvNetConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = [nn.Conv2d(3, config.shared_channels, config.shared_kernel), nn.ReLU()]
        channels = config.shared_channels
        for layer in config.layers:
            layers += [nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride), nn.ReLU()]
            channels = layer.channels
        self.maps = nn.Sequential(*layers)
        self.dropout = nn.Dropout(config.dropout)
        sizes = (channels * config.map_sides()[-1] ** 2, *config.widths)
        self.full = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], len(config.aus))
        keep_signal(self)

    def forward(self, face: UInt8[Tensor, "n s s 3"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        features = self.maps(planes_of(face)).flatten(1)
        for layer in self.full:
            features = self.dropout(torch.relu(layer(features)))
        return self.output(features)
