"""Baselines with the sizes, layers and training that their authors printed or published.

`docs/baselines.md` has a table for each: as printed, ours, why. None of them was trained at its size here.
"""

from dataclasses import replace

from duchenne.networks.baseline_config import AlexNetConfig, DrmlConfig, EacVggConfig
from duchenne.training.recipes.augmentation import NONE
from duchenne.training.recipes.deep import DeepRecipe, Sgd

SUFFIX = "-paper"
"""Of the names, behind that of the small version."""
_MIRROR = replace(NONE, mirror=0.5)
_DRML = DrmlConfig(cropped_from_px=200, as_printed=True)
_DRML_SOLVER = Sgd(learning_rate=1e-3, momentum=0.9, weight_decay=5e-4, drop_every=4000, drop_to=0.1)
"""Also of AlexNet and the two variants, which DRML's authors trained beside it."""
_ALEXNET = AlexNetConfig(channels=(96, 256, 384, 384, 256), side_px=227, cropped_from_px=256, as_printed=True)

AS_PRINTED: tuple[DeepRecipe, ...] = (
    *(
        DeepRecipe(f"{name}{SUFFIX}", what, network, _DRML_SOLVER, augmentation=_MIRROR, skew_power=0.0)
        for name, what, network in (
            ("drml", "DRML with the layers and the training of its authors' files.", _DRML),
            ("drml-convnet", "The same without its region layer.", replace(_DRML, middle="none")),
            ("lcn", "The same with untied filters in its region layer's place.", replace(_DRML, middle="local")),
            ("alexnet", "AlexNet as printed, from random weights, with DRML's training.", _ALEXNET),
        )
    ),
    DeepRecipe(
        f"eac{SUFFIX}",
        "EAC-Net with VGG-19's widths, both attention maps and enlarged regions, from random weights.",
        EacVggConfig(),
        Sgd(learning_rate=1e-4, momentum=0.9, weight_decay=0.0, nesterov=True),
        batch=50,
        augmentation=NONE,
        skew_power=0.0,
    ),
)
