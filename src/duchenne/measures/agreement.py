"""Agreement of two codings: intensities (ICC), calls (kappa), probabilities (calibration)."""

import numpy as np
from jaxtyping import Bool, Float

from duchenne.measures.contingency import kappa
from duchenne.measures.ranking import Counts, or_none


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
    return or_none(kappa(cells))


def intraclass_of_two(moments: Float[np.ndarray, "*b 6"]) -> Float[np.ndarray, "*b"]:
    """Return ICC(3,1) of two raters from sums over the targets; NaN where all targets are rated alike.

    With two raters the mean squares of `intraclass_correlation` come to 2 cov(x, y) / (var x + var y).

    Args:
        moments: Sums of 1, x, y, x^2, y^2, x y; those of parts add up to those of the whole.
    """
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(moments, float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (xx - x * x / n) + (yy - y * y / n)
        return np.where((spread > 1e-9 * (xx + yy)) & (n > 1), 2 * (xy - x * y / n) / spread, np.nan)


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
