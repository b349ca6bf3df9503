"""The smallest region network that learns from toy faces: two AUs, four patches, sides and grades."""

from duchenne.networks.region import PatchLayer, RegionConfig
from duchenne.patches import PatchLayout

TINY = RegionConfig(
    aus=("AU04", "AU12"),
    layout=PatchLayout(landmarks=(3, 8, 32, 38), side_px=16, reduction=2),
    grey=True,
    shared_channels=4,
    shared_kernel=3,
    patch_layers=(PatchLayer(4, 3, 2), PatchLayer(4, 3)),
    widths=(16,),
    dropout=0.1,
    shape_width=8,
    head="ordinal",
)
