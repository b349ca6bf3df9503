"""Label files with one line a frame: read as far as they can be, with a note of what cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.datasets.recording import few
from duchenne.facs import UNKNOWN


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
    """Return a comma separated file whose first column is the frame; lines that are no numbers are left out.

    Args:
        path: The file; an unreadable or empty one gives a table without frames and says so.
        headings: Of the further columns; None where the first line holds them.
    """
    lines, faults = _lines(path)
    if headings is None and lines:
        headings, lines = _headings(lines[0][1]), lines[1:]
        if not headings:
            return FrameTable(np.zeros(0, np.int64), {}, (f"{path.name} has no header of AU numbers",))
    elif lines and _is_header(lines[0][1], headings or ()):
        lines = lines[1:]
    rows: dict[int, list[int]] = {}
    bad: list[int] = []
    for number, cells in lines:
        values = [_whole(cell) for cell in cells]
        if values and values[0] is not None and values[0] not in rows and len(values) == len(headings or ()) + 1:
            rows[values[0]] = [UNKNOWN if value is None else value for value in values[1:]]
        else:
            bad.append(number)
    if bad:
        faults.append(f"{path.name}: lines {few(bad)} are damaged or repeat a frame; they were left out")
    frames = np.array(sorted(rows), np.int64)
    table = np.array([rows[frame] for frame in frames.tolist()], np.int64).reshape(len(frames), len(headings or ()))
    return FrameTable(frames, {name: table[:, k] for k, name in enumerate(headings or ())}, tuple(faults))


def _lines(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the lines that are not empty with their numbers, cut into cells, and what is wrong with the file."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        return [], [f"{path.name} cannot be read ({error.strerror})"]
    lines = [(k, line.split(",")) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
    return lines, ([] if lines else [f"{path.name} is empty"])


def _headings(cells: list[str]) -> list[int]:
    names = [_whole(cell.strip().upper().removeprefix("AU")) for cell in cells[1:]]
    return [name for name in names if name is not None] if None not in names else []


def _is_header(cells: list[str], headings: Sequence[int]) -> bool:
    return _whole(cells[0]) is None or _headings(cells) == list(headings)


def _whole(cell: str) -> int | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value == int(value) and abs(value) < 2**31 else None
