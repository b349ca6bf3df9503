"""Calibrated probabilities and grades: fitted, then folded into the network's last layer and its cuts.

For each AU one factor and one shift take the latent to where its sigmoid fits the rate of presence (B and above); then
each other cut is moved to where it fits the rate of its grade. Weights on positives in training make this necessary.

Where there are real faces, they say how often an AU is there at which latent, and rendered ones, whose grades are
exact, how far the other cuts lie from that of presence.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import TrainingError
from duchenne.facs import au_columns
from duchenne.networks.build import WindowNetwork
from duchenne.networks.ordinal import GRADES, OCCURS_FROM
from duchenne.recognition import latent_of
from duchenne.training.action_units.system import DeepSystem, ordinal_network

LEAST_POSITIVES = 25
"""An AU with fewer among the real faces is fitted to rendered ones."""
_LEAST_FACTOR = 0.05
"""A fit that would turn the order of faces round is refused."""
_LEAST_RATE, _LEAST_STEP, _FARTHEST = 1e-3, 1e-3, 40.0


def calibrated(system: DeepSystem, faces: FaceStore, real: FaceStore | None = None) -> DeepSystem:
    """Return the system with latents and cuts that fit the rates of presence and of each grade among these faces.

    The order of faces and of their sides is kept. The metadata say by AU, under `calibrated_on`, which faces were used.

    Args:
        system: A network with an ordinal head.
        faces: Of subjects that it was not trained on; rendered, if there are real ones beside them.
        real: Real faces of further such subjects, to which presence is fitted for each AU that at least
            `LEAST_POSITIVES` of them have. Graded faces count as present from a mean grade of
            `mean_grades.PRESENT_FROM` on and as absent up to `ABSENT_UP_TO`; what lies between is left out.

    Raises:
        TrainingError: The network is another, or an AU lacks one of the classes, or its scores are no better than none.

    Source: Platt, Probabilistic outputs for support vector machines, 1999 (without its prior).
    """
    network = ordinal_network(system, "are calibrated")
    latent = latent_of(system.scores(faces))
    latent_real = None if real is None else latent_of(system.scores(real))
    factors, shifts = np.ones(len(system.aus)), np.zeros(len(system.aus))
    fitted_on = {}
    for column, name in enumerate(system.aus):
        labels, values = labels_of(faces, name), latent[:, column]
        fitted_on[name] = "rendered" if real is not None else "validation"
        if real is not None and latent_real is not None and labels_of(real, name).truth.sum() >= LEAST_POSITIVES:
            labels, values = labels_of(real, name), latent_real[:, column]
            fitted_on[name] = "real"
        factors[column], shifts[column] = platt_fit(name, values[labels.known], labels.truth)
    cuts = _fitted_cuts(system.aus, latent * factors + shifts, faces)
    metadata = {**system.metadata, "calibrated_on": fitted_on}
    return replace(system, network=rescaled(network, factors, shifts, cuts), metadata=metadata)


def platt_fit(au: str, latent: Float[np.ndarray, " k"], truth: Bool[np.ndarray, " k"]) -> tuple[float, float]:
    """Return factor and shift with which sigmoid(factor * latent + shift) fits the rate of presence.

    Args:
        au: Its name, for messages.
        latent: Of the faces that are labelled.
        truth: Whether they have the AU.

    Raises:
        TrainingError: There is one class only, or the latent does not rise with presence.
    """
    if truth.all() or not truth.any():
        raise TrainingError(f"{au} has one class only among the {len(truth)} faces that calibrate it.")
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(latent[:, None], truth)
    factor, shift = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if factor < _LEAST_FACTOR:
        raise TrainingError(f"The scores of {au} do not rise with its presence; it cannot be calibrated.")
    return factor, shift


def _fitted_cuts(aus: Sequence[str], latents: Float[np.ndarray, "n a"], faces: FaceStore) -> Float[np.ndarray, "a 5"]:
    """Return the cuts of A to E at which the mean of sigmoid(latent - cut) is the share of that grade or more.

    They are counted from that of B, since presence was fitted apart, on faces without traces.
    """
    cuts = np.zeros((len(aus), GRADES))
    for column, name in enumerate(aus):
        (row,) = au_columns([name])
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
    network: WindowNetwork,
    factors: Float[np.ndarray, " a"],
    shifts: Float[np.ndarray, " a"],
    cuts: Float[np.ndarray, "a 5"],
) -> WindowNetwork:
    """Return a copy whose latents are factor * latent + shift of each AU, on both sides, with other cuts, rising."""
    copy = deepcopy(network)
    scale = copy.scale
    assert scale is not None
    copy.rescale(torch.from_numpy(factors).float(), torch.from_numpy(shifts).float())
    with torch.no_grad():
        steps = torch.from_numpy(np.diff(cuts, axis=1)).float().clamp_min(_LEAST_STEP)
        scale.steps.copy_(steps + torch.log(-torch.expm1(-steps)))
    return copy
