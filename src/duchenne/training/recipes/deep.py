"""The named recipes: what is trained, and how. Importable without torch, so that they can be listed quickly.

A recipe is a frozen dataclass; `dataclasses.replace` makes a variant of one. `docs/training.md` states for each recipe
source, command, hardware, time and score as measured.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS, parse_aus
from duchenne.networks.baseline_config import (
    AlexNetConfig,
    ConvNetConfig,
    DrmlConfig,
    EacConfig,
    FrontalConfig,
    NetworkConfig,
)
from duchenne.networks.region_config import COMPACT, PatchLayer, RegionConfig
from duchenne.patches import PatchLayout
from duchenne.training.recipes.augmentation import AugmentationConfig
from duchenne.training.recipes.classical import Chain, ClassicalRecipe, Joint, PatchChoice, Svm

LIGHT = AugmentationConfig(
    landmark_error=0.01,
    depth_error=0.01,
    feature_jitter_deg=0,
    feature_jitter_shift=0,
    low_resolution=0.0,
    jpeg=0.0,
)
"""Mirror, small similarity jitter, light: for recipes that state none."""
NONE = AugmentationConfig(
    landmark_error=0,
    depth_error=0,
    feature_jitter_deg=0,
    feature_jitter_shift=0,
    mirror=0,
    gamma=0,
    contrast=0,
    brightness=0,
    low_resolution=0,
    jpeg=0,
    tint=0,
)
"""Nothing is changed."""


@dataclass(frozen=True)
class Adadelta:
    """Zeiler's Adadelta (arXiv 1212.5701), as torch computes it.

    Attributes:
        learning_rate: Factor of the step; the method's own is 1.
        rho: Decay of the running means; the paper's "momentum".
        eps: Added under the roots.
        weight_decay: Added to the gradient as weight_decay * weight.
    """

    learning_rate: float = 1.0
    rho: float = 0.95
    eps: float = 1e-6
    weight_decay: float = 5e-4


@dataclass(frozen=True)
class AdamW:
    """AdamW with a rate that rises and falls once (Smith and Topin, arXiv 1708.07120), as torch computes both.

    Attributes:
        learning_rate: Peak of the one cycle.
        weight_decay: Decoupled.
        warm_up: Share of the steps in which the rate rises.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    warm_up: float = 0.15


@dataclass(frozen=True)
class DeepRecipe:
    """How a network is trained.

    Attributes:
        name: The word on the command line.
        what: One line for `--help`.
        network: Its sizes.
        optimiser: What makes the steps.
        batch: Faces in a step, over all processes.
        epochs: Times that each face is seen, at most.
        patience: Validations without a better score after which training stops; 0 to train to the end and keep the
            last weights.
        validate_every: Epochs between validations.
        augmentation: What faces go through.
        weighted: Whether a positive weighs negatives / positives of its AU.
        sampling: "all": each face once an epoch; "balanced": drawn with replacement, faces with rare AUs more often.
        intensity_share: Weight of the intensity terms, for networks with an ordinal head.
        side_share: Weight of telling which side is stronger, likewise.
        located_share: Share of faces whose points are the landmarker's; the others' are the renderer's, if known.
        seed: Of weights, order, augmentation and dropout.
        bf16: Whether layers compute in bfloat16.
        keep_every_s: Seconds between checkpoints.
        freeze: Beginnings of names of parameters that do not learn.
    """

    name: str
    what: str
    network: NetworkConfig
    optimiser: Adadelta | AdamW = field(default_factory=AdamW)
    batch: int = 128
    epochs: float = 20.0
    patience: int = 5
    validate_every: float = 1.0
    augmentation: AugmentationConfig = LIGHT
    weighted: bool = True
    sampling: Literal["all", "balanced"] = "all"
    intensity_share: float = 0.5
    side_share: float = 2.0
    located_share: float = 0.35
    seed: int = 0
    bf16: bool = True
    keep_every_s: float = 60.0
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.batch < 2 or self.epochs <= 0 or self.optimiser.learning_rate <= 0 or self.validate_every <= 0:
            raise UsageError(
                f"A recipe needs a batch of 2 or more, and epochs, learning rate and validate_every above 0; got "
                f"{self.batch}, {self.epochs:g}, {self.optimiser.learning_rate:g} and {self.validate_every:g}."
            )

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that it learns, in the order of its scores."""
        return self.network.aus

    @property
    def reduction(self) -> int:
        """Whole number by which the 200 x 200 crop can be reduced before this system reads it."""
        return self.network.view.reduction


Recipe = DeepRecipe | ClassicalRecipe

_PAPER = RegionConfig(aus=PAPER_AUS)
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
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
            "The network that ships: small, 23 AUs, intensity and sides. Learns to .915 in 53 minutes, see the docs.",
            COMPACT,
            AdamW(),
            batch=64,
            patience=0,
            validate_every=5.0,
            augmentation=AugmentationConfig(),
        ),
        DeepRecipe(
            "grid",
            "The paper's network with its patches on a uniform grid instead of the landmarks.",
            RegionConfig(aus=PAPER_AUS, grid=True),
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
            weighted=False,
        ),
        DeepRecipe(
            "drml-convnet",
            "DRML without its region layer.",
            DrmlConfig(middle="none"),
            AdamW(learning_rate=5e-4),
            weighted=False,
        ),
        DeepRecipe(
            "lcn",
            "DRML with untied filters in its region layer's place.",
            DrmlConfig(middle="local"),
            AdamW(learning_rate=5e-4),
            weighted=False,
        ),
        DeepRecipe("alexnet", "AlexNet from random weights.", AlexNetConfig(), AdamW(learning_rate=5e-4)),
        DeepRecipe(
            "eac", "EAC-Net: attention from landmarks, regions at AU centres.", EacConfig(), AdamW(learning_rate=5e-4)
        ),
        DeepRecipe(
            "toser", "A small network on the face turned to the front.", FrontalConfig(), AdamW(learning_rate=5e-4)
        ),
        ClassicalRecipe("svm", "Linear SVMs on gradient histograms at the landmarks.", Svm()),
        ClassicalRecipe("apl", "Patches picked by a group lasso, then linear SVMs.", PatchChoice()),
        ClassicalRecipe("jpml", "Logistic models, group lasso over patches, pairs of AUs.", Joint()),
        ClassicalRecipe("fera17", "Landmark geometry and a chain over time.", Chain()),
    )
}

KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        DeepRecipe,
        Adadelta,
        AdamW,
        AugmentationConfig,
        RegionConfig,
        PatchLayer,
        PatchLayout,
        ConvNetConfig,
        DrmlConfig,
        AlexNetConfig,
        EacConfig,
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


def with_settings(recipe: Recipe, aus: str | None = None, **settings: Any) -> Recipe:
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
