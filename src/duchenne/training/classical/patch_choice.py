"""APL: a group lasso over all AUs at once picks patches of a uniform grid; linear SVMs read the picked ones.

Source: Zhong, Liu, Yang, Liu, Huang and Metaxas, CVPR 2012 (active patches by multi-task sparse learning). Ours:
patches enter the choice by their first principal components, for speed; the SVMs read whole histograms.
"""

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float, Int
from skglm import GroupLasso
from sklearn.decomposition import PCA

_CHOICE_FACES = 600
"""Faces that the choice looks at."""


def principal_parts(features: Float[np.ndarray, "n p f"], count: int, seed: int) -> Float[np.ndarray, "n p k"]:
    """Return the first components of each patch's features, each with spread 1."""
    parts = [PCA(count, whiten=True, random_state=seed).fit_transform(features[:, p]) for p in range(features.shape[1])]
    return np.stack(parts, 1)


def choose_patches(
    features: Float[np.ndarray, "n p f"],
    occurrence: Bool[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    strength: float,
    components: int,
    seed: int,
) -> Int[np.ndarray, " m"]:
    """Return the patches that the group lasso keeps, one group for each patch over all AUs.

    Args:
        features: Of each patch.
        occurrence: Labels.
        known: Where they hold.
        strength: Of the penalty, as a share of the one that drops every patch.
        components: Principal components of each patch.
        seed: Of the faces looked at.
    """
    rows = np.random.default_rng(seed).permutation(len(features))[:_CHOICE_FACES]
    parts = principal_parts(features[rows].astype(np.float32), components, seed)
    patches, width = parts.shape[1:]
    aus = occurrence.shape[1]
    blocks, goals = [], []
    for column in range(aus):
        valid = known[rows, column]
        blocks.append(parts[valid].reshape(int(valid.sum()), -1))
        truth = occurrence[rows, column][valid].astype(float)
        goals.append((truth - truth.mean()) / max(truth.std(), 1e-6))
    stacked = scipy.sparse.block_diag(blocks, format="csc")
    order = np.arange(aus * patches * width).reshape(aus, patches, width).transpose(1, 0, 2).reshape(-1)
    stacked, goal = stacked[:, order], np.concatenate(goals)
    size = aus * width
    pull = np.linalg.norm((stacked.T @ goal).reshape(patches, size), axis=1).max() / len(goal)
    lasso = GroupLasso(groups=size, alpha=strength * pull, fit_intercept=False, tol=1e-3)
    lasso.fit(stacked, goal)
    return np.flatnonzero(np.linalg.norm(lasso.coef_.reshape(patches, size), axis=1) > 0)
