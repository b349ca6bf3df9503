"""Weights to begin with, for networks without batch normalisation."""

from torch import nn


def he_init(network: nn.Module) -> None:
    """Draw the weights of all convolutions and linear layers but `output` so that rectified layers keep their signal.

    torch's own choice divides the mean square by six at each layer: after eight, the logits of all faces agree to .004
    and training waits on a plateau. `output` keeps it, so that the first probabilities are near a half.

    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, eq. 10 (no source states its own choice).
    """
    for name, layer in network.named_modules():
        if name != "output" and isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
