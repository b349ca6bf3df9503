"""Linear SVMs with balanced weights, one per AU, on standardised features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit
from sklearn.svm import LinearSVC

from duchenne.measures.ranking import area_under_roc

Features = Float[np.ndarray, "n f"]
Marks = Bool[np.ndarray, "n a"]

LEAST_SPREAD = 1e-6
"""A feature that spreads less is the same for all faces but for rounding."""


@dataclass(frozen=True)
class Task:
    """Faces with features and labels.

    Attributes:
        features: Of each face.
        occurrence: Whether an AU is present.
        known: Where that holds.
    """

    features: Float[np.ndarray, "n ..."]
    occurrence: Marks
    known: Marks


def scaling(features: Features) -> tuple[Float[np.ndarray, " f"], Float[np.ndarray, " f"]]:
    """Return mean and spread of each feature; a spread that is 0 but for rounding becomes 1."""
    spread = features.std(0)
    return features.mean(0), np.where(spread > LEAST_SPREAD, spread, 1.0)


def fit_svms(
    train: Task, valid: Task, penalties: tuple[float, ...], seed: int
) -> tuple[Float[np.ndarray, "a f"], Float[np.ndarray, " a"]]:
    """Return weights and offsets; each AU's penalty is the one with the largest area under the ROC on validation."""
    weights, offsets = [], []
    for column in range(train.occurrence.shape[1]):
        known = train.known[:, column]
        best, kept = -1.0, None
        for penalty in penalties:
            svm = LinearSVC(C=penalty, class_weight="balanced", dual="auto", random_state=seed, max_iter=2000)
            svm.fit(train.features[known], train.occurrence[known, column])
            area = _area(svm.decision_function(valid.features), valid, column)
            if kept is None or area > best:
                best, kept = area, svm
        assert kept is not None
        weights.append(kept.coef_[0])
        offsets.append(float(kept.intercept_[0]))
    return np.array(weights), np.array(offsets)


def svm_scores(
    features: Features, weights: Float[np.ndarray, "a f"], offsets: Float[np.ndarray, " a"]
) -> Float[np.ndarray, "n a"]:
    """Return the sigmoid of the distance to the plane: a score in 0-1, not a probability."""
    return expit(features @ weights.T + offsets)


def choose_by_area(scores: Float[np.ndarray, "c n a"], valid: Task) -> list[int]:
    """Return for each AU which of c scores has the largest area under the ROC on validation; of equals the first."""
    areas = [[_area(score[:, au], valid, au) for score in scores] for au in range(scores.shape[2])]
    return [int(np.argmax(row)) for row in areas]


def _area(score: np.ndarray, valid: Task, column: int) -> float:
    known = valid.known[:, column]
    return area_under_roc(valid.occurrence[known, column], score[known]) or 0.0
