"""The stronger side named on the faces of people who taught others: each by weights that never saw the person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from duchenne.errors import UsageError
from duchenne.evaluation.pretrained.real_faces.alarms_and_sides import side_accuracy
from duchenne.evaluation.pretrained.real_faces.coded_faces import (
    CodedFaces,
    ProgressCallback,
    coded_faces,
    detector_for,
    joined,
)
from duchenne.evaluation.pretrained.real_faces.coded_pictures import DIGITS, read_coded_pictures
from duchenne.evaluation.pretrained.real_faces.real_faces_result import CrossFittedSides
from duchenne.evaluation.pretrained.real_faces.real_faces_trial import CODED_BY
from duchenne.evaluation.run_files import commit_here
from duchenne.measures.intervals import Bootstrap
from duchenne.weights import sha256_of


@dataclass(frozen=True)
class Fold:
    """Persons and weights that did not learn from them.

    Attributes:
        last_digits: Of the persons' numbers.
        weights: A file of `duchenne export` with sides.
    """

    last_digits: tuple[int, ...]
    weights: Path


def fold_from(words: str) -> Fold:
    """Return the fold that words such as "23=fold.onnx" name.

    Example:
        >>> fold_from("23=fold.onnx").last_digits
        (2, 3)

    Raises:
        UsageError: They name none.
    """
    digits, equals, weights = words.partition("=")
    if not equals or not weights or not (digits.isascii() and digits.isdigit()):
        raise UsageError(f"--fold {words}: found no DIGITS=WEIGHTS. Write, for example, 23=fold.onnx.")
    return Fold(tuple(sorted({int(digit) for digit in digits})), Path(weights))


def cross_fitted_sides(
    codes: Path, folds: Sequence[Fold], bootstrap: Bootstrap, command: str, on_progress: ProgressCallback
) -> CrossFittedSides:
    """Return how often the stronger side is named, over the persons of all folds together.

    Args:
        codes: CSV of mean grades with the column one_sided.
        folds: No digit is in two; those in none are left out.
        bootstrap: How intervals are made.
        command: That asked for it, to be recorded.
        on_progress: Told what is done.

    Raises:
        UsageError: A digit is in two folds, or may not be measured.
        EvaluationError: The codes cannot be read, or no face with a noted side was found.
        WeightsError: A file cannot be used, or tells no sides.
    """
    _require_disjoint(folds)
    found = joined([_faces_of(codes, fold, on_progress) for fold in folds])
    everybody = [digit for fold in folds for digit in fold.last_digits]
    sides = side_accuracy(found, everybody, bootstrap)
    if sides is None:
        raise UsageError("The weights tell no sides. Train symmetric or compact, and export them.")
    files = {"".join(map(str, fold.last_digits)): sha256_of(fold.weights) for fold in folds}
    return CrossFittedSides(CODED_BY, command, commit_here(), sha256_of(codes), files, sides)


def _require_disjoint(folds: Sequence[Fold]) -> None:
    seen: Collection[int] = ()
    for fold in folds:
        if twice := sorted(set(seen) & set(fold.last_digits)):
            raise UsageError(f"The digit {twice[0]} is in two folds. Give each person to one.")
        seen = {*seen, *fold.last_digits}
    if not seen:
        raise UsageError(f"No fold was named. Write, for example, --fold 23=fold.onnx; digits: {DIGITS}.")


def _faces_of(codes: Path, fold: Fold, on_progress: ProgressCallback) -> CodedFaces:
    pictures = read_coded_pictures(codes, fold.last_digits)
    noted = pictures.of((pictures.one_sided != 0).any(1))
    name = "".join(map(str, fold.last_digits))
    return coded_faces(detector_for(fold.weights), noted, lambda _, done, total: on_progress(name, done, total))[0]
