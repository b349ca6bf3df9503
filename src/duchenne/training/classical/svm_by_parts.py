"""The same linear SVMs as `linear`, for features that do not fit in memory: read part after part, all AUs at once.

Source: the objective of LIBLINEAR (Fan et al., JMLR 2008), L2-regularised squared hinge with the offset regularised,
too, as scikit-learn's `LinearSVC` solves it; here by L-BFGS, which needs sums over all faces only.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from duchenne.training.classical.feature_files import parts_of
from duchenne.training.classical.linear import LEAST_SPREAD, Task, choose_by_area

_ROUNDS = 200
_TOLERANCE = 1e-5
"""Of the gradient, as a share of its size at the start."""


def scaling_by_parts(features: Float[np.ndarray, "n ..."]) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " f"]]:
    """Return mean and spread of each feature; a spread of 0 becomes 1."""
    size = int(np.prod(features.shape[1:]))
    total, square = np.zeros((2, size))
    for rows in parts_of(len(features)):
        part = _flat(features[rows]).astype(float)
        total += part.sum(0)
        square += (part**2).sum(0)
    mean = total / len(features)
    spread = np.sqrt(np.maximum(square / len(features) - mean**2, 0))
    return mean.astype(np.float32), np.where(spread > LEAST_SPREAD, spread, 1.0).astype(np.float32)


def fit_svms_by_parts(
    train: Task,
    valid: Task,
    mean: Float[np.ndarray, " f"],
    spread: Float[np.ndarray, " f"],
    penalties: tuple[float, ...],
) -> tuple[Float[np.ndarray, "a f"], Float[np.ndarray, " a"]]:
    """Return weights and offsets; each AU's penalty is the one with the largest area under the ROC on validation.

    Args:
        train: With features as they lie in the file; scaled here.
        valid: Likewise.
        mean: Of the features.
        spread: Of the features.
        penalties: C of scikit-learn.
    """
    weight = _balanced(train)
    start = np.zeros((train.occurrence.shape[1], len(mean) + 1))
    found = []
    for penalty in penalties:
        problem = _Problem(train, mean, spread, weight, penalty)
        start = problem.solved(start)
        found.append(start)
    scores = np.stack([_scores(valid.features, mean, spread, planes) for planes in found])
    chosen = choose_by_area(scores, valid)
    planes = np.stack([found[best][au] for au, best in enumerate(chosen)])
    return planes[:, :-1], planes[:, -1]


@dataclass(frozen=True)
class _Problem:
    """The sum of all AUs' objectives."""

    task: Task
    mean: np.ndarray
    spread: np.ndarray
    weight: np.ndarray
    penalty: float

    def solved(self, start: np.ndarray) -> np.ndarray:
        size = np.abs(self.value(np.zeros(start.size))[1]).max()
        settings = {"maxiter": _ROUNDS, "gtol": _TOLERANCE * size, "ftol": 1e-9}
        found = minimize(self.value, start.ravel(), jac=True, method="L-BFGS-B", options=settings)
        return np.asarray(found.x).reshape(start.shape)

    def value(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        planes = flat.reshape(self.task.occurrence.shape[1], -1)
        total, slope = 0.5 * float((planes**2).sum()), planes.copy()
        sign = np.where(self.task.occurrence, 1.0, -1.0)
        short = planes.astype(np.float32)
        for rows in parts_of(len(sign)):
            part = (_flat(self.task.features[rows]) - self.mean) / self.spread
            score = part @ short[:, :-1].T + short[:, -1]
            slack = np.maximum(0, 1 - sign[rows] * score)
            weighed = self.penalty * self.weight[rows] * slack
            total += float((weighed * slack).sum())
            pull = -2 * weighed * sign[rows]
            slope[:, :-1] += pull.T.astype(np.float32) @ part
            slope[:, -1] += pull.sum(0)
        return total, slope.ravel()


def _balanced(task: Task) -> np.ndarray:
    """Return the weight of each face for each AU, as scikit-learn's "balanced"; 0 where it is not known."""
    weight = np.zeros(task.known.shape)
    for au in range(task.known.shape[1]):
        known, truth = task.known[:, au], task.occurrence[:, au]
        for present in (False, True):
            rows = known & (truth == present)
            weight[rows, au] = known.sum() / (2 * max(rows.sum(), 1))
    return weight


def _scores(features: np.ndarray, mean: np.ndarray, spread: np.ndarray, planes: np.ndarray) -> np.ndarray:
    parts = [
        (_flat(features[rows]) - mean) / spread @ planes[:, :-1].T + planes[:, -1] for rows in parts_of(len(features))
    ]
    return np.concatenate(parts)


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), -1).astype(np.float32)
