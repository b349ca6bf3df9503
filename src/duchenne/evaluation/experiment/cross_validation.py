"""The folds of a cross-validation as one: everybody's scores come from the system that did not learn from them.

Ours: the scores of all folds are measured together, and F1 at the thresholds of validation faces calls each fold by
its own thresholds. Means over folds would weigh a small fold as much as a large one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from duchenne.evaluation.runs import TrainingRecord
from duchenne.evaluation.scored_faces import ScoredFaces

_GRADED = ("grade", "predicted_grade")


@dataclass(frozen=True)
class TestedFold:
    """The tested faces of a fold, or of all folds.

    Attributes:
        faces: With scores and labels.
        thresholds: Of validation faces, by AU; an array has one for each face; None where they could not be chosen.
        fingerprint: Of the faces.
    """

    __test__ = False

    faces: ScoredFaces
    thresholds: Mapping[str, "float | Float[np.ndarray, ' n'] | None"]
    fingerprint: str


def joined(folds: Sequence[TestedFold]) -> TestedFold:
    """Return the folds as one, for the AUs that all of them score."""
    if len(folds) == 1:
        return folds[0]
    aus = tuple(name for name in folds[0].faces.aus if all(name in fold.faces.aus for fold in folds))
    parts = [_for_aus(fold.faces, aus) for fold in folds]
    columns = ["score", "truth", "known", "subject", "pose_number"]
    columns += [name for name in _GRADED if all(getattr(part, name) is not None for part in parts)]
    faces = ScoredFaces(aus, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns})
    text = " ".join(fold.fingerprint for fold in folds)
    return TestedFold(
        faces, {name: _thresholds(folds, name) for name in aus}, hashlib.sha256(text.encode()).hexdigest()[:16]
    )


def joined_training(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """Return the record of the fold that learnt least, with the faces and the processor time of all folds."""
    if len(records) == 1:
        return records[0]
    least = min(records, key=lambda record: max(record.validation.values(), default=1.0))
    times = [record.cpu_s for record in records if record.cpu_s is not None]
    left_out = tuple(sorted({name for record in records for name in record.left_out}))
    return replace(
        least,
        faces=sum(record.faces for record in records),
        cpu_s=round(sum(times), 1) if len(times) == len(records) else None,
        left_out=left_out,
    )


def _for_aus(faces: ScoredFaces, aus: Sequence[str]) -> ScoredFaces:
    places = [faces.aus.index(name) for name in aus]
    return replace(
        faces,
        aus=tuple(aus),
        score=faces.score[:, places],
        truth=faces.truth[:, places],
        known=faces.known[:, places],
        **{name: values[:, places] for name in _GRADED if (values := getattr(faces, name)) is not None},
    )


def _thresholds(folds: Sequence[TestedFold], name: str) -> "Float[np.ndarray, ' n'] | None":
    """Return each face's threshold of an AU; None if a fold has none."""
    found = [fold.thresholds.get(name) for fold in folds]
    if any(one is None for one in found):
        return None
    return np.concatenate(
        [np.full(len(fold.faces.subject), one, float) for fold, one in zip(folds, found, strict=True)]
    )
