"""The named recipes: what `duchenne train` can train. Importable without torch, so that they can be listed quickly.

A recipe is a frozen dataclass; `dataclasses.replace` makes a variant of one. `docs/training.md` states for each recipe
source, command, hardware, time and score as measured.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS, parse_aus
from duchenne.networks.baseline_config import (
    AlexNetConfig,
    ConvNetConfig,
    DrmlConfig,
    EacConfig,
    EacVggConfig,
    FrontalConfig,
)
from duchenne.networks.region_config import COMPACT, PAPER, PatchLayer, RegionConfig
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.patches import PatchLayout
from duchenne.training.recipes.as_printed import AS_PRINTED
from duchenne.training.recipes.augmentation import NONE, AugmentationConfig
from duchenne.training.recipes.classical import Chain, ClassicalRecipe, Joint, PatchChoice, Svm
from duchenne.training.recipes.deep import Adadelta, AdamW, DeepRecipe, Sgd

Recipe = DeepRecipe | ClassicalRecipe

_PAPER = replace(PAPER, aus=PAPER_AUS)
_IN_ORDER: tuple[Recipe, ...] = (
    DeepRecipe(
        "paper",
        "The paper's network and settings to the letter: 22 regions, Adadelta, batch 128.",
        _PAPER,
        Adadelta(),
        augmentation=NONE,
        bf16=True,
    ),
    DeepRecipe(
        "compact",
        "A small region network: 23 AUs, intensity and sides; that of version 0.1.",
        COMPACT,
        AdamW(),
        batch=64,
        patience=0,
        validate_every=5.0,
        augmentation=AugmentationConfig(),
    ),
    DeepRecipe(
        "symmetric",
        "The pretrained network: both sides share weights, appearance and landmarks joined late, 23 AUs.",
        SymmetricConfig(),
        AdamW(),
        batch=64,
        patience=0,
        validate_every=2.0,
        augmentation=AugmentationConfig(),
        graded_weight=2.0,
        ungraded_aus=("AU16", "AU18", "AU23", "AU28"),
        pair_share=1.0,
        average=0.998,
    ),
    DeepRecipe(
        "grid",
        "The paper's network with its patches on a uniform grid instead of the landmarks.",
        replace(_PAPER, grid=True),
        Adadelta(),
        augmentation=NONE,
    ),
    DeepRecipe(
        "convnet",
        "The paper's convnet: the same filters over the whole face.",
        ConvNetConfig(),
        Adadelta(),
        augmentation=NONE,
    ),
    DeepRecipe(
        "drml",
        "DRML: a layer of 8 x 8 regions on a uniform grid; unweighted loss.",
        DrmlConfig(),
        AdamW(learning_rate=5e-4),
        skew_power=0.0,
    ),
    DeepRecipe(
        "drml-convnet",
        "DRML without its region layer.",
        DrmlConfig(middle="none"),
        AdamW(learning_rate=5e-4),
        skew_power=0.0,
    ),
    DeepRecipe(
        "lcn",
        "DRML with untied filters in its region layer's place.",
        DrmlConfig(middle="local"),
        AdamW(learning_rate=5e-4),
        skew_power=0.0,
    ),
    DeepRecipe("alexnet", "AlexNet from random weights.", AlexNetConfig(), AdamW(learning_rate=5e-4)),
    DeepRecipe(
        "eac", "EAC-Net: attention from landmarks, regions at AU centres.", EacConfig(), AdamW(learning_rate=5e-4)
    ),
    DeepRecipe("toser", "A small network on the face turned to the front.", FrontalConfig(), AdamW(learning_rate=5e-4)),
    *AS_PRINTED,
    ClassicalRecipe("svm", "Linear SVMs on gradient histograms at the landmarks.", Svm()),
    ClassicalRecipe("apl", "Patches picked by a group lasso, then linear SVMs.", PatchChoice()),
    ClassicalRecipe("jpml", "Logistic models, group lasso over patches, pairs of AUs.", Joint()),
    ClassicalRecipe("fera17", "Landmark geometry and a chain over time.", Chain()),
)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _IN_ORDER}

KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        DeepRecipe,
        Adadelta,
        AdamW,
        Sgd,
        AugmentationConfig,
        RegionConfig,
        SymmetricConfig,
        PatchLayer,
        PatchLayout,
        ConvNetConfig,
        DrmlConfig,
        AlexNetConfig,
        EacConfig,
        EacVggConfig,
        FrontalConfig,
        ClassicalRecipe,
        Svm,
        PatchChoice,
        Joint,
        Chain,
    )
}
"""The dataclasses that a recipe is made of, by name: what a saved recipe is read back with."""


def recipe_named(name: str) -> Recipe:
    """Return the recipe.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in RECIPES:
        raise UsageError(f"There is no recipe {name!r}. Known: {', '.join(RECIPES)}.")
    return RECIPES[name]


def with_settings(recipe: Recipe, aus: str | int | Iterable[str | int] | None = None, **settings: Any) -> Recipe:
    """Return the recipe with other AUs and other settings; those that are None stay.

    Raises:
        UsageError: The recipe has no such setting, or the value makes no sense.
    """
    changed = {name: value for name, value in settings.items() if value is not None}
    if unknown := sorted(set(changed) - {entry.name for entry in fields(recipe)}):
        raise UsageError(f"The recipe {recipe.name} has no {', '.join(unknown)}. Leave that out.")
    if aus is not None:
        chosen = parse_aus(aus)
        if isinstance(recipe, ClassicalRecipe):
            changed["aus"] = chosen
        else:
            changed["network"] = replace(recipe.network, aus=chosen)
    return replace(recipe, **changed)
