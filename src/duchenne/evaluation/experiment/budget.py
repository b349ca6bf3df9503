"""Whether the training budget of the experiment was enough, from the validation scores that runs keep."""

from collections.abc import Sequence

from duchenne.evaluation.experiment.sizes import ExperimentSize
from duchenne.evaluation.report.claims import learnt
from duchenne.evaluation.runs import Run

ENOUGH_GAIN = 0.01
"""A validation score that still gained more than this in the last third says that the budget was too small."""


def budget_of(size: ExperimentSize, runs: Sequence[Run]) -> str:
    """Return the budget rule and who was still learning when it was spent."""
    gains: dict[str, list[float]] = {}
    for run in runs:
        if (gain := last_third_gain(run)) is not None:
            gains.setdefault(run.origin.system, []).append(gain)
    means = {name: sum(values) / len(values) for name, values in gains.items()}
    learning = sorted(f"{name} (+{gain:.3f})" for name, gain in means.items() if gain > ENOUGH_GAIN)
    outcome = f"still learning by that rule: {', '.join(learning)}" if learning else "no network was still learning"
    if lost := sorted({run.origin.system for run in runs if not learnt(run)}):
        outcome += f"; never left chance, so that the budget was too small for them: {', '.join(lost)}"
    shared = "in the same batches and with the same augmentation"
    if size.networks == "paper":
        shared = "at most, with its own recipe's optimiser and batch, and stops when validation no longer gains"
    return (
        f"Budget ({size.name}): every network sees each training face {size.epochs:g} times, {shared}; "
        "classical systems solve to the end. It is called enough when the validation score "
        f"gained at most {ENOUGH_GAIN} in the last third, in the mean over trainings; {outcome}."
    )


def last_third_gain(run: Run) -> float | None:
    """Return how far the best validation score of the last third lies above the best before it; None with too few."""
    by_step = run.origin.training.validation if run.origin.training is not None else {}
    scores = [by_step[step] for step in sorted(by_step)]
    third = len(scores) // 3
    return max(scores[-third:]) - max(scores[:-third]) if third else None
