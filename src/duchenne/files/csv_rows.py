"""Whether the rows of a CSV file have as many cells as its header, which pandas does not always say."""

import csv
from itertools import chain
from pathlib import Path
from typing import Any


def check_row_lengths(path: Path) -> None:
    """Refuse a file with a row that is longer or shorter than the header; empty lines do not count.

    pandas shifts all columns where the first row is longer, and cuts later ones where only some columns are read.

    Raises:
        OSError: It cannot be read.
        ValueError: A row has more or fewer cells, or the file is no text; the message names the line.

    Example:
        >>> from tempfile import mkdtemp
        >>> table = Path(mkdtemp()) / "people.csv"
        >>> _ = table.write_text("source,person" + chr(10) + "anna, 1.mp4,anna" + chr(10))
        >>> check_row_lengths(table)
        Traceback (most recent call last):
        ...
        ValueError: line 2 has 3 cells, the header 2
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            expected = len(next(rows := csv.reader(file), []))
            number = rows.line_num
            for line in file:
                if '"' in line:  # A cell may hold commas and line ends from here on.
                    _check_quoted(csv.reader(chain([line], file)), expected, number)
                    return
                number += 1
                if line.strip() and line.count(",") + 1 != expected:
                    raise ValueError(_fault(number, line.count(",") + 1, expected))
        except csv.Error as error:
            raise ValueError(str(error)) from None


def _check_quoted(rows: Any, expected: int, before: int) -> None:
    for cells in rows:
        if cells and len(cells) != expected:
            raise ValueError(_fault(before + rows.line_num, len(cells), expected))


def _fault(line: int, found: int, expected: int) -> str:
    return f"line {line} has {found} cells, the header {expected}"
