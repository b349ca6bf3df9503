"""torch's optimisers, as recipes name them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duchenne.training.recipes.deep import Adadelta, AdamW

Schedule = torch.optim.lr_scheduler.OneCycleLR


def build_optimiser(
    settings: Adadelta | AdamW, parameters: Sequence[Tensor], steps: int
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
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    return optimiser, Schedule(optimiser, settings.learning_rate, total_steps=steps, pct_start=settings.warm_up)
