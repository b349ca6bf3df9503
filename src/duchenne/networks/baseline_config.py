"""Sizes of the networks that the paper compares with, without torch. One file per network holds what it does.

Source: docs/method.md, "The systems that the paper compares with".
"""

from dataclasses import dataclass
from typing import Literal

from duchenne.alignment import CROP_SIDE_PX
from duchenne.facs import PAPER_AUS
from duchenne.networks.region_config import PAPER, PatchLayer, RegionConfig
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.networks.view import View


@dataclass(frozen=True)
class ConvNetConfig:
    """The paper's own convnet (Table 4): the region network's filters over the whole map, no patches.

    Attributes:
        aus: One logit each.
        shared_channels: Maps of the first layer.
        shared_kernel: Its kernel's side.
        layers: The layers after it.
        widths: Fully connected layers before the output.
        dropout: Share of units set to zero after each of them.
        side_px: Side of the face that is read.
        grey: Whether colour is averaged away first.
        batch_norm: Whether the layers after the first are normalised over the batch (no bias then).
        feature_dropout: Share of values set to zero before the first fully connected layer.
    """

    aus: tuple[str, ...] = PAPER_AUS
    shared_channels: int = PAPER.shared_channels
    shared_kernel: int = PAPER.shared_kernel
    layers: tuple[PatchLayer, ...] = PAPER.patch_layers
    widths: tuple[int, ...] = PAPER.widths
    dropout: float = 0.5
    side_px: int = CROP_SIDE_PX
    grey: bool = False
    batch_norm: bool = False
    feature_dropout: float = 0.0

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, grey=self.grey)

    def map_sides(self) -> tuple[int, ...]:
        """Return the side of the maps after each layer."""
        sides = [self.side_px - self.shared_kernel + 1]
        for layer in self.layers:
            sides.append((sides[-1] - layer.kernel) // layer.stride + 1)
        return tuple(sides)


@dataclass(frozen=True)
class DrmlConfig:
    """DRML, and what its authors compare it with (Zhao, Chu and Zhang, CVPR 2016).

    Attributes:
        aus: One logit each.
        middle: "region": 8 x 8 regions with weights of their own, added to what they read; "none": DRML's ConvNet;
            "local": LCN, untied filters at each place of the pooled map.
        channels: Maps of the first layer and of the middle.
        later_channels: Maps of the four layers behind it.
        widths: Fully connected layers before the output.
        dropout: Share of units set to zero after each of them.
        side_px: Side of the face that is read.
        batch_norm: Whether each convolution is normalised over the batch; DRML does so in its region layer alone.
        cropped_from_px: As `View` has it.
        as_printed: Whether the layers are those of the authors' files: no ReLU before the region layer and no scale in
            its normalisation, and behind the pooling each place normalised over five channels.
    """

    aus: tuple[str, ...] = PAPER_AUS
    middle: Literal["region", "none", "local"] = "region"
    channels: int = 32
    later_channels: int = 16
    widths: tuple[int, ...] = (4096, 2048)
    dropout: float = 0.5
    side_px: int = 170
    batch_norm: bool = False
    cropped_from_px: int = 0
    as_printed: bool = False

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, cropped_from_px=self.cropped_from_px)


@dataclass(frozen=True)
class AlexNetConfig:
    """AlexNet (Krizhevsky, Sutskever and Hinton, NIPS 2012) from random weights.

    Attributes:
        aus: One logit each.
        channels: Maps of the five convolutions.
        width: Of the two fully connected layers.
        dropout: Share of units set to zero before each of them.
        side_px: Side of the face that is read.
        batch_norm: Whether each convolution is normalised over the batch; AlexNet itself normalises over near channels
            in two of them, which later work found to be of no use.
        first_kernel: Side of the first layer's kernel.
        first_stride: Its step; a smaller face wants smaller ones to keep as many places.
        cropped_from_px: As `View` has it.
        as_printed: Whether the layers are those of the first paper: two columns in layers 2, 4 and 5, normalisation
            over five channels, dropout behind the fully connected layers, no padding of the first layer.
    """

    aus: tuple[str, ...] = PAPER_AUS
    channels: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256)
    width: int = 4096
    dropout: float = 0.5
    side_px: int = 227
    batch_norm: bool = False
    first_kernel: int = 11
    first_stride: int = 4
    cropped_from_px: int = 0
    as_printed: bool = False

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, cropped_from_px=self.cropped_from_px)


@dataclass(frozen=True)
class EacConfig:
    """EAC-Net (Li, Abtahi, Zhu and Yin, FG 2017): attention drawn from landmarks, and regions cropped at AU centres.

    Ours: a narrow trunk from random weights instead of VGG-19 from ImageNet's, one attention map, regions as they are.
    `EacVggConfig` has all of it but the pretrained weights.

    Attributes:
        aus: One logit each.
        channels: Maps of the trunk's four groups of two convolutions.
        region_channels: Maps of each of the 20 cropped regions' own layer.
        width: Of the fully connected layer over all regions and of that over the whole map.
        dropout: Share of units set to zero before the output.
        side_px: Side of the face that is read.
    """

    aus: tuple[str, ...] = PAPER_AUS
    channels: tuple[int, int, int, int] = (16, 32, 48, 64)
    region_channels: int = 32
    width: int = 512
    dropout: float = 0.5
    side_px: int = 100

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, points=True)


@dataclass(frozen=True)
class EacVggConfig:
    """EAC-Net with VGG-19's widths, both attention maps, and regions of the fourth group that are enlarged.

    Ours: random weights instead of ImageNet's, and both parts are trained at once (docs/baselines.md).

    Attributes:
        aus: One logit each.
        channels: Maps of the trunk's five groups.
        depths: Convolutions in each of them.
        region_width: Of each region's fully connected layer.
        trunk_width: Of the fully connected layer over the last maps.
        width: Of the fully connected layers of both parts before the output.
        dropout: Share of units set to zero after each of these.
        side_px: Side of the face that is read; the trunk halves it five times.
    """

    aus: tuple[str, ...] = PAPER_AUS
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    depths: tuple[int, int, int, int, int] = (2, 2, 4, 4, 4)
    region_width: int = 150
    trunk_width: int = 4096
    width: int = 2048
    dropout: float = 0.5
    side_px: int = 224

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, points=True)


@dataclass(frozen=True)
class FrontalConfig:
    """A small network on a face turned to the front (after Toser et al., ECCV Workshops 2016; its sizes are ours).

    Attributes:
        aus: One logit each.
        channels: Maps of its convolutions, each followed by pooling.
        width: Of the fully connected layer.
        dropout: Share of units set to zero before the output.
        side_px: Side of the face that is read.
    """

    aus: tuple[str, ...] = PAPER_AUS
    channels: tuple[int, ...] = (32, 64, 64, 128)
    width: int = 256
    dropout: float = 0.5
    side_px: int = 100

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(side_px=self.side_px, frontal=True)


NetworkConfig = (
    RegionConfig
    | SymmetricConfig
    | ConvNetConfig
    | DrmlConfig
    | AlexNetConfig
    | EacConfig
    | EacVggConfig
    | FrontalConfig
)
"""Sizes of any network here. Each has `aus` and a `view`."""
