"""Agreement of two codings: intensities (ICC), calls (kappa), probabilities (calibration)."""

import numpy as np
from jaxtyping import Bool, Float

from duchenne.measures.ranking import Counts


def intraclass_correlation(ratings: Float[np.ndarray, "n k"]) -> float | None:
    """Return ICC(3,1): consistency of k fixed raters over n targets; None where all targets are rated alike.

    (BMS - EMS) / (BMS + (k - 1) EMS), with the mean squares of a two-way analysis of variance without replication.

    Source: Shrout and Fleiss, Psychological Bulletin 86 (1979), table 2 and equation for case 3.
    """
    targets, raters = ratings.shape
    if targets < 2 or raters < 2:
        return None
    grand = ratings.mean()
    between = raters * ((ratings.mean(1) - grand) ** 2).sum() / (targets - 1)
    residual = ratings - ratings.mean(1, keepdims=True) - ratings.mean(0, keepdims=True) + grand
    error = (residual**2).sum() / ((targets - 1) * (raters - 1))
    whole = between + (raters - 1) * error
    return float((between - error) / whole) if whole > 0 else None


def cohen_kappa(counts: Counts) -> float | None:
    """Return agreement beyond chance of calls and labels; None where chance alone agrees always.

    Source: Cohen, Educational and Psychological Measurement 20 (1960).
    """
    cells = np.array(
        [[counts.true_positive, counts.false_negative], [counts.false_positive, counts.true_negative]], float
    )
    if not cells.sum():
        return None
    shares = cells / cells.sum()
    chance = float((shares.sum(0) * shares.sum(1)).sum())
    return float((np.trace(shares) - chance) / (1 - chance)) if chance < 1 else None


def calibration_error(
    truth: Bool[np.ndarray, " n"], probability: Float[np.ndarray, " n"], bins: int = 15
) -> float | None:
    """Return the expected calibration error: mean gap of probability and rate, over equally wide bins of probability.

    None without a face. Each bin counts by its faces.

    Source: Naeini, Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015.
    """
    if not len(truth):
        return None
    place = np.clip((probability * bins).astype(int), 0, bins - 1)
    gap = np.bincount(place, probability - truth, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))
