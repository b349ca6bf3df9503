"""Which AUs go together: correlations between AU columns, of the labels and of what a system calls.

Source: paper, section 3 and Figure 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Relations:
    """Relation matrices of labels and calls on the same faces.

    Attributes:
        aus: The AUs of rows and columns.
        left_out: AUs whose labels or calls do not vary on these faces, so that they have no correlation.
        faces: Those whose labels are all known.
        labels: Pearson correlations.
        calls: Likewise.
        distance: Of the two; None with no AU left.
    """

    aus: tuple[str, ...]
    left_out: tuple[str, ...]
    faces: int
    labels: Float[np.ndarray, "a a"]
    calls: Float[np.ndarray, "a a"]
    distance: float | None


def relation_matrix(columns: Float[np.ndarray, "n a"]) -> Float[np.ndarray, "a a"]:
    """Return the Pearson correlations between columns that all vary."""
    if not columns.size:
        return np.zeros((columns.shape[1], columns.shape[1]))
    centred = columns - columns.mean(0)
    scaled = centred / np.sqrt((centred**2).sum(0))
    return scaled.T @ scaled


def relation_distance(first: Float[np.ndarray, "a a"], second: Float[np.ndarray, "a a"]) -> float:
    """Return the Frobenius norm of the difference over the number of entries.

    Derived: with it the paper's two printed matrices are .0041 apart, and the paper says .004.
    """
    return float(np.linalg.norm(first - second) / first.size)


def relate(
    aus: Sequence[str],
    truth: Bool[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    called: Bool[np.ndarray, "n a"],
) -> Relations:
    """Return both matrices on the faces whose labels are all known.

    An AU whose labels are never known there would leave no face; such AUs are left out first.
    """
    ever: np.ndarray = np.asarray(known.any(0))
    rows = known[:, ever].all(1)
    labels, calls = truth[rows].astype(float), called[rows].astype(float)
    varies: np.ndarray = np.zeros(len(aus), np.bool_)
    if rows.any():
        varies = ever & (np.ptp(labels, axis=0) > 0) & (np.ptp(calls, axis=0) > 0)
    matrices = relation_matrix(labels[:, varies]), relation_matrix(calls[:, varies])
    named = np.array(aus)
    distance = relation_distance(*matrices) if varies.any() else None
    return Relations(
        tuple(named[varies].tolist()), tuple(named[~varies].tolist()), int(rows.sum()), *matrices, distance
    )
