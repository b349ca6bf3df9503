"""torch's optimisers, as recipes name them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duchenne.training.recipes.deep import Adadelta, Optimiser, Sgd

Schedule = torch.optim.lr_scheduler.LRScheduler


def build_optimiser(
    settings: Optimiser, parameters: Sequence[Tensor], steps: int
) -> tuple[torch.optim.Optimizer, Schedule | None]:
    """Return the optimiser, and the schedule of its rate if it has one.

    Args:
        settings: Which one, with what.
        parameters: What learns.
        steps: Length of the training.
    """
    if isinstance(settings, Adadelta):
        return (
            torch.optim.Adadelta(
                parameters,
                lr=settings.learning_rate,
                rho=settings.rho,
                eps=settings.eps,
                weight_decay=settings.weight_decay,
            ),
            None,
        )
    if isinstance(settings, Sgd):
        return _sgd(settings, parameters)
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps, pct_start=settings.warm_up
    )
    return optimiser, cycle


def _sgd(settings: Sgd, parameters: Sequence[Tensor]) -> tuple[torch.optim.Optimizer, Schedule | None]:
    optimiser = torch.optim.SGD(
        parameters,
        lr=settings.learning_rate,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.nesterov,
    )
    if not settings.drop_every:
        return optimiser, None
    return optimiser, torch.optim.lr_scheduler.StepLR(optimiser, settings.drop_every, settings.drop_to)
