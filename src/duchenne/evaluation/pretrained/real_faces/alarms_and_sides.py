"""AUs called on faces that have none, and sides named where coders saw an AU stronger on one side."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, Int, Shaped

from duchenne.datasets.mean_grades import PRESENT_FROM
from duchenne.evaluation.pretrained.real_faces.coded_faces import CodedFaces
from duchenne.evaluation.pretrained.real_faces.estimates import resampling, share
from duchenne.evaluation.pretrained.real_faces.real_faces_result import FalseAlarms, SideAccuracy, SideCount
from duchenne.facs import ACTION_UNITS, AU_NAMES
from duchenne.measures.intervals import Bootstrap

FEWEST_NOTES = 20
"""Of fewer notes a share would say nothing."""
_SIDED = np.array([au.sided for au in ACTION_UNITS])


def false_alarms(
    what: str,
    aus: Sequence[str],
    called: Bool[np.ndarray, "n a"],
    person: Shaped[np.ndarray, " n"],
    without_a_face: int,
    bootstrap: Bootstrap,
) -> FalseAlarms:
    """Return on which share of faces without any AU each AU is called.

    Args:
        what: Which faces, in words.
        aus: Names of the columns of `called`.
        called: On these faces.
        person: Of each.
        without_a_face: Further pictures in which none was found.
        bootstrap: How intervals are made.
    """
    persons = resampling(person, bootstrap)
    shares = {au: persons.estimate(share(called[:, column])) for column, au in enumerate(aus)}
    values = {au: one.value for au, one in shares.items() if one.value is not None}
    most = max(values, key=lambda au: values[au]) if values else None
    return FalseAlarms(
        what=what,
        faces=len(called),
        without_a_face=without_a_face,
        people=len(np.unique(person)),
        most=None if most is None else values[most],
        most_au=most,
        mean=round(float(np.mean(list(values.values()))), 4) if values else None,
        aus=shares,
    )


def side_accuracy(faces: CodedFaces, last_digits: Collection[int], bootstrap: Bootstrap) -> SideAccuracy | None:
    """Return how often the stronger side is named; None if the weights tell no sides.

    A tie is wrong. AUs that FACS does not code by side count for nothing.

    Args:
        faces: Of persons on whom the weights have not learnt.
        last_digits: Of these persons' numbers; faces of others are left out.
        bootstrap: How intervals are made.
    """
    if faces.side_intensity is None:
        return None
    columns = [AU_NAMES.index(au) for au in faces.aus]
    sides = np.where(_SIDED[columns], faces.pictures.one_sided[:, columns], 0)
    noted = faces.pictures.of_digits(last_digits) & (sides != 0).any(1)
    chosen, side = faces.of(noted), sides[noted]
    present = chosen.pictures.grade[:, columns] >= PRESENT_FROM
    right = _named_side(chosen) == side
    row, column = np.nonzero(side)
    hits = right[row, column]
    persons = resampling(chosen.pictures.person, bootstrap).of(row)
    return SideAccuracy(
        last_digits=tuple(sorted(last_digits)),
        faces=len(chosen),
        people=chosen.people,
        notes=len(hits),
        right=int(hits.sum()),
        share=persons.estimate(share(hits)),
        present=_count(hits[present[row, column]]),
        aus={au: _count(hits[column == k]) for k, au in enumerate(chosen.aus) if (column == k).any()},
    )


def _named_side(faces: CodedFaces) -> Int[np.ndarray, "n a"]:
    """Return 1 where the subject's left is predicted stronger, -1 where the right is, 0 where neither."""
    assert faces.side_intensity is not None
    return np.sign(faces.side_intensity[:, :, 0] - faces.side_intensity[:, :, 1]).astype(int)


def _count(hits: Bool[np.ndarray, " k"]) -> SideCount:
    enough = len(hits) >= FEWEST_NOTES
    return SideCount(len(hits), int(hits.sum()), round(float(hits.mean()), 4) if enough else None)
