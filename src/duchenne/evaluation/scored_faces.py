"""A system's scores beside the labels of the same faces, and the thresholds that validation faces choose."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        grade: Coded intensity, 0-5, of the stronger side; NaN where it is not known, None where nothing is graded.
        predicted_grade: Intensity that the system predicts; None where it knows scores alone.
    """

    aus: tuple[str, ...]
    score: Float[np.ndarray, "n a"]
    truth: Bool[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    subject: np.ndarray
    pose_number: np.ndarray
    grade: Float[np.ndarray, "n a"] | None = None
    predicted_grade: Float[np.ndarray, "n a"] | None = None

    def of(self, rows: np.ndarray) -> "ScoredFaces":
        """Return the chosen faces."""
        columns = [name for name in self.__dataclass_fields__ if name != "aus" and getattr(self, name) is not None]
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})

    def column(self, au: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and scores of one AU where the label is known."""
        rows = self.known[:, au]
        return self.truth[rows, au], self.score[rows, au]


def scored_faces(
    scores: Float[np.ndarray, "n a"],
    aus: Sequence[str],
    store: FaceStore,
    predicted_grade: Float[np.ndarray, "n a"] | None = None,
) -> ScoredFaces:
    """Return a system's scores, and intensities if it predicts any, beside the store's labels.

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
            "Some scores are not numbers from 0 to 1. Scores must be probabilities or scaled like them."
        )
    columns = au_columns(aus)
    return ScoredFaces(
        tuple(aus),
        scores.astype(float),
        store.occurrence[:, columns],
        store.known[:, columns],
        np.asarray(store.subject),
        np.asarray(store.pose_number),
        _grades(store, columns),
        predicted_grade,
    )


def _grades(store: FaceStore, columns: Sequence[int]) -> Float[np.ndarray, "n a"] | None:
    graded = np.asarray(store.intensity_known)[:, columns]
    if not graded.any():
        return None
    return np.where(graded, np.asarray(store.intensity)[:, columns].max(2), np.nan).astype(float)


def thresholds_on(validation: ScoredFaces) -> dict[str, float | None]:
    """Return each AU's threshold of the best F1 on validation faces; None where one kind of them is missing."""
    found: dict[str, float | None] = {}
    for place, name in enumerate(validation.aus):
        truth, score = validation.column(place)
        both = bool(truth.any() and not truth.all())
        found[name] = best_threshold(truth, score) if both else None
    return found
