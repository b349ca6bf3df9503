"""Probabilities that mean what they say: one factor and one shift for each AU, folded into the network's last layer."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from torch import nn

from duchenne.datasets.faces import FaceStore
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.networks.region import RegionNetwork
from duchenne.training.deep import DeepSystem

_LEAST_FACTOR = 0.05
"""A fit that would turn the order of faces round is refused."""


def calibrated(system: DeepSystem, faces: FaceStore) -> DeepSystem:
    """Return the system with its latents scaled and shifted so that their sigmoid fits the rates among these faces.

    Order of faces, grades and sides are kept: the cuts between grades are scaled with the latent.

    Args:
        system: A region network with an ordinal head.
        faces: Of subjects that it was not trained on.

    Raises:
        TrainingError: The network is another, or an AU lacks one of the classes, or its scores are no better than none.

    Source: Platt, Probabilistic outputs for support vector machines, 1999 (without its prior).
    """
    network = system.network
    if not isinstance(network, RegionNetwork) or network.scale is None:
        raise TrainingError(f"{system.name} has no ordinal head; only such networks are calibrated.")
    scores = system.scores(faces)
    logits = np.log(scores) - np.log1p(-scores)
    factors, shifts = np.ones(len(system.aus)), np.zeros(len(system.aus))
    for column, name in enumerate(system.aus):
        row = AU_NAMES.index(name)
        known = np.asarray(faces.known[:, row])
        truth = np.asarray(faces.occurrence[known, row])
        if truth.all() or not truth.any():
            raise TrainingError(f"{name} has one class only among the {len(truth)} faces that calibrate it.")
        fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(logits[known, column, None], truth)
        factors[column], shifts[column] = fitted.coef_[0, 0], fitted.intercept_[0]
        if factors[column] < _LEAST_FACTOR:
            raise TrainingError(f"The scores of {name} do not rise with its presence; it cannot be calibrated.")
    return replace(system, network=rescaled(network, factors, shifts))


def rescaled(
    network: RegionNetwork, factors: Float[np.ndarray, " a"], shifts: Float[np.ndarray, " a"]
) -> RegionNetwork:
    """Return a copy whose latents are factor * latent + shift of each AU, on both sides, its cuts scaled alike."""
    copy = deepcopy(network)
    scale = copy.scale
    assert scale is not None
    factor, shift = torch.from_numpy(factors).float(), torch.from_numpy(shifts).float()
    with torch.no_grad():
        for rows in (scale.left, scale.right):
            changed = rows >= 0 if rows is scale.left else rows >= len(factor)
            copy.output.weight[rows[changed]] *= factor[changed, None]
            copy.output.bias[rows[changed]] = copy.output.bias[rows[changed]] * factor[changed] + shift[changed]
        steps = nn.functional.softplus(scale.steps) * factor[:, None]
        scale.steps.copy_(steps + torch.log(-torch.expm1(-steps)))
    return copy
