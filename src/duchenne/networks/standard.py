"""What many networks share: standardised pixels, weights to begin with, convolutions with normalisation and ReLU."""

from typing import cast

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from duchenne.colour import LUMINANCE

MIN_CONTRAST = 4.0
"""Grey levels added to the standard deviation, so that a flat picture is not blown up."""


def standardise(pixels: Shaped[Tensor, "n ... c"], grey: bool = False) -> Float[Tensor, "n ... k"]:
    """Return each face's pixels with mean 0 and spread about 1 over all of them; channels stay last.

    Ours: the paper states no normalisation. Pixels with one channel are taken as grey already.
    """
    planes = pixels.float()
    if grey and planes.shape[-1] == len(LUMINANCE):
        planes = planes @ planes.new_tensor(LUMINANCE)[:, None]  # ONNX Runtime multiplies and adds more slowly.
    axes = tuple(range(1, planes.ndim))
    mean = planes.mean(axes, keepdim=True)
    spread = (planes - mean).square().mean(axes, keepdim=True).sqrt()
    return (planes - mean) / (spread + MIN_CONTRAST)


def planes_of(face: Shaped[Tensor, "n s s c"]) -> Float[Tensor, "n c s s"]:
    """Return whole faces standardised, channels first."""
    return standardise(face).permute(0, 3, 1, 2)


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


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3 x 3 convolution that keeps the size (over the stride), normalisation over the batch and a ReLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class AddedConvolution(nn.Conv2d):
    """A convolution whose result is added to what it reads."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the maps and what the convolution finds in them."""
        return input + super().forward(input)


class AddedNormedConvolution(nn.Sequential):
    """The same with batch normalisation before the sum."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the maps and what the convolution finds in them."""
        return input + cast(Tensor, super().forward(input))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions whose answer is added to what they read.

    Source: He, Zhang, Ren and Sun, CVPR 2016, Fig. 2.

    Args:
        channels: Maps read and given.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_block(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the maps, rectified."""
        return nn.functional.relu(maps + self.second(self.first(maps)))


def rectified(convolution: nn.Conv2d, batch_norm: bool) -> list[nn.Module]:
    """Return the convolution with a ReLU behind it, and normalisation over the batch between the two if wanted."""
    norm = [nn.BatchNorm2d(convolution.out_channels)] if batch_norm else []
    return [convolution, *norm, nn.ReLU()]
