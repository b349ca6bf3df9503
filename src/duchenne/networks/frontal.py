"""A small network on a face that was turned to the front before (`training.data.frontalisation`).

Source: after Toser, Jeni, Lorincz and Cohn, ECCV Workshops 2016; the sizes are ours (docs/baselines.md).
"""

from jaxtyping import Float, UInt8
from torch import Tensor, nn

from duchenne.networks.baseline_config import FrontalConfig
from duchenne.networks.standard import planes_of, rectified


class FrontalNet(nn.Module):
    """Logits of AUs from the frontal face.

    Args:
        config: Sizes.
    """

    def __init__(self, config: FrontalConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before, side = 3, config.side_px
        for channels in config.channels:
            layers += [*rectified(nn.Conv2d(before, channels, 3, padding=1), True), nn.MaxPool2d(2)]
            before, side = channels, side // 2
        self.maps = nn.Sequential(*layers)
        self.full = nn.Sequential(nn.Linear(before * side * side, config.width), nn.ReLU(), nn.Dropout(config.dropout))
        self.output = nn.Linear(config.width, len(config.aus))

    def forward(self, face: UInt8[Tensor, "n s s 3"]) -> Float[Tensor, "n a"]:
        """Return the logits."""
        return self.output(self.full(self.maps(planes_of(face)).flatten(1)))
