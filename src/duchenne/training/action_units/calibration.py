"""Probabilities and grades that mean what they say: fitted, then folded into the network's last layer and its cuts.

For each AU one factor and one shift take the latent to where its sigmoid fits the rate of presence (B and above); then
each other cut is moved to where it fits the rate of its grade. Weights on positives in training make this necessary.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.networks.ordinal import GRADES, OCCURS_FROM
from duchenne.networks.region import RegionNetwork
from duchenne.training.action_units.system import DeepSystem

_LEAST_FACTOR = 0.05
"""A fit that would turn the order of faces round is refused."""
_LEAST_RATE, _LEAST_STEP, _FARTHEST = 1e-3, 1e-3, 40.0


def calibrated(system: DeepSystem, faces: FaceStore) -> DeepSystem:
    """Return the system with latents and cuts that fit the rates of presence and of each grade among these faces.

    The order of faces and of their sides is kept.

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
    cuts = _fitted_cuts(system.aus, logits * factors + shifts, faces)
    return replace(system, network=rescaled(network, factors, shifts, cuts))


def _fitted_cuts(aus: Sequence[str], latents: Float[np.ndarray, "n a"], faces: FaceStore) -> Float[np.ndarray, "a 5"]:
    """Return the cuts of A to E at which the mean of sigmoid(latent - cut) is the share of that grade or more.

    They are counted from that of B, since presence was fitted apart, on faces without traces.
    """
    cuts = np.zeros((len(aus), GRADES))
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        graded = np.asarray(faces.intensity_known[:, row])
        grade = np.floor(np.asarray(faces.intensity[graded, row]).max(1) + 0.5)
        for k in range(1, GRADES + 1):
            rate = float(np.clip((grade >= k).mean(), _LEAST_RATE, 1 - _LEAST_RATE))
            cuts[column, k - 1] = brentq(_excess, -_FARTHEST, _FARTHEST, args=(latents[graded, column], rate))
        cuts[column] -= cuts[column, OCCURS_FROM - 1]
    return cuts


def _excess(cut: float, latent: Float[np.ndarray, " n"], rate: float) -> float:
    return float(expit(latent - cut).mean()) - rate


def rescaled(
    network: RegionNetwork,
    factors: Float[np.ndarray, " a"],
    shifts: Float[np.ndarray, " a"],
    cuts: Float[np.ndarray, "a 5"],
) -> RegionNetwork:
    """Return a copy whose latents are factor * latent + shift of each AU, on both sides, with other cuts, rising."""
    copy = deepcopy(network)
    scale = copy.scale
    assert scale is not None
    factor, shift = torch.from_numpy(factors).float(), torch.from_numpy(shifts).float()
    au_of_output = torch.empty(scale.latents, dtype=torch.long)
    for outputs in (scale.left, scale.right):
        au_of_output[outputs] = torch.arange(len(factor))
    with torch.no_grad():
        copy.output.weight *= factor[au_of_output, None]
        copy.output.bias.copy_(copy.output.bias * factor[au_of_output] + shift[au_of_output])
        steps = torch.from_numpy(np.diff(cuts, axis=1)).float().clamp_min(_LEAST_STEP)
        scale.steps.copy_(steps + torch.log(-torch.expm1(-steps)))
    return copy
