"""Pictures of real people with the mean grades of their action units, by the last digit of the person's number."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from duchenne.datasets.mean_grades import PRESENT_FROM, read_grades
from duchenne.datasets.person_split import APART
from duchenne.errors import EvaluationError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.files.csv_rows import check_row_lengths

DIGITS = tuple(digit for digit in range(10) if digit != APART)
"""Last digits of the persons who may be measured."""


@dataclass(frozen=True)
class CodedPictures:
    """Pictures and their codes; columns of AUs in the order of `facs.AU_NAMES`.

    Attributes:
        file: Where each lies.
        name: The file as the codes name it.
        person: (n,), number of the person.
        grade: (n, 23), mean grade, 0-5; NaN where it is not known.
        one_sided: (n, 23), 1 where the AU is stronger on the subject's left, -1 on the right, 0 where none was noted.
    """

    file: tuple[Path, ...]
    name: tuple[str, ...]
    person: Int[np.ndarray, " n"]
    grade: Float[np.ndarray, "n 23"]
    one_sided: Int[np.ndarray, "n 23"]

    def __len__(self) -> int:
        return len(self.file)

    def of(self, chosen: Bool[np.ndarray, " n"]) -> "CodedPictures":
        """Return the chosen pictures."""
        rows = np.flatnonzero(chosen)
        files, names = tuple(self.file[k] for k in rows), tuple(self.name[k] for k in rows)
        return CodedPictures(files, names, self.person[rows], self.grade[rows], self.one_sided[rows])

    def of_digits(self, digits: Collection[int]) -> Bool[np.ndarray, " n"]:
        """Return which pictures show persons whose numbers end in one of these digits."""
        return np.isin(self.person % 10, list(digits))

    @property
    def without_any_au(self) -> Bool[np.ndarray, " n"]:
        """(n,), whether no AU is graded present; one that could not be judged does not count as present."""
        return ~(self.grade >= PRESENT_FROM).any(1) & ~np.isnan(self.grade).all(1)


def joined_pictures(parts: Sequence[CodedPictures]) -> CodedPictures:
    """Return the pictures of several parts as one."""
    files, names = ([entry for part in parts for entry in getattr(part, name)] for name in ("file", "name"))
    arrays = (np.concatenate([getattr(part, name) for part in parts]) for name in ("person", "grade", "one_sided"))
    return CodedPictures(tuple(files), tuple(names), *arrays)


def read_coded_pictures(codes: Path, digits: Collection[int]) -> CodedPictures:
    """Return the pictures of a table of mean grades whose persons' numbers end in one of these digits.

    Args:
        codes: CSV with the columns file (as seen from the CSV's folder), person and one of grades for each AU, as
            `datasets.mean_grades` reads them.
        digits: Of `DIGITS`.

    Raises:
        UsageError: A digit is that of persons who are kept apart, or none at all.
        EvaluationError: The table cannot be read, or has no such picture.
    """
    if wrong := sorted(set(digits) - set(DIGITS)):
        raise UsageError(
            f"Persons whose numbers end in {', '.join(map(str, wrong))} cannot be measured: {APART} is kept apart, and "
            f"digits are 0-9. Choose from {' '.join(map(str, DIGITS))}."
        )
    table = _read(codes)
    table = table[(table["person"].astype(int) % 10).isin(list(digits))].reset_index(drop=True)
    if table.empty:
        wanted = " or ".join(map(str, sorted(digits)))
        raise EvaluationError(f"{codes} has no picture of a person whose number ends in {wanted}. Name other codes.")
    grades, problems = read_grades(table, {au: au for au in AU_NAMES if au in table})
    if problems:
        raise EvaluationError(f"{codes}: {problems[0].where}: {problems[0].what}. Correct the file.")
    return CodedPictures(
        tuple(codes.parent / name for name in table["file"]),
        tuple(table["file"]),
        table["person"].to_numpy().astype(np.int64),
        np.round(grades.grade.astype(np.float64), 4),
        grades.one_sided,
    )


def _read(codes: Path) -> pd.DataFrame:
    try:
        check_row_lengths(codes)
        table = pd.read_csv(codes, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise EvaluationError(
            f"{codes} cannot be read as CSV ({error}). It must hold file, person and grades."
        ) from error
    if not {"file", "person"} <= set(table) or not set(AU_NAMES) & set(table):
        raise EvaluationError(
            f"{codes} has the columns {', '.join(map(str, table.columns[:4]))} ...; expected file, person and grades "
            "such as AU12."
        )
    if not table["person"].str.fullmatch(r"\d{1,18}").all():
        raise EvaluationError(f"{codes} names persons otherwise than by a number, so they have no part. Number them.")
    return table
