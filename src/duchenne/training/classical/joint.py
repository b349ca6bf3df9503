"""JPML: logistic models with a group lasso over patches, tied by terms for pairs of AUs that co-occur or exclude.

    p(y | x) is proportional to exp(sum_j y_j f_j(x) + sum_(i, j) w_ij y_i y_j)

The f_j come from a group lasso, the w_ij from the pseudo-likelihood given them; marginals are mean-field.

Source: Zhao, Chu, De la Torre, Cohn and Zhang, Joint Patch and Multi-label Learning, CVPR 2015. Ours: the two parts are
fitted one after the other, and patches enter by their principal components.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit
from skglm.datafits import LogisticGroup
from skglm.penalties import WeightedGroupL2
from skglm.solvers import GroupBCD
from skglm.utils.data import grp_converter
from sklearn.linear_model import LogisticRegression

from duchenne.training.classical.feature_files import parts_of

RELATED = 0.15
"""Correlation of two AUs, in absolute value, from which they are a pair."""
_ROUNDS = 30


def fit_group_logistic(
    features: Float[np.ndarray, "n f"],
    occurrence: Bool[np.ndarray, " n"],
    known: Bool[np.ndarray, " n"],
    group: int,
    strength: float,
) -> tuple[Float[np.ndarray, " f"], float]:
    """Return weights and offset of a logistic model with a group lasso.

    Args:
        features: Standardised; groups of `group` columns.
        occurrence: Labels.
        known: Faces to learn from.
        group: Columns of a group.
        strength: Of the penalty, as a share of the one that drops every group.
    """
    rows = np.flatnonzero(known)
    goal, largest = np.where(occurrence[rows], 1.0, -1.0), np.zeros(features.shape[1])
    for part in parts_of(len(rows)):
        np.maximum(largest, np.abs(features[rows[part]]).max(0), out=largest)
    alive = np.repeat(largest.reshape(-1, group).max(1) > 0, group)  # others stop the solver
    seen = np.empty((len(rows), int(alive.sum())), order="F")  # the solver takes no other; nothing else is so large
    for part in parts_of(len(rows)):
        seen[part] = features[rows[part]][:, alive]
    groups = seen.shape[1] // group
    pull = np.linalg.norm((seen.T @ (goal / 2)).reshape(groups, group), axis=1).max() / len(goal)
    indices, pointers = grp_converter(group, seen.shape[1])
    penalty = WeightedGroupL2(strength * pull, np.ones(groups), pointers, indices)
    solver = GroupBCD(fit_intercept=True, tol=1e-3)
    fitted = solver.solve(seen, goal, LogisticGroup(pointers, indices), penalty)[0]
    weights = np.zeros(features.shape[1])
    weights[alive] = fitted[:-1]
    return weights, float(fitted[-1])


def related_pairs(occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]) -> Bool[np.ndarray, "a a"]:
    """Return which AUs co-occur or exclude each other, counted on faces where both are known."""
    count = occurrence.shape[1]
    related = np.zeros((count, count), bool)
    for a in range(count):
        for b in range(a):
            both = known[:, a] & known[:, b]
            first, second = occurrence[both, a], occurrence[both, b]
            if first.any() and second.any() and not first.all() and not second.all():
                related[a, b] = related[b, a] = abs(np.corrcoef(first, second)[0, 1]) >= RELATED
    return related


def fit_pairs(
    logits: Float[np.ndarray, "n a"], occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> tuple[Float[np.ndarray, "a a"], Float[np.ndarray, " a"], Float[np.ndarray, " a"]]:
    """Return pair weights (symmetric), and each AU's factor and offset on its own logit, by pseudo-likelihood."""
    related, count = related_pairs(occurrence, known), occurrence.shape[1]
    pairs, factor, offset = np.zeros((count, count)), np.ones(count), np.zeros(count)
    shown = (occurrence & known).astype(float)
    for column in range(count):
        valid, others = known[:, column], np.flatnonzero(related[column])
        columns = np.column_stack([logits[:, column], shown[:, others]])[valid]
        model = LogisticRegression(C=1.0, max_iter=500).fit(columns, occurrence[valid, column])
        factor[column], offset[column] = model.coef_[0, 0], model.intercept_[0]
        pairs[column, others] = model.coef_[0, 1:]
    return (pairs + pairs.T) / 2, factor, offset


def marginals(
    logits: Float[np.ndarray, "n a"],
    pairs: Float[np.ndarray, "a a"],
    factor: Float[np.ndarray, " a"],
    offset: Float[np.ndarray, " a"],
) -> Float[np.ndarray, "n a"]:
    """Return the mean-field probability of each AU: a damped fixed point of p = sigmoid(own + pairs p)."""
    own = logits * factor + offset
    found = expit(own)
    for _ in range(_ROUNDS):
        found = 0.5 * found + 0.5 * expit(own + found @ pairs)
    return found
