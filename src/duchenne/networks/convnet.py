"""The paper's convnet: the region network's filters over the whole face, no patches.

Source: paper, Table 4; docs/method.md.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import ConvNetConfig
from duchenne.networks.patch_convolution import Convolution, own_layer, transformed_maps
from duchenne.networks.standard import he_init, standardise


class ConvNet(nn.Module):
    """Logits of AUs from the whole aligned face.

    Attributes:
        convolution: How the face is filtered (`networks.patch_convolution`); not part of what is saved.

    Args:
        config: Sizes.
    """

    def __init__(self, config: ConvNetConfig) -> None:
        super().__init__()
        self.config = config
        self.convolution: Convolution = "auto"
        shared = nn.Conv2d(1 if config.grey else 3, config.shared_channels, config.shared_kernel)
        layers: list[nn.Module] = [shared, nn.ReLU()]
        channels = config.shared_channels
        for layer in config.layers:
            bias = not config.batch_norm
            layers.append(nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride, bias=bias))
            layers += [nn.BatchNorm2d(layer.channels)] if config.batch_norm else []
            layers.append(nn.ReLU())
            channels = layer.channels
        self.maps = nn.Sequential(*layers)
        self.dropout = nn.Dropout(config.dropout)
        self.feature_dropout = nn.Dropout(config.feature_dropout)
        sizes = (channels * config.map_sides()[-1] ** 2, *config.widths)
        self.full = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(sizes[-1], len(config.aus))
        if not config.batch_norm:
            he_init(self)

    def forward(self, face: UInt8[Tensor, "n s s c"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        planes = standardise(face, self.config.grey).permute(0, 3, 1, 2)
        features = self.feature_dropout(self.filtered(planes).flatten(1))
        for layer in self.full:
            features = self.dropout(torch.relu(layer(features)))
        return self.output(features)

    def filtered(self, planes: Float[Tensor, "n k s s"]) -> Float[Tensor, "n m h h"]:
        """Return the maps of the last layer; the whole face is one patch."""
        if not self.config.batch_norm:
            layers = [own_layer(layer) for layer in self.maps if isinstance(layer, nn.Conv2d)]
            maps = transformed_maps(planes[:, None], layers, self.convolution)
            if maps is not None:
                return maps
        return self.maps(planes)
