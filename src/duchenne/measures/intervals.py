"""Intervals by resampling subjects: frames of one person are no independent evidence, so whole persons are drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from duchenne.errors import UsageError
from duchenne.measures.ranking import Curve, average_precision, best_f1, curve_of, roc_area

CURVE_MEASURES: Mapping[str, Callable[[Curve], np.ndarray]] = {
    "f1": best_f1,
    "nf1": lambda curve: best_f1(curve.balanced()),
    "apr": average_precision,
    "napr": lambda curve: average_precision(curve.balanced()),
    "aroc": roc_area,
}
"""The paper's five measures of a ranking; its F1 and nF1 are maxima over the threshold, each on its own."""
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Attributes:
        draws: Resamplings of the subjects; 0 makes no intervals.
        level: Share of the resamplings inside an interval.
        seed: Of the resampling.
    """

    draws: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 0 or not 0 < self.level < 1:
            raise UsageError(
                f"Intervals need 0 or more draws and a level between 0 and 1; got {self.draws}, {self.level:g}."
            )


def subject_weights(
    subject: Shaped[np.ndarray, " n"], bootstrap: Bootstrap
) -> tuple[Int[np.ndarray, "d s"], np.ndarray]:
    """Return how often each subject is drawn in each resampling, and each face's subject as a column of that table."""
    names, column = np.unique(subject, return_inverse=True)
    rng = np.random.default_rng(bootstrap.seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=bootstrap.draws)
    return drawn, column


def resampled(
    truth: Bool[np.ndarray, " n"],
    score: Float[np.ndarray, " n"],
    drawn: Int[np.ndarray, "d s"],
    column: Int[np.ndarray, " n"],
) -> dict[str, Float[np.ndarray, " d"]]:
    """Return each of `CURVE_MEASURES` in each resampling; NaN where a resampling holds one kind only.

    Args:
        truth: Labels of the known faces.
        score: Their scores.
        drawn: From `subject_weights`, of all faces of a run, so that AUs are resampled together.
        column: Each known face's subject as a column of it.
    """
    step = max(1, _CELLS_AT_ONCE // max(1, len(truth)))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in CURVE_MEASURES}
    for start in range(0, len(drawn), step):
        curve = curve_of(truth, score, drawn[start : start + step, column])
        for name, measure in CURVE_MEASURES.items():
            parts[name].append(measure(curve))
    return {name: np.concatenate(values) for name, values in parts.items()}


def interval(values: Float[np.ndarray, " d"], level: float) -> tuple[float, float] | None:
    """Return the percentile interval of resampled values; None when under half of the resamplings could be measured.

    Resamplings without both kinds are left out; where they are the majority an interval would mislead.
    """
    valid = values[~np.isnan(values)]
    if not len(values) or 2 * len(valid) < len(values):
        return None
    low, high = np.quantile(valid, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
