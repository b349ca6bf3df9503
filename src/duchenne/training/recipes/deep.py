"""How a network for action units is trained: optimiser, batches, augmentation, when to stop."""

from dataclasses import dataclass, field
from typing import Literal

from duchenne.errors import UsageError
from duchenne.networks.baseline_config import NetworkConfig
from duchenne.training.recipes.augmentation import LIGHT, AugmentationConfig


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
class Sgd:
    """Stochastic gradient descent with momentum, as torch computes it.

    Attributes:
        learning_rate: At first.
        momentum: Share of the step before that is kept.
        weight_decay: Added to the gradient as weight_decay * weight.
        nesterov: Whether the gradient is taken where the momentum leads.
        drop_every: Steps after which the rate falls, each time; 0 for never.
        drop_to: Factor by which it falls.
    """

    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = False
    drop_every: int = 0
    drop_to: float = 0.1


Optimiser = Adadelta | AdamW | Sgd


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
        skew_power: A positive weighs (negatives / positives of its AU) to this power: 1 as in the paper, 0 for none.
        sampling: "all": each face once an epoch; "balanced": drawn with replacement, faces with rare AUs more often.
        intensity_share: Weight of the intensity terms, for networks with an ordinal head.
        side_share: Weight of telling which side is stronger, likewise.
        located_share: Share of faces whose points are the landmarker's; the others' are the renderer's, if known.
        graded_share: Share of each batch that are faces with mean grades, where there are faces of both kinds.
        rest_times: How often such faces without any AU are dealt for each time that the others are. They are few, and
            where thresholds may be depends on them.
        graded_weight: Weight of their terms; 0 leaves grades out, and such faces teach by occurrence like others.
        graded_skew_power: The same power for faces with mean grades, where negatives and positives are theirs.
        grade_spread: How far mean grades scatter around what a face shows, in grades.
        ungraded_aus: AUs whose grades are not to be trusted; they learn from the other faces alone.
        pair_share: Weight of naming the right face of pairs that differ in an AU; pairs then stay within a batch.
        alone_share: Weight of what appearance and landmarks each say alone, for networks that join the two late.
        average: Decay of a running average of the weights, which is what is kept; None for the last weights.
        seed: Of weights, order, augmentation and dropout.
        bf16: Whether layers compute in bfloat16.
        keep_every_s: Least seconds between checkpoints, more where writing one takes long; 0 for one after each step.
        freeze: Beginnings of names of parameters that do not learn.
    """

    name: str
    what: str
    network: NetworkConfig
    optimiser: Optimiser = field(default_factory=AdamW)
    batch: int = 128
    epochs: float = 20.0
    patience: int = 5
    validate_every: float = 1.0
    augmentation: AugmentationConfig = LIGHT
    skew_power: float = 1.0
    sampling: Literal["all", "balanced"] = "all"
    intensity_share: float = 0.5
    side_share: float = 2.0
    located_share: float = 0.35
    graded_share: float = 0.5
    rest_times: int = 1
    graded_weight: float = 0.0
    graded_skew_power: float = 0.5
    grade_spread: float = 0.35
    ungraded_aus: tuple[str, ...] = ()
    pair_share: float = 0.0
    alone_share: float = 0.3
    average: float | None = None
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
        if not 0 <= self.graded_share <= 1:
            raise UsageError(f"The share of faces with mean grades is {self.graded_share:g}; it must be 0 to 1.")
        if self.rest_times < 1:
            raise UsageError(f"Faces without any AU are repeated {self.rest_times} times; it must be 1 or more.")

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that it learns, in the order of its scores."""
        return self.network.aus

    @property
    def reduction(self) -> int:
        """Whole number by which the 200 x 200 crop can be reduced before this system reads it."""
        return self.network.view.reduction
