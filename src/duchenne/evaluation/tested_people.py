"""Whom a system is tested on: people whom it learnt from are refused, left out, or tested and marked."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from duchenne.errors import EvaluationError
from duchenne.training.data.dataset import FaceDataset
from duchenne.training.data.learnt_people import LearntPeople

Handling = Literal["refuse", "leave-out", "mark"]


@dataclass(frozen=True)
class PeopleChoice:
    """Who is tested.

    Attributes:
        subjects: These alone; everybody unless any are named.
        learnt: What becomes of people whom the system learnt from, or whose faces said when to stop.
    """

    subjects: tuple[str, ...] = ()
    learnt: Handling = "refuse"


def strangers(
    faces: FaceDataset, people: frozenset[str], learnt: Handling, what: str = "test"
) -> tuple[FaceDataset, tuple[str, ...]]:
    """Return the faces to be used, and whom of them the system knows.

    Args:
        faces: To be tested on, or to choose thresholds.
        people: Whom the system knows.
        learnt: What becomes of these.
        what: What the faces are for, for messages.

    Raises:
        EvaluationError: There are such people and they are refused, or nobody else is there.
    """
    known = tuple(sorted(people & set(faces.subject.tolist())))
    if not known or learnt == "mark":
        return faces, known
    everybody = len(np.unique(faces.subject))
    count = f"{len(known)} of {everybody} people of the {what} faces, {known[0]} among them"
    if learnt == "refuse":
        raise EvaluationError(
            f"The system learnt from {count}: its scores would be too high. Test other people: with --learnt-people "
            "leave-out these are left out, with mark they are tested and the run says so. If others have the same "
            "names, prepare them with a --prefix."
        )
    if len(known) == everybody:
        raise EvaluationError(f"The system learnt from all {everybody} people of the {what} faces; nobody is left.")
    return faces.subset(~np.isin(faces.subject, known)), ()


def known_to(people: LearntPeople | None) -> frozenset[str]:
    """Return everybody of a training; nobody where that is not remembered."""
    return frozenset() if people is None else people.everybody
