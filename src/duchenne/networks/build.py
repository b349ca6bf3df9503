"""From sizes to a network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from duchenne.networks.alexnet import AlexNet
from duchenne.networks.baseline_config import (
    AlexNetConfig,
    ConvNetConfig,
    DrmlConfig,
    EacConfig,
    EacVggConfig,
    FrontalConfig,
    NetworkConfig,
)
from duchenne.networks.convnet import ConvNet
from duchenne.networks.drml import Drml
from duchenne.networks.eac import EacNet
from duchenne.networks.eac_vgg import EacVgg
from duchenne.networks.frontal import FrontalNet
from duchenne.networks.region import RegionNetwork
from duchenne.networks.region_config import RegionConfig
from duchenne.networks.symmetric import SymmetricNetwork
from duchenne.networks.symmetric_config import SymmetricConfig

WindowNetwork = RegionNetwork | SymmetricNetwork
"""What detection can run: networks that read windows around landmarks."""
_BASELINES: dict[type, Callable[[Any], nn.Module]] = {
    ConvNetConfig: ConvNet,
    DrmlConfig: Drml,
    AlexNetConfig: AlexNet,
    EacConfig: EacNet,
    EacVggConfig: EacVgg,
    FrontalConfig: FrontalNet,
}


def build_network(
    config: NetworkConfig,
    shape_mean: Float[np.ndarray, "49 3"] | None = None,
    shape_spread: Float[np.ndarray, "49 3"] | None = None,
) -> nn.Module:
    """Return an untrained network; called with the inputs of its view, it returns one logit for each AU.

    Args:
        config: Sizes.
        shape_mean: Mean pose-normalised shape, for networks that read shapes.
        shape_spread: Its spread.
    """
    if not isinstance(config, RegionConfig | SymmetricConfig):
        return _BASELINES[type(config)](config)
    kind = RegionNetwork if isinstance(config, RegionConfig) else SymmetricNetwork
    if shape_mean is None or shape_spread is None or not config.view.shape:
        return kind(config)  # type: ignore[arg-type]
    statistics = (torch.from_numpy(shape_mean).float(), torch.from_numpy(shape_spread).float())
    return kind(config, *statistics)  # type: ignore[arg-type]
