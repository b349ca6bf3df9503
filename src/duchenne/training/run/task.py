"""What the trainer is handed: everything in which the training of one network differs from that of another."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from duchenne.errors import TrainingError

Batch = tuple[Any, ...]
"""Arguments of the loss module: tensors, or tuples of tensors."""


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes:
        score: Higher is better.
        curves: Points for the log, by name.
    """

    score: float
    curves: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One network to be trained.

    Attributes:
        network: What learns, and what checkpoints keep.
        loss: Holds the network. Called with a batch it returns the weighted parts of the loss by name; the loss is
            their sum, added in this order.
        optimiser: Of the parameters that learn.
        steps: How many are made at most.
        batch: Takes the number of a step, from 0, to its batch (of several processes, to this one's share). It must
            depend on nothing else: that is why a run that was stopped goes on to the same weights.
        batch_size: Pictures in a batch, over all processes.
        identity: Hash of all that the weights follow from; a checkpoint of another identity is refused.
        schedule: Of the learning rate; None for a constant one.
        seed: Of the random choices inside the network (dropout).
        gradient_norm: Longer gradients are cut to this length; None for no limit.
        average: Decay of a running average of weights and statistics, which is then what is validated and handed back;
            None for the weights as they are.
        validate: Measures a network that is in evaluation mode; None for no validation.
        validate_every: Steps between validations; there is always one after the last step.
        patience: Validations without a better score after which training stops and the best weights come back; 0 to
            train to the end and keep the last ones.
        keep_every_s: Least seconds between checkpoints, more where writing one takes long; 0 for one after each step.
        sampler_processes: Processes that draw batches ahead; 0 draws one ahead in a thread.
    """

    network: nn.Module
    loss: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int
    batch: Callable[[int], Batch]
    batch_size: int
    identity: str
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    seed: int = 0
    gradient_norm: float | None = None
    average: float | None = None
    validate: Callable[[nn.Module], Validation] | None = None
    validate_every: int = 1
    patience: int = 0
    keep_every_s: float = 60.0
    sampler_processes: int = 0

    def __post_init__(self) -> None:
        if self.patience and self.validate is None:
            raise TrainingError(f"Found a patience of {self.patience} without a validation. Give both, or neither.")


@dataclass(frozen=True)
class Trained:
    """What a training ended with.

    Attributes:
        network: In evaluation mode: the best weights if there was patience, else the running average if there was one,
            else the last weights.
        steps: Steps made.
        best_step: Step of the best validation; 0 without one.
        score: Of the validation that the weights come from; None without one.
        seconds: Since the run was last started.
        notes: What had changed when it went on after a stop.
    """

    network: nn.Module
    steps: int
    best_step: int
    score: float | None
    seconds: float
    notes: tuple[str, ...] = ()
