"""Two codings of the same units, as tables of counts -> kappa, AC1, alpha, percent and specific agreement.

Every function takes one table or many at once (resamplings, sequences): rows are the categories of the first coding,
columns those of the second, cells (weighted) counts. NaN stands where a measure is not defined.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Real

Tables = Real[np.ndarray, "*b k k"]
Values = Float[np.ndarray, "*b"]
Weighting = Literal["none", "linear", "quadratic"]


def percent_agreement(tables: Tables) -> Values:
    """Return the share of units that both put into the same category."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.trace(tables, axis1=-2, axis2=-1) / tables.sum((-2, -1)))


def specific_agreement(tables: Tables, category: int) -> Values:
    """Return 2 x agreed / (named by the first + named by the second), of one category.

    With presence as category it is F1, whichever coding counts as the truth.

    Source: Dice 1945; Cicchetti and Feinstein, High agreement but low kappa II, J. Clinical Epidemiology 43 (1990).
    """
    named = tables[..., category, :].sum(-1) + tables[..., :, category].sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * tables[..., category, category] / named)


def kappa(tables: Tables, weighting: Weighting = "none") -> Values:
    """Return agreement beyond chance, 1 - observed / expected disagreement; NaN where chance alone agrees always.

    Args:
        tables: Counts.
        weighting: How much a pair of categories disagrees: all pairs alike, by their distance, or by its square.

    Source: Cohen 1960 (all alike); Cohen, Psychological Bulletin 70 (1968) for weights.
    """
    tables = np.asarray(tables, float)
    costs = _costs(tables.shape[-1], weighting)
    total = tables.sum((-2, -1))
    chance = tables.sum(-1)[..., :, None] * tables.sum(-2)[..., None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        observed, expected = (costs * tables).sum((-2, -1)) / total, (costs * chance).sum((-2, -1)) / total**2
        return np.where(expected > 0, 1 - observed / np.where(expected > 0, expected, 1.0), np.nan)


def gwet_ac1(tables: Tables) -> Values:
    """Return AC1: agreement beyond chance where chance is small for categories that are rare or common.

    (p_a - p_e) / (1 - p_e), p_e = sum_k pi_k (1 - pi_k) / (q - 1), with pi_k the mean share of category k.

    Source: Gwet, Computing inter-rater reliability and its variance in the presence of high agreement, British J. of
    Mathematical and Statistical Psychology 61 (2008).
    """
    tables = np.asarray(tables, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (tables.sum(-1) + tables.sum(-2)) / (2 * tables.sum((-2, -1)))[..., None]
    chance = (share * (1 - share)).sum(-1) / (tables.shape[-1] - 1)
    return np.asarray((percent_agreement(tables) - chance) / (1 - chance))


def krippendorff_alpha(tables: Tables, interval: bool = False) -> Values:
    """Return alpha of two coders, 1 - observed / expected disagreement; NaN where only one category is used.

    Args:
        tables: Counts of the units that both coded; alpha leaves the others out.
        interval: Whether disagreement is the squared distance of categories, not just their being different.

    Source: Krippendorff, Computing Krippendorff's alpha-reliability (2011), sections A, B and D.
    """
    coincidences = np.asarray(tables, float) + np.swapaxes(np.asarray(tables, float), -1, -2)
    costs = _costs(tables.shape[-1], "quadratic" if interval else "none")
    values = coincidences.sum(-1)
    total = values.sum(-1)
    pairs = values[..., :, None] * values[..., None, :]
    observed, expected = (costs * coincidences).sum((-2, -1)), (costs * pairs).sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (total - 1) * observed / np.where(expected > 0, expected, 1.0), np.nan)


def share_within_one(tables: Tables) -> Values:
    """Return, among units that either coding puts above category 0, the share whose categories differ by one at most.

    Ours: units without the action unit in both codings are left out, which would hide how far grades agree.
    """
    k = tables.shape[-1]
    near = (_costs(k, "linear") * (k - 1) <= 1) & (np.arange(k)[:, None] + np.arange(k) > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((tables * near).sum((-2, -1)) / (tables.sum((-2, -1)) - tables[..., 0, 0]))


def _costs(categories: int, weighting: Weighting) -> np.ndarray:
    distance = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))) / max(1, categories - 1)
    return {"none": (distance > 0).astype(float), "linear": distance, "quadratic": distance**2}[weighting]
