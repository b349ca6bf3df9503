"""A continued run filters patches as it did before the break, since other ways round otherwise."""

from collections.abc import Iterable
from pathlib import Path

from torch import nn

from duchenne.errors import TrainingError, UsageError
from duchenne.networks.patch_convolution import Convolution, choose_convolution


def continue_convolution(networks: Iterable[nn.Module], kept: Convolution | None, checkpoint: Path) -> None:
    """Let networks filter patches as a checkpoint says; checkpoints that say nothing are of torch's convolutions.

    Raises:
        TrainingError: The kernel cannot be built here.
    """
    convolution = kept or "direct"
    try:
        for network in networks:
            choose_convolution(network, convolution)
    except UsageError as error:
        raise TrainingError(
            f"{checkpoint} was made with --convolution {convolution}, for which there is no C++ compiler here. Go on "
            "with --convolution tiled, which rounds otherwise."
        ) from error
