"""Codes -> the probability from which each action unit should count, and whether that helps where it was not chosen.

Each threshold is also chosen without each unit in turn and tried on that unit; it is advised only where kappa over
these trials is better than that of the calls in the result.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from duchenne.measures.contingency import kappa
from duchenne.measures.ranking import best_threshold_of, curve_of_counts, or_none
from duchenne.study.agreement.counting import Added
from duchenne.study.writing import write_text

if TYPE_CHECKING:
    import pandas as pd

LEAST_PRESENT = 25
"""With fewer frames in which it is coded present no threshold is advised."""
DECIMALS = 5
"""One more than scores have, so that a threshold lies between two scores."""


@dataclass(frozen=True)
class Advice:
    """The threshold of one action unit.

    Attributes:
        au: Its name.
        threshold: The best one on these codes; None where it cannot be chosen.
        kappa_now: Of the calls in the result.
        kappa_held_out: Of thresholds that were chosen without the unit on which they are tried.
        advised: Whether to take it.
        why: In words.
    """

    au: str
    threshold: float | None
    kappa_now: float | None
    kappa_held_out: float | None
    advised: bool
    why: str


def advise(au: str, added: Added, rule: Literal["balanced", "f1"]) -> Advice:
    """Return the advice for one action unit.

    Args:
        au: Its name.
        added: Counts by unit; scores are probabilities.
        rule: Best balanced accuracy, or best F1.
    """
    present, absent = added.positives.sum(), added.negatives.sum()
    now = or_none(kappa(added.occurrence.sum(0)))
    if not len(added.score) or present < LEAST_PRESENT or not absent:
        why = "the result has no probability" if not len(added.score) else f"only {present:.0f} frames with it"
        return Advice(au, None, now, None, False, why if absent or not len(added.score) else "no frame without it")
    threshold = _best(added.score, added.positives.sum(0), added.negatives.sum(0), rule)
    if len(added.positives) < 2:
        return Advice(au, threshold, now, None, False, "a single unit; nothing to try it on")
    tried = np.zeros((2, 2))
    for out in range(len(added.positives)):
        positives, negatives = (np.delete(one, out, 0).sum(0) for one in (added.positives, added.negatives))
        if not positives.sum() or not negatives.sum():
            return Advice(au, threshold, now, None, False, "in a single unit only; nothing to try it on")
        called = added.score >= _best(added.score, positives, negatives, rule)
        for row, calls in enumerate((~called, called)):
            tried[row] += (added.negatives[out, calls].sum(), added.positives[out, calls].sum())
    held_out = or_none(kappa(tried))
    better = held_out is not None and (now is None or held_out > now)
    return Advice(au, threshold, now, held_out, better, "better on units left out" if better else "no better than now")


def write_advice(advice: "pd.DataFrame", path: Path) -> int:
    """Write the advised thresholds as `duchenne detect --thresholds` reads them; return how many.

    Raises:
        OutputError: It cannot be written.
    """
    advised = advice[advice["advised"]]
    columns = ["au", "threshold", "kappa_now", "kappa_held_out"]
    write_text(path, advised[columns].to_csv(index=False, lineterminator="\n"))
    return len(advised)


def _best(
    score: Float[np.ndarray, " k"],
    positives: Float[np.ndarray, " k"],
    negatives: Float[np.ndarray, " k"],
    rule: Literal["balanced", "f1"],
) -> float:
    return round(best_threshold_of(curve_of_counts(score, positives, negatives), rule), DECIMALS)
