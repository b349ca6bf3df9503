"""Text tables as programmes export them: comma, semicolon or tab, perhaps with lines before the header -> rows."""

import csv
from dataclasses import dataclass
from pathlib import Path

from duchenne.errors import StudyError
from duchenne.files.numbers import finite_number
from duchenne.study.results import file_name

_DELIMITERS = ",;\t"
_LINES_BEFORE_HEADER = 200


@dataclass(frozen=True)
class Rows:
    """A table of texts.

    Attributes:
        path: Its file.
        columns: Names, without blanks around them.
        rows: One mapping of column to text a row.
        first_line: Of the rows in the file, from 1.
    """

    path: Path
    columns: list[str]
    rows: list[dict[str, str]]
    first_line: int

    def number(self, row: dict[str, str], column: str) -> float:
        """Return a cell as a number.

        Raises:
            StudyError: It is none, or not finite.
        """
        text = row.get(column, "")
        if (number := finite_number(text.replace(",", "."))) is not None:
            return number
        line = self.first_line + self.rows.index(row)
        raise StudyError(f"{self.path}, line {line}: {column} is {text[:40]!r}; expected a number.")

    def file(self, row: dict[str, str]) -> str:
        """Return the name of the video that a row is about, from the column `file` or `source`.

        Raises:
            StudyError: Both are empty.
        """
        if name := file_name(row.get("file") or row.get("source") or ""):
            return name
        raise StudyError(f"{self.path}, line {self.first_line + self.rows.index(row)}: file is empty.")


def read_delimited(path: Path, header: set[str]) -> Rows:
    """Return the rows of a text table, from the first line on that holds all these column names.

    Args:
        path: The file, UTF-8.
        header: Column names that the header must hold; none takes the first line.

    Raises:
        StudyError: It cannot be read, or has no such header.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read ({error}).") from None
    for number, line in enumerate(lines[:_LINES_BEFORE_HEADER]):
        for delimiter in _DELIMITERS:
            columns = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
            if (header and header <= set(columns)) or (not header and len(columns) > 1):
                cells = csv.reader(lines[number + 1 :], delimiter=delimiter)
                rows = [dict(zip(columns, map(str.strip, row), strict=False)) for row in cells if any(row)]
                return Rows(path, columns, [dict.fromkeys(columns, "") | row for row in rows], number + 2)
    raise StudyError(f"{path}: no line holds the columns {', '.join(sorted(header)) or '(two or more)'}.")
