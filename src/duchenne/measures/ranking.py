"""Measures of one AU's scores against its labels: F1, precision, and the areas under the two curves; tie-safe.

All of them are read from `Curve`, the counts at each distinct score. With a = true positive rate, b = false positive
rate and s = negatives / positives: precision = a / (a + s b), F1 = 2 a / (1 + a + s b); the normalised measures put
s = 1, so that scores of AUs with different skew can be compared.

Source: Jeni, Cohn and De la Torre, Facing imbalanced data, ACII 2013, for the normalised measures.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Real

Truth = Bool[np.ndarray, " n"]
Scores = Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Curve:
    """Weighted counts when `score >= threshold` is called positive, for one or many sets of weights.

    Attributes:
        threshold: (k,) the distinct scores, highest first.
        true_positive: (..., k) weight of positives called positive; ends with all of them.
        false_positive: (..., k) weight of negatives called positive; ends with all of them.
    """

    threshold: Float[np.ndarray, " k"]
    true_positive: Float[np.ndarray, "*b k"]
    false_positive: Float[np.ndarray, "*b k"]

    @property
    def positives(self) -> Float[np.ndarray, "*b 1"]:
        """Weight of all positives."""
        return self.true_positive[..., -1:]

    @property
    def negatives(self) -> Float[np.ndarray, "*b 1"]:
        """Weight of all negatives."""
        return self.false_positive[..., -1:]

    @property
    def both_kinds(self) -> Bool[np.ndarray, "*b"]:
        """Whether there are positives and negatives, without which no measure is defined."""
        return ((self.positives > 0) & (self.negatives > 0))[..., 0]

    def balanced(self) -> "Curve":
        """Return the curve with each negative weighted positives / negatives: skew 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return Curve(self.threshold, self.true_positive, self.false_positive * (self.positives / self.negatives))


def curve_of(truth: Truth, score: Scores, weight: Real[np.ndarray, "*b n"] | None = None) -> Curve:
    """Return the counts at each distinct score.

    Args:
        truth: Labels, all of them known; at least one.
        score: Higher means rather present.
        weight: Not negative; one per face, or several rows of them (resamplings). All 1 unless given.
    """
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], truth[order]
    weights = np.ones(len(score)) if weight is None else weight[..., order].astype(float)
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    return Curve(
        ranked[last_of_tie],
        np.cumsum(weights * hits, axis=-1)[..., last_of_tie],
        np.cumsum(weights * ~hits, axis=-1)[..., last_of_tie],
    )


def curve_of_counts(
    threshold: Float[np.ndarray, " k"], positives: Real[np.ndarray, "*b k"], negatives: Real[np.ndarray, "*b k"]
) -> Curve:
    """Return the curve of scores that were counted by their values: what `curve_of` gives of the scores one by one.

    Args:
        threshold: The distinct scores, highest first.
        positives: (Weighted) number of positives with each score.
        negatives: Of negatives.
    """
    return Curve(threshold, np.cumsum(positives, -1, dtype=float), np.cumsum(negatives, -1, dtype=float))


def f1_values(curve: Curve) -> Float[np.ndarray, "*b k"]:
    """Return F1 at each threshold; NaN without a positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * curve.true_positive / (curve.positives + curve.true_positive + curve.false_positive)


def average_precision(curve: Curve) -> Float[np.ndarray, "*b"]:
    """Return APR = sum_k (R_k - R_{k-1}) P_k; NaN where one kind is missing. The area with steps, not trapezoids."""
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = curve.true_positive / (curve.true_positive + curve.false_positive)
        gained = np.diff(curve.true_positive, axis=-1, prepend=0.0) / curve.positives
    area = np.where(gained > 0, gained * precision, 0.0).sum(-1)
    return np.where(curve.both_kinds, area, np.nan)


def roc_area(curve: Curve) -> Float[np.ndarray, "*b"]:
    """Return AROC: the share of pairs in which the positive scores higher, a tie counting half; NaN as above."""
    before = curve.true_positive - np.diff(curve.true_positive, axis=-1, prepend=0.0) / 2
    pairs = (before * np.diff(curve.false_positive, axis=-1, prepend=0.0)).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = pairs / (curve.positives * curve.negatives)[..., 0]
    return np.where(curve.both_kinds, area, np.nan)


def best_f1(curve: Curve) -> Float[np.ndarray, "*b"]:
    """Return the maximum of F1 over the thresholds (an oracle); NaN where one kind is missing."""
    return np.where(curve.both_kinds, f1_values(curve).max(-1), np.nan)


@dataclass(frozen=True)
class Counts:
    """How a threshold splits the faces of one AU.

    Attributes:
        true_positive: Present and called present.
        false_positive: Absent and called present.
        false_negative: Present and called absent.
        true_negative: Absent and called absent.
    """

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return self._ratio(2 * self.true_positive, self._positives + self.true_positive + self.false_positive)

    @property
    def normalised_f1(self) -> float | None:
        """F1 as it would be if there were as many negatives as positives."""
        recall, false_rate = self.recall, self.false_positive_rate
        if recall is None or false_rate is None:
            return None
        return 2 * recall / (1 + recall + false_rate)

    @property
    def precision(self) -> float | None:
        """Share of the called faces that are positive; None where none is called."""
        called = self.true_positive + self.false_positive
        return self.true_positive / called if called and self._both_kinds else None

    @property
    def recall(self) -> float | None:
        """Share of the positives that are called: the true positive rate."""
        return self._ratio(self.true_positive, self._positives)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the negatives that are called."""
        return self._ratio(self.false_positive, self._negatives)

    def _ratio(self, part: float, whole: float) -> float | None:
        return part / whole if self._both_kinds else None

    @property
    def _positives(self) -> float:
        return self.true_positive + self.false_negative

    @property
    def _negatives(self) -> float:
        return self.false_positive + self.true_negative

    @property
    def _both_kinds(self) -> bool:
        return self._positives > 0 and self._negatives > 0


def counts_at(truth: Truth, called: Truth, weight: Real[np.ndarray, " n"] | None = None) -> Counts:
    """Return the (weighted) numbers of faces by label and call."""
    weights = np.ones(len(truth)) if weight is None else weight
    cells = (truth & called, ~truth & called, truth & ~called, ~truth & ~called)
    return Counts(*(float(weights[cell].sum()) for cell in cells))


def all_positive_f1(skew: float) -> float:
    """Return the F1 of calling every face positive, 2 / (2 + s): the floor below which an F1 says nothing."""
    return 2 / (2 + skew)


def area_under_roc(truth: Truth, score: Scores) -> float | None:
    """Return AROC of one AU; None without both kinds."""
    return or_none(roc_area(curve_of(truth, score))) if len(truth) else None


def best_threshold(truth: Truth, score: Scores) -> float:
    """Return the threshold t at which calling `score >= t` positive has the best F1, midway to the next score."""
    return best_threshold_of(curve_of(truth, score), "f1")


def best_threshold_of(curve: Curve, rule: Literal["balanced", "f1"]) -> float:
    """Return the threshold of best balanced accuracy, or of best F1, midway to the next score; ties: the highest.

    Source: best balanced accuracy is the largest J of Youden, Index for rating diagnostic tests, Cancer 1950.
    """
    if rule == "f1":
        values = f1_values(curve)
    else:
        values = np.round(curve.true_positive / curve.positives - curve.false_positive / curve.negatives, 12)
    best = int(values.argmax())
    below = curve.threshold[best + 1] if best + 1 < len(curve.threshold) else 0.0
    return float((curve.threshold[best] + below) / 2)


def or_none(value: float | np.ndarray) -> float | None:
    """Return the number, or None in place of NaN: the measure is not defined there."""
    number = float(value)
    return None if np.isnan(number) else number
