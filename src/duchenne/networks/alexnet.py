"""AlexNet: five convolutions, three fully connected layers, one column.

Source: Krizhevsky, Sutskever and Hinton, NIPS 2012; widths of one column, arXiv 1404.5997.
"""

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import AlexNetConfig
from duchenne.networks.he_init import he_init
from duchenne.networks.standard import planes_of, rectified


class AlexNet(nn.Module):
    """Logits of AUs from the whole aligned face.

    Args:
        config: Sizes.
    """

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.config = config
        one, two, three, four, five = config.channels
        norm = config.batch_norm
        self.maps = nn.Sequential(
            *rectified(nn.Conv2d(3, one, config.first_kernel, config.first_stride, 2), norm),
            nn.MaxPool2d(3, 2),
            *rectified(nn.Conv2d(one, two, 5, padding=2), norm),
            nn.MaxPool2d(3, 2),
            *rectified(nn.Conv2d(two, three, 3, padding=1), norm),
            *rectified(nn.Conv2d(three, four, 3, padding=1), norm),
            *rectified(nn.Conv2d(four, five, 3, padding=1), norm),
            nn.MaxPool2d(3, 2),
        )
        side = (config.side_px + 4 - config.first_kernel) // config.first_stride + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        self.full = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(five * side * side, config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, config.width),
            nn.ReLU(),
        )
        self.output = nn.Linear(config.width, len(config.aus))
        he_init(self)

    def forward(self, face: UInt8[Tensor, "n s s 3"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        return self.output(self.full(self.maps(planes_of(face)).flatten(1)))
