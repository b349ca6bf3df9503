"""Label files with one line a frame: read as far as they can be, with a note of what cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.datasets.recording import few
from duchenne.facs import UNKNOWN

MARKS_OF_UNKNOWN = (9, 99, 999, -1)
"""What data sets write where nobody knows."""


@dataclass(frozen=True)
class FrameTable:
    """Numbers by frame and column.

    Attributes:
        frame: (k,), ascending, each once.
        columns: By heading, (k,); `UNKNOWN` where the file holds no number.
        faults: What could not be read, in plain words.
    """

    frame: Int[np.ndarray, " k"]
    columns: dict[int, Int[np.ndarray, " k"]]
    faults: tuple[str, ...]

    def at(self, frames: Int[np.ndarray, " m"], column: int) -> Int[np.ndarray, " m"]:
        """Return a column at other frames; `UNKNOWN` where it has none."""
        found = dict(zip(self.frame.tolist(), self.columns[column].tolist(), strict=True))
        return np.array([found.get(frame, UNKNOWN) for frame in frames.tolist()], np.int64)


def read_frame_table(path: Path, headings: Sequence[int] | None = None) -> FrameTable:
    """Return a comma separated file whose first column is the frame.

    A line without a frame, or with another number of cells than there are columns, is left out; another cell that holds
    no label is unknown. The faults name both by their lines.

    Args:
        path: The file; an unreadable or empty one gives a table without frames and says so.
        headings: Of the further columns; None where the first line holds them.
    """
    text_lines, faults = label_lines(path)
    lines = [(number, line.split(",")) for number, line in text_lines]
    if headings is None and lines:
        headings, lines = _headings(lines[0][1]), lines[1:]
        if not headings:
            return FrameTable(np.zeros(0, np.int64), {}, (f"{path.name} has no header of AU numbers",))
    elif lines and _is_header([cells for _, cells in lines[:2]], headings or ()):
        lines = lines[1:]
    rows: dict[int, list[int]] = {}
    bad: list[int] = []
    no_label: list[int] = []
    for number, cells in lines:
        frame, *values = (_whole(cell) for cell in cells)
        if frame is None or frame in rows or len(values) != len(headings or ()):
            bad.append(number)
            continue
        rows[frame] = [value if value is not None and is_label(value) else UNKNOWN for value in values]
        if any(value is None or not is_label(value) for value in values):
            no_label.append(number)
    if bad:
        faults.append(f"{path.name}: lines {few(bad)} are damaged or repeat a frame; they were left out")
    if no_label:
        faults.append(f"{path.name}: lines {few(no_label)} hold something that is not a label; counted as unknown")
    frames = np.array(sorted(rows), np.int64)
    table = np.array([rows[frame] for frame in frames.tolist()], np.int64).reshape(len(frames), len(headings or ()))
    return FrameTable(frames, {name: table[:, k] for k, name in enumerate(headings or ())}, tuple(faults))


def label_lines(path: Path) -> tuple[list[tuple[int, str]], list[str]]:
    """Return the lines that are not empty with their numbers, and what is wrong with the file."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        return [], [f"{path.name} cannot be read ({error.strerror})"]
    lines = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
    return lines, ([] if lines else [f"{path.name} is empty"])


def is_label(value: float) -> bool:
    """Return whether a number is an occurrence, an intensity, or one of the marks of data sets for "unknown"."""
    return 0 <= value <= 5 or value in MARKS_OF_UNKNOWN


def _headings(cells: list[str]) -> list[int]:
    names = [_whole(cell.strip().upper().removeprefix("AU")) for cell in cells[1:]]
    return [name for name in names if name is not None] if None not in names else []


def _is_header(first: list[list[str]], headings: Sequence[int]) -> bool:
    """Return whether the first of two lines holds headings: words, or 0 and the AUs.

    Frame 0 with intensity 1 looks like the headings of AU01; it is taken for a frame where frame 1 follows.
    """
    frame = _whole(first[0][0])
    if frame is None:
        return True
    if frame != 0 or _headings(first[0]) != list(headings):
        return False
    return not all(map(is_label, headings)) or len(first) < 2 or _whole(first[1][0]) != 1


def _whole(cell: str) -> int | None:
    """Return the whole number in a cell; None where it holds something else, or one that no file of labels has."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if abs(value) < 2**31 and value == int(value) else None
