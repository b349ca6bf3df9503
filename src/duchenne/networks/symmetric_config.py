"""Sizes of the symmetric network, without torch, so that recipes can be listed quickly."""

from dataclasses import dataclass, field
from itertools import pairwise

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES, LANDMARK_COUNT, MIRROR_LANDMARKS
from duchenne.networks.region_config import PatchLayer, ResidualLayer, grey_products, map_sides, window_products
from duchenne.networks.view import View
from duchenne.patches import PatchLayout

PLAIN_LAYERS = (PatchLayer(32, 3, 2), PatchLayer(16, 3), PatchLayer(16, 3, 2), PatchLayer(8, 1))
DEEP_LAYERS = (
    PLAIN_LAYERS[0],
    ResidualLayer(),
    PLAIN_LAYERS[1],
    ResidualLayer(),
    ResidualLayer(),
    PLAIN_LAYERS[2],
    ResidualLayer(),
    PLAIN_LAYERS[3],
)
"""The same with residual layers between; a network with the others can go on to learn with these."""


@dataclass(frozen=True)
class SymmetricConfig:
    """Sizes of a symmetric network (`networks.symmetric`).

    Attributes:
        aus: One latent each and side, in this order.
        layout: The windows that it reads; with each landmark its mirror image.
        grey: Whether colour is averaged away first.
        shared_channels: Maps of the layer that all patches share.
        shared_kernel: Its kernel's side.
        patch_layers: The layers that each patch has for itself; both sides of the face share them.
        width: Units that read the patches of both sides.
        landmark_widths: Units of the two layers that read the pose-normalised landmarks.
        dropout: Share of units set to zero before the outputs.
        feature_dropout: Share of the patches' values set to zero.
        batch_norm: After each layer of the patches; released files have it folded into the layers.
    """

    aus: tuple[str, ...] = AU_NAMES
    layout: PatchLayout = field(default_factory=lambda: PatchLayout(side_px=28, reduction=2))
    grey: bool = True
    shared_channels: int = 16
    shared_kernel: int = 5
    patch_layers: tuple[PatchLayer | ResidualLayer, ...] = PLAIN_LAYERS
    width: int = 256
    landmark_widths: tuple[int, int] = (128, 128)
    dropout: float = 0.4
    feature_dropout: float = 0.4
    batch_norm: bool = True

    def __post_init__(self) -> None:
        if not self.aus or set(self.aus) - set(AU_NAMES):
            raise UsageError(f"The network needs at least one AU, each of {' '.join(AU_NAMES)}; got {self.aus}.")
        if not all(0 <= share < 1 for share in (self.dropout, self.feature_dropout)):
            raise UsageError(
                f"Dropout is a share, at least 0 and below 1; got {self.dropout:g} and {self.feature_dropout:g}."
            )
        landmarks = set(self.layout.landmarks)
        if odd := sorted(n for n in landmarks if int(MIRROR_LANDMARKS[n - 1]) + 1 not in landmarks):
            raise UsageError(
                f"Landmarks {odd} have a window and their mirror images none; a symmetric network needs both."
            )
        if self.map_sides()[-1] < 1:
            raise UsageError(
                f"Windows of {self.layout.side_px} px are too small: the maps would have sides {self.map_sides()}."
            )

    @property
    def patch_channels(self) -> int:
        """Maps of each patch after its last layer."""
        return next(layer.channels for layer in reversed(self.patch_layers) if isinstance(layer, PatchLayer))

    def map_sides(self) -> tuple[int, ...]:
        """Return the side of the maps after the shared layer and after each patch layer."""
        return map_sides(self.layout.side_px, self.shared_kernel, self.patch_layers)

    def multiply_accumulates(self) -> int:
        """Return the products summed for one face, counted on windows: two halves, each with the midline."""
        sides, patches = self.map_sides(), len(self.paired) + len(self.middle)
        colours, channels = 1 if self.grey else 3, self.patch_channels
        total = patches * window_products(sides, self.shared_kernel, colours, self.shared_channels, self.patch_layers)
        read = (patches + len(self.paired)) * channels * sides[-1] ** 2
        widths = (LANDMARK_COUNT * 3, *self.landmark_widths, len(self.aus))
        halves = total + read * self.width + self.width * len(self.aus) + sum(a * b for a, b in pairwise(widths))
        return 2 * halves + grey_products(self.patches, self.layout.side_px, self.grey)

    @property
    def view(self) -> View:
        """What the network reads of a face."""
        return View(layout=self.layout, grey=self.grey, shape=True)

    @property
    def patches(self) -> int:
        """Number of windows that it reads."""
        return len(self.layout.landmarks)

    @property
    def paired(self) -> tuple[int, ...]:
        """Places in the layout of the windows in the image's left half, each of which has a mirror image."""
        return tuple(k for k, n in enumerate(self.layout.landmarks) if n - 1 < MIRROR_LANDMARKS[n - 1])

    @property
    def middle(self) -> tuple[int, ...]:
        """Places in the layout of the windows on the midline."""
        return tuple(k for k, n in enumerate(self.layout.landmarks) if n - 1 == MIRROR_LANDMARKS[n - 1])

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each window of the layout the place of its mirror image."""
        places = {n: k for k, n in enumerate(self.layout.landmarks)}
        return tuple(places[int(MIRROR_LANDMARKS[n - 1]) + 1] for n in self.layout.landmarks)
