"""Training, validation and test subjects: splits by subject, by name.

    holdout             seeded; 31 of 41 subjects train, 10 test, in this proportion for other numbers
    three-fold          the usual three folds of BP4D; for other sets, every third subject by name
    leave-one-out       each subject tests once
    fera17              the training set's subjects train, the validation set's test

The paper does not list its 31 subjects. In every split a share of the training subjects, drawn by the seed, is kept for
validation: to stop, and to choose thresholds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from duchenne.datasets.releases import releases
from duchenne.errors import DatasetError, UsageError

HOLDOUT_SHARE = 10 / 41
VALID_SHARE = 1 / 6
VALIDATION_PREFIX = "VA_"
"""How `fera17` names the subjects of FERA's validation set."""


@dataclass(frozen=True)
class Split:
    """Subjects of an experiment, none of them twice.

    Attributes:
        name: Such as "three-fold 2".
        train: Who trains.
        valid: On whom training stops and thresholds are chosen.
        test: On whom the system is evaluated.

    Raises:
        DatasetError: A part is empty or a subject is in two.
    """

    name: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        if empty := [part for part, subjects in parts.items() if not subjects]:
            raise DatasetError(f"The split {self.name} has nobody in {', '.join(empty)}; it needs more subjects.")
        require_disjoint(parts)

    def rows(self, subject: Shaped[np.ndarray, " n"]) -> dict[str, Bool[np.ndarray, " n"]]:
        """Return which faces belong to each part."""
        return {part: np.isin(subject, list(getattr(self, part))) for part in ("train", "valid", "test")}


def require_disjoint(parts: Mapping[str, Sequence[str]]) -> None:
    """Check that no subject is in two parts.

    Raises:
        DatasetError: One is.
    """
    seen: dict[str, str] = {}
    for part, subjects in parts.items():
        for subject in sorted(set(subjects)):
            if subject in seen:
                raise DatasetError(
                    f"Subject {subject} is in {seen[subject]} and in {part}, which makes scores too high. "
                    "Give each subject to one part."
                )
            seen[subject] = part


def make_splits(name: str, subjects: Iterable[str], seed: int = 1, valid_share: float = VALID_SHARE) -> list[Split]:
    """Return the splits of a set of subjects.

    Args:
        name: One of `SPLITS`.
        subjects: Their names; repeats count once.
        seed: Draws who is held out and who validates.
        valid_share: Of the subjects that do not test; at least one is taken.

    Raises:
        UsageError: There is no such split, or the share is not between 0 and 1.
        DatasetError: There are too few subjects, or FERA's parts are not both there.
    """
    if name not in SPLITS:
        raise UsageError(f"There is no split {name!r}; known: {', '.join(SPLITS)}.")
    if not 0 < valid_share < 1:
        raise UsageError(f"The share of validation subjects is {valid_share:g}; it must lie between 0 and 1.")
    everyone = sorted(set(subjects))
    if len(everyone) < 3:
        raise DatasetError(f"There are {len(everyone)} subjects; a split needs one each to train, validate and test.")
    out = []
    tests = SPLITS[name](everyone, seed)
    for number, test in enumerate(tests, 1):
        rest = [subject for subject in everyone if subject not in set(test)]
        rng = np.random.default_rng([seed, 21, number])
        chosen = set(rng.permutation(rest)[: max(1, round(valid_share * len(rest)))].tolist())
        valid = tuple(subject for subject in rest if subject in chosen)
        train = tuple(subject for subject in rest if subject not in chosen)
        out.append(Split(name if len(tests) == 1 else f"{name} {number}", train, valid, tuple(test)))
    return out


def _holdout(subjects: Sequence[str], seed: int) -> list[list[str]]:
    count = max(1, round(HOLDOUT_SHARE * len(subjects)))
    return [sorted(np.random.default_rng([seed, 20]).permutation(list(subjects))[:count].tolist())]


def _three_fold(subjects: Sequence[str], seed: int) -> list[list[str]]:
    folds = releases()["bp4d"]["folds"]
    if set(subjects) <= set(releases()["bp4d"]["subjects"]):
        return [present for fold in folds if (present := [subject for subject in fold if subject in set(subjects)])]
    return [list(subjects[k::3]) for k in range(3)]


def _leave_one_out(subjects: Sequence[str], seed: int) -> list[list[str]]:
    return [[subject] for subject in subjects]


def _fera17(subjects: Sequence[str], seed: int) -> list[list[str]]:
    test = [subject for subject in subjects if subject.startswith(VALIDATION_PREFIX)]
    if not test or len(test) == len(subjects):
        raise DatasetError(
            f"FERA's own split needs its training and its validation set; {len(test)} of {len(subjects)} subjects are "
            f"of the latter (their names begin with {VALIDATION_PREFIX})."
        )
    return [test]


SPLITS: dict[str, Callable[[Sequence[str], int], list[list[str]]]] = {
    "holdout": _holdout,
    "three-fold": _three_fold,
    "leave-one-out": _leave_one_out,
    "fera17": _fera17,
}
