"""The landmarker: a small residual network with a head on the flattened map.

Ours: plain 3 x 3 convolutions in residual pairs (He et al., CVPR 2016), because on a CPU they run nearer to its peak
than depthwise ones do (twice as many crops per second in training at twice the multiplications). The head sees the
whole 4 x 4 map, so it knows where things are. .9 million parameters, 74 million multiplications per crop.
"""

import torch
from torch import Tensor, nn

from duchenne.facs import LANDMARK_COUNT
from duchenne.networks.standard import ResidualBlock, conv_block

UNIT_PX = 64.0
"""The network counts points from the crop's centre in halves of its side, 128 pixels."""
MEAN, SCALE = 127.5, 64.0
"""The network sees (value - MEAN) / SCALE; the exported graph does this itself."""
OUTPUTS = LANDMARK_COUNT * 4 + 1
_STAGES = ((32, 1), (48, 2), (80, 2), (128, 1))
"""Channels and residual blocks at 32 x 32, 16 x 16, 8 x 8 and 4 x 4."""
_HIDDEN = 40


class LandmarkerNetwork(nn.Module):
    """Landmarks, their visibility and the presence of a face.

    Input: n x 3 x 128 x 128, normalised RGB. Output: n x 49 x 3 (x, y, depth in `UNIT_PX`, x and y from the crop's
    centre), n x 49 visibility logits, n presence logits.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_block(3, 16, 2)]
        channels = 16
        for outputs, blocks in _STAGES:
            layers += [conv_block(channels, outputs, 2), *(ResidualBlock(outputs) for _ in range(blocks))]
            channels = outputs
        self.trunk = nn.Sequential(*layers, nn.Conv2d(channels, _HIDDEN, 1), nn.ReLU(inplace=True))
        self.head = nn.Linear(_HIDDEN * 16, OUTPUTS)
        nn.init.normal_(self.head.weight, std=0.005)
        nn.init.zeros_(self.head.bias)

    def start_from(self, mean: Tensor) -> None:
        """Let an untrained network answer with the mean landmarks (49 x 3, in its own unit)."""
        with torch.no_grad():
            self.head.bias[: LANDMARK_COUNT * 3] = mean.reshape(-1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return points, visibility logits and presence logits of a batch; the head is never rounded to bfloat16."""
        features = self.trunk(x).flatten(1)
        with torch.autocast(x.device.type, enabled=False):
            out = self.head(features.float())
        points, visibility = out[:, : LANDMARK_COUNT * 3], out[:, LANDMARK_COUNT * 3 : LANDMARK_COUNT * 4]
        return points.reshape(-1, LANDMARK_COUNT, 3), visibility, out[:, -1]


class CropsToLandmarks(nn.Module):
    """The exported graph: uint8 RGB, n x 128 x 128 x 3, to points in crop pixels and two probabilities."""

    def __init__(self, network: LandmarkerNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return points (n x 49 x 3), visibility (n x 49) and presence (n)."""
        x = (pixels.permute(0, 3, 1, 2).to(torch.float32) - MEAN) / SCALE
        points, visibility, presence = self.network(x)
        corner = points.new_tensor([1.0, 1.0, 0.0])
        return (points + corner) * UNIT_PX, visibility.sigmoid(), presence.sigmoid()
