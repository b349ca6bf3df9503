"""Graded AUs of single pictures: the mean grade of several codings, and on which side an AU is stronger.

A grade is 0 (absent), 1 (a trace, or doubtful), 2 (slight), 3 (marked) or 4 (strong to extreme); a mean over codings
lies between. On FACS's scale of intensity these are 0, A, B, C and D to E, so a grade is handed on as an intensity of
0-5 as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from duchenne.datasets.recording import Labels, Problem, few
from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES, parse_aus

ABSENT_UP_TO, PRESENT_FROM = 0.5, 1.0
"""An AU is absent up to the one grade and present from the other; between them nobody knows."""
MAX_GRADE = 5.0
NOT_CODED = "?"
"""How a coder writes that an AU is hidden or blurred."""
ONE_SIDED = "one_sided"
SIDE_OF_PICTURE = {"L": -1, "R": 1}
"""The picture's left shows the subject's right, which is -1; the subject's left is 1."""


@dataclass(frozen=True)
class Grades:
    """Grades of n faces; columns of AUs in the order of `facs.AU_NAMES`.

    Attributes:
        grade: (n, 23), 0-5; NaN where it is not known.
        one_sided: (n, 23), 1 where the AU is stronger or alone on the subject's left, -1 on the right, 0 where no side
            was noted, which says little.
    """

    grade: Float[np.ndarray, "n 23"]
    one_sided: Int[np.ndarray, "n 23"]

    def subset(self, rows: Shaped[np.ndarray, " m"]) -> "Grades":
        """Return the grades of these rows (numbers or a mask)."""
        return Grades(self.grade[rows], self.one_sided[rows])


def read_grades(table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Grades, list[Problem]]:
    """Return the grades in a table of text, and the lines whose cells say nothing.

    Args:
        table: One line a face; a column of grades an AU (a number 0-5, or "?" or nothing where it is not known) and, if
            there is one, the column `one_sided`: "AU12:L AU14:R", with sides of the picture.
        names: The AU behind each column of grades.
    """
    grade = np.full((len(table), len(AU_NAMES)), np.nan, np.float32)
    problems = []
    for column, au in names.items():
        cells = table[column].str.strip()
        values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float32)
        values = np.where((values >= 0) & (values <= MAX_GRADE), values, np.nan)
        bad = np.isnan(values) & ~cells.isin(["", NOT_CODED]).to_numpy()
        if bad.any():
            lines = [int(line) + 2 for line in np.flatnonzero(bad)]
            problems.append(Problem(column, f"lines {few(lines)} hold no grade of 0-5 nor ?; unknown there"))
        grade[:, AU_NAMES.index(au)] = values
    one_sided = np.zeros(grade.shape, np.int8)
    bad_lines = []
    for line, cell in enumerate(table.get(ONE_SIDED, ())):
        for note in cell.split():
            if (side := _side(note)) is None:
                bad_lines.append(line + 2)
            else:
                one_sided[line, AU_NAMES.index(side[0])] = side[1]
    if bad_lines:
        problems.append(Problem(ONE_SIDED, f"lines {few(bad_lines)} name no AU and side, such as AU12:L; not read"))
    return Grades(grade, one_sided), problems


def _side(note: str) -> tuple[str, int] | None:
    """Return the AU and the subject's side of a note such as "AU12:L"; None where it is none."""
    parts = re.fullmatch(r"([^:]+):([LR])", note)
    if parts is None:
        return None
    try:
        (au,) = parse_aus(parts[1])
    except (UsageError, ValueError):
        return None
    return au, SIDE_OF_PICTURE[parts[2]]


def labels_from_grades(frame: Int[np.ndarray, " k"], grades: Grades) -> Labels:
    """Return labels: occurrence where the grade is not doubtful, intensity wherever there is a grade."""
    graded = ~np.isnan(grades.grade)
    present = grades.grade >= PRESENT_FROM
    known = present | (grades.grade <= ABSENT_UP_TO)
    intensity = np.repeat(np.where(graded, grades.grade, 0)[:, :, None], 2, axis=2).astype(np.float32)
    return Labels(np.asarray(frame, np.int64), present, known, intensity, graded, np.zeros(len(frame), bool))
