"""A system's scores beside the labels of the same faces, and the thresholds that validation faces choose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import EvaluationError
from duchenne.facs import au_columns
from duchenne.measures.ranking import best_threshold


@dataclass(frozen=True)
class ScoredFaces:
    """Scores and labels of the same faces; columns are those of `aus`.

    Attributes:
        aus: Names.
        score: 0-1.
        truth: Labels.
        known: Where they hold.
        subject: Who it is.
        pose_number: FERA 2017's 1-9, or 0.
    """

    aus: tuple[str, ...]
    score: Float[np.ndarray, "n a"]
    truth: Bool[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    subject: np.ndarray
    pose_number: np.ndarray

    def of(self, rows: np.ndarray) -> "ScoredFaces":
        """Return the chosen faces."""
        picked = (values[rows] for values in (self.score, self.truth, self.known, self.subject, self.pose_number))
        return ScoredFaces(self.aus, *picked)

    def column(self, au: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and scores of one AU where the label is known."""
        rows = self.known[:, au]
        return self.truth[rows, au], self.score[rows, au]


def scored_faces(scores: Float[np.ndarray, "n a"], aus: Sequence[str], store: FaceStore) -> ScoredFaces:
    """Return a system's scores beside the store's labels.

    Raises:
        EvaluationError: The scores do not fit the faces or the AUs, or are not numbers from 0 to 1.
    """
    if scores.shape != (len(store), len(aus)):
        raise EvaluationError(
            f"The scores are {scores.shape[0]} x {scores.shape[1]}, but there are {len(store)} faces and {len(aus)} "
            "AUs. Score the same set of faces, one row for each."
        )
    if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
        raise EvaluationError(
            "Some scores are no numbers from 0 to 1. Scores must be probabilities or scaled like them."
        )
    columns = au_columns(aus)
    return ScoredFaces(
        tuple(aus),
        scores.astype(float),
        store.occurrence[:, columns],
        store.known[:, columns],
        np.asarray(store.subject),
        np.asarray(store.pose_number),
    )


def thresholds_on(validation: ScoredFaces) -> dict[str, float | None]:
    """Return each AU's threshold of the best F1 on validation faces; None where one kind of them is missing."""
    found: dict[str, float | None] = {}
    for place, name in enumerate(validation.aus):
        truth, score = validation.column(place)
        both = bool(truth.any() and not truth.all())
        found[name] = best_threshold(truth, score) if both else None
    return found
