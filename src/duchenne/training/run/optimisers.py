"""torch's optimisers, as recipes name them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adadelta import adadelta

from duchenne.training.recipes.deep import Adadelta, Optimiser, Sgd

Schedule = torch.optim.lr_scheduler.LRScheduler
_PART = 1 << 17
"""Values that go through all of an optimiser's operations before the next ones: they stay near the processor."""


class PartwiseAdadelta(torch.optim.Adadelta):
    """torch's Adadelta, part after part of a weight, in the same numbers: on a processor a third of the time.

    Each of its nine operations passes through all of the memory that a large network takes: 454 ms for 55 million
    weights on one thread, in parts 139.

    Example:
        >>> weight = torch.ones(3, requires_grad=True)
        >>> weight.square().sum().backward()
        >>> PartwiseAdadelta([weight], lr=1.0, rho=0.95).step()
        >>> weight.detach()
        tensor([0.9955, 0.9955, 0.9955])
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the weights by their gradients, as torch.optim.Adadelta does."""
        if any(weight.device.type != "cpu" for group in self.param_groups for weight in group["params"]):
            return super().step(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            settings: dict[str, Any] = {name: group[name] for name in ("lr", "rho", "eps", "weight_decay", "maximize")}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["step"] = torch.zeros(())
                    state.update({name: torch.zeros_like(weight) for name in ("square_avg", "acc_delta")})
                state["step"] += 1
                for part in _parts(weight, weight.grad, state["square_avg"], state["acc_delta"]):
                    values, gradient, square_avg, acc_delta = ([one] for one in part)
                    steps = [torch.zeros(())]  # counted above, once for all parts
                    adadelta(values, gradient, square_avg, acc_delta, steps, foreach=False, **settings)
        return loss


def _parts(*whole: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """Yield neighbouring values of all of them; where one of them has gaps in memory, all values at once."""
    if not all(values.is_contiguous() for values in whole):
        return [whole]
    return zip(*(values.view(-1).split(_PART) for values in whole), strict=True)


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
            PartwiseAdadelta(
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
