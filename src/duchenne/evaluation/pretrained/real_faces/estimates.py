"""Measures of faces with intervals over persons: whole persons are drawn, all AUs and groups with the same draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from duchenne.evaluation.pretrained.real_faces.real_faces_result import Estimate
from duchenne.measures.agreement import calibration_error
from duchenne.measures.intervals import Bootstrap, interval, subject_weights
from duchenne.measures.ranking import curve_of, roc_area

Weights = Int[np.ndarray, "k n"]
Measure = Callable[[Weights], Float[np.ndarray, " k"]]
"""From how often each of n faces counts, k times, to k values; NaN where the measure is not defined."""


@dataclass(frozen=True)
class Sampled:
    """A measure on the faces and on each resampling; NaN where it is not defined."""

    value: float
    draws: Float[np.ndarray, " d"]

    def estimate(self, level: float) -> Estimate:
        """Return the value with its percentile interval, both None where the measure is not defined."""
        if np.isnan(self.value):
            return Estimate(None, None)
        bounds = interval(self.draws, level)
        return Estimate(round(self.value, 4), None if bounds is None else (round(bounds[0], 4), round(bounds[1], 4)))


@dataclass(frozen=True)
class Resampling:
    """How often each face counts in each resampling of the persons.

    Attributes:
        weight: (d, n).
        level: Of intervals.
    """

    weight: Int[np.ndarray, "d n"]
    level: float

    def of(self, chosen: Shaped[np.ndarray, " m"]) -> "Resampling":
        """Return the resampling of some of the faces (numbers or a mask)."""
        return Resampling(self.weight[:, chosen], self.level)

    def sample(self, measure: Measure) -> Sampled:
        """Return a measure on the faces as they are and on each resampling."""
        once = np.ones((1, self.weight.shape[1]), np.int64)
        return Sampled(float(measure(once)[0]), measure(self.weight))

    def estimate(self, measure: Measure) -> Estimate:
        """Return a measure with its interval."""
        return self.sample(measure).estimate(self.level)


def resampling(person: Shaped[np.ndarray, " n"], bootstrap: Bootstrap) -> Resampling:
    """Return the resampling of the persons of some faces; of no faces, too."""
    if not len(person):
        return Resampling(np.zeros((bootstrap.draws, 0), np.int64), bootstrap.level)
    drawn, column = subject_weights(person, bootstrap)
    return Resampling(drawn[:, column], bootstrap.level)


def mean_of(sampled: Sequence[Sampled]) -> Sampled:
    """Return the mean of measures that are defined; a resampling in which one of them is not counts for nothing."""
    if not sampled:
        return Sampled(np.nan, np.empty(0))
    value = np.mean([one.value for one in sampled])
    return Sampled(float(value), np.mean([one.draws for one in sampled], axis=0))


def difference_of(first: Sampled, second: Sampled) -> Sampled:
    """Return the first minus the second, resampling by resampling."""
    return Sampled(first.value - second.value, first.draws - second.draws)


def area(truth: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> Measure:
    """Return the measure of the area under the ROC."""
    if not len(truth):
        return lambda weight: np.full(len(weight), np.nan)
    return lambda weight: roc_area(curve_of(truth, score, weight))


def share(flag: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"] | None = None) -> Measure:
    """Return the measure of the share of faces with a flag, among all or some of the faces."""
    base = np.ones(len(flag), bool) if among is None else among

    def measure(weight: Weights) -> Float[np.ndarray, " k"]:
        with np.errstate(invalid="ignore"):
            return (weight @ (flag & base).astype(float)) / (weight @ base.astype(float))

    return measure


def balanced_accuracy(truth: Bool[np.ndarray, " n"], called: Bool[np.ndarray, " n"]) -> Measure:
    """Return the measure of the mean of recall and specificity."""
    recall, specificity = share(called, truth), share(~called, ~truth)
    return lambda weight: (recall(weight) + specificity(weight)) / 2


def calibration(truth: Bool[np.ndarray, " n"], probability: Float[np.ndarray, " n"]) -> Measure:
    """Return the measure of the expected calibration error."""
    return _by_rows(lambda rows: calibration_error(truth[rows], probability[rows]))


def rank_agreement(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> Measure:
    """Return the measure of the rank correlation of two values."""
    return _by_rows(lambda rows: rank_correlation(first[rows], second[rows]))


def rank_correlation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> float | None:
    """Return Spearman's correlation, ties with their mean rank; None where one of the two does not vary.

    Source: Spearman, The proof and measurement of association between two things, American Journal of Psychology 15
    (1904).

    >>> round(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 1.0, 4.0])), 6)
    -0.5
    """
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(_mid_ranks(first), _mid_ranks(second))[0, 1])


def _mid_ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[group]


def _by_rows(measure: Callable[[Int[np.ndarray, " m"]], float | None]) -> Measure:
    """Return a measure that knows no weights, as one of faces that stand there as often as they count."""

    def values(weight: Weights) -> Float[np.ndarray, " k"]:
        rows = np.arange(weight.shape[1])
        found = [measure(np.repeat(rows, times)) for times in weight]
        return np.array([np.nan if value is None else value for value in found], float)

    return values
