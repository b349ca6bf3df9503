"""Scores of one AU over faces: area under the ROC, and the threshold with the best F1."""

import numpy as np
from jaxtyping import Bool, Float

Truth = Bool[np.ndarray, " n"]
Scores = Float[np.ndarray, " n"]


def area_under_roc(truth: Truth, score: Scores) -> float | None:
    """Return the share of pairs in which the positive scores higher, a tie counting half; None without both kinds."""
    positive, negative = np.sort(score[truth]), np.sort(score[~truth])
    if not positive.size or not negative.size:
        return None
    below = np.searchsorted(negative, positive, side="left")
    upto = np.searchsorted(negative, positive, side="right")
    return float((below + upto).mean() / (2 * negative.size))


def best_threshold(truth: Truth, score: Scores) -> float:
    """Return the threshold t at which calling `score >= t` positive has the best F1, midway to the next score."""
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], np.cumsum(truth[order])
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    f1_values = np.where(last_of_tie, 2 * hits / (np.arange(1, len(score) + 1) + truth.sum()), -1.0)
    best = int(f1_values.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def f1(truth: Truth, called: Truth) -> float | None:
    """Return the harmonic mean of precision and recall; None without a positive."""
    if not truth.any():
        return None
    return float(2 * (truth & called).sum() / (truth.sum() + called.sum()))
