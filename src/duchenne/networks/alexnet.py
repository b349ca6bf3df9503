"""AlexNet: five convolutions, three fully connected layers, one column.

Source: Krizhevsky, Sutskever and Hinton, NIPS 2012, which `as_printed` follows; widths of one column, arXiv 1404.5997.
"""

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import AlexNetConfig
from duchenne.networks.standard import he_init, planes_of, rectified


class AlexNet(nn.Module):
    """Logits of AUs from the whole aligned face.

    Args:
        config: Sizes.
    """

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.config = config
        one, two, three, four, five = config.channels
        norm, columns = config.batch_norm, 2 if config.as_printed else 1
        border = 0 if config.as_printed else 2
        self.maps = nn.Sequential(
            *rectified(nn.Conv2d(3, one, config.first_kernel, config.first_stride, border), norm),
            *_response_norm(config),
            nn.MaxPool2d(3, 2),
            *rectified(nn.Conv2d(one, two, 5, padding=2, groups=columns), norm),
            *_response_norm(config),
            nn.MaxPool2d(3, 2),
            *rectified(nn.Conv2d(two, three, 3, padding=1), norm),
            *rectified(nn.Conv2d(three, four, 3, padding=1, groups=columns), norm),
            *rectified(nn.Conv2d(four, five, 3, padding=1, groups=columns), norm),
            nn.MaxPool2d(3, 2),
        )
        side = (config.side_px + 2 * border - config.first_kernel) // config.first_stride + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        self.full = nn.Sequential(*_full(config, five * side * side))
        self.output = nn.Linear(config.width, len(config.aus))
        he_init(self)

    def forward(self, face: UInt8[Tensor, "n s s 3"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        return self.output(self.full(self.maps(planes_of(face)).flatten(1)))


def _full(config: AlexNetConfig, inputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for size in (inputs, config.width):
        part, drop = (nn.Linear(size, config.width), nn.ReLU()), nn.Dropout(config.dropout)
        layers += [*part, drop] if config.as_printed else [drop, *part]
    return layers


def _response_norm(config: AlexNetConfig) -> list[nn.Module]:
    """Return the printed normalisation over five channels: a / (2 + .0001 * sum of squares) ** .75.

    torch divides the factor by the number of channels, so it is given five times as large.
    """
    return [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)] if config.as_printed else []
