"""Your own data: a CSV with one line a frame.

    path,subject,AU06,AU12,AU12_intensity
    anna/001.jpg,anna,1,0,
    clips/ben.mp4,ben,...                      (a video needs the column frame, which counts from 0)

Columns: `path` (or `file`; beside the CSV, or absolute), `subject`, one for each AU (1, 0, or empty or 9 where
unknown), and if you like `frame`, `sequence`, `pose` (1-9 as in FERA 2017), `part` (teach, choose or judge) and
`AU12_intensity` (0-5). Pictures with a `sequence` and a `frame` follow one another in time; others stand for
themselves.

A CSV with `person` (a whole number) in the place of `subject` holds grades, as `grades` reads them:

    file,person,AU06,AU12,one_sided
    faces/00012.jpg,12,0.25,2.5,AU12:L

Its persons belong to the parts of `parts`, by the last digit of their numbers; a column `part` must say the same.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from duchenne.datasets.mean_grades import ONE_SIDED, Grades, labels_from_grades, read_grades
from duchenne.datasets.person_split import APART, Part, part_of
from duchenne.datasets.picture_files import PictureFiles, VideoFile
from duchenne.datasets.recording import Labels, Problem, Recording, Release, few
from duchenne.datasets.recording import labels_from_columns as labels_from
from duchenne.datasets.tables import MARKS_OF_UNKNOWN
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES, UNKNOWN, parse_aus
from duchenne.media import VIDEO_ENDINGS

_SUFFIX = "_intensity"
_FRAME = re.compile(r"[0-9]{1,9}")
_PERSON, _FILE = "person", "file"
_KNOWN = ("path", _FILE, "subject", _PERSON, "frame", "sequence", "pose", "part", ONE_SIDED)


@dataclass(frozen=True)
class _Source:
    """A CSV: its lines as text under one set of names, the AU behind each column, and grades where it holds them.

    `grades` has a row for each line that the file has; `table` keeps their numbers as its index.
    """

    path: Path
    table: pd.DataFrame
    names: dict[str, str]
    numbers: pd.DataFrame
    grades: Grades | None


def load_generic(source: Path, part: Part | None = None) -> Release:
    """Return the frames of a CSV; a line whose file is missing or whose numbers are none is a problem.

    Args:
        source: The CSV.
        part: Only the lines of this part; all by default, but never persons who are kept apart.

    Raises:
        DatasetError: It cannot be read, has no column path, subject or AU, has no parts although one is asked for, or
            has a subject in two of them.
    """
    problems: list[Problem] = []
    found = _read(source, problems)
    table = _of_part(found, part, problems)
    table = table.loc[_usable(table, source, problems)]
    recordings = []
    for rows in _groups(table):
        if (recording := _recording(found, table.loc[rows], problems)) is not None:
            recordings.append(recording)
    return Release("generic", tuple(recordings), tuple(problems))


def _read(source: Path, problems: list[Problem]) -> _Source:
    table = read_csv(source, problems)
    graded = _PERSON in table
    names = _au_columns(source, list(table.columns), "" if graded else _SUFFIX)
    table = table.rename(columns={_FILE: "path", _PERSON: "subject"})
    if twice := sorted({name for name in table.columns if list(table.columns).count(name) > 1}):
        raise DatasetError(f"{source} has the columns {', '.join(twice)} twice; keep one of each (file is path).")
    if not graded:
        return _Source(source, table, names, _numbers(table, list(names), problems), None)
    grades, unread = read_grades(table, names)
    problems += unread
    return _Source(source, table, names, table[[]], grades)


def read_csv(source: Path, problems: list[Problem]) -> pd.DataFrame:
    """Return the cells of a CSV as text, one row a line below its header, so that row k stands in line k + 2.

    A line with cells beyond the header's is a problem and comes back empty, since nobody knows which cell is the
    surplus one; one with fewer is a problem, too, and the cells that it lacks are empty.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        with source.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{source} cannot be read as CSV ({error}). docs/datasets.md shows the columns.") from error
    faults: dict[str, list[int]] = {}
    rows = []
    for number, cells in enumerate(lines, 2):
        surplus, lacking = any(cells[len(header) :]), cells and len(cells) < len(header)
        if surplus or lacking:
            what = "cells beyond the header's; left out" if surplus else "fewer cells than the header; unknown there"
            faults.setdefault(what, []).append(number)
        rows.append([""] * len(header) if surplus else [*cells, *[""] * len(header)][: len(header)])
    problems += [Problem(source.name, f"lines {few(numbers)} have {what}") for what, numbers in faults.items()]
    return pd.DataFrame(rows, columns=[name.strip() for name in header], dtype=str)


def _au_columns(source: Path, columns: list[str], suffix: str) -> dict[str, str]:
    """Return the AU behind each column of labels; `suffix` marks those of intensities, "" where there are none."""
    same = {"path": _FILE, "subject": _PERSON}
    if missing := [name for name, other in same.items() if name not in columns and other not in columns]:
        raise DatasetError(f"{source} lacks the columns {', '.join(missing)}; found: {', '.join(columns)}.")
    found: dict[str, str] = {}
    for column in columns:
        if column in _KNOWN:
            continue
        try:
            (found[column],) = parse_aus(column.removesuffix(suffix))
        except (UsageError, ValueError):
            marked = f" and the same with {suffix}" if suffix else ""
            raise DatasetError(
                f"{source} has a column {column!r} that names no AU. Known: {', '.join(_KNOWN)}, {', '.join(AU_NAMES)}"
                f"{marked}; remove the others."
            ) from None
    if not found:
        raise DatasetError(f"{source} has no column of AU labels, such as AU12.")
    return found


def _of_part(found: _Source, part: Part | None, problems: list[Problem]) -> pd.DataFrame:
    """Return the lines of a part, or of all of them, with the column `part` filled in where persons have numbers."""
    table, name = found.table[(found.table != "").any(axis=1)], found.path.name
    if found.grades is not None:
        table = _with_parts_of_persons(table, name, problems)
    elif "part" not in table:
        if part is not None:
            raise DatasetError(f"{found.path} has no column part, so none can be taken; add it, or leave out --part.")
        return table
    known = table["part"].isin(list(Part))
    if lines := [int(line) + 2 for line in table.index[~known]]:
        problems.append(Problem(name, f"lines {few(lines)}: the part is not teach, choose or judge; left out"))
    table = table[known]
    parts_of_subject = table.groupby("subject")["part"].nunique()
    if both := sorted(parts_of_subject.index[parts_of_subject > 1]):
        raise DatasetError(f"{found.path}: {few(both)} are in two parts; give every subject one.")
    return table if part is None else table[table["part"] == part]


def _with_parts_of_persons(table: pd.DataFrame, name: str, problems: list[Problem]) -> pd.DataFrame:
    """Return the lines of numbered persons, each with the part of its number; never those of persons kept apart."""
    person = table["subject"].str.strip()
    numbered = person.str.fullmatch(r"[0-9]{1,18}")
    if lines := [int(line) + 2 for line in table.index[~numbered]]:
        problems.append(Problem(name, f"lines {few(lines)}: the person is not a whole number; left out"))
    table = table[numbered]
    parts = person[numbered].map(lambda number: part_of(int(number)))
    if apart := int(parts.isna().sum()):
        left = f"{apart} lines of persons whose number ends in {APART} were left out: they are kept apart"
        problems.append(Problem(name, left, severe=False))
    if "part" in table:
        wrong = parts.notna() & (table["part"].str.strip() != parts)
        if lines := [int(line) + 2 for line in table.index[wrong]]:
            what = f"lines {few(lines)}: the part is not that of the person's number; left out"
            problems.append(Problem(name, what))
        parts = parts.mask(wrong)
    return table.assign(part=parts)[parts.notna()]


def _numbers(table: pd.DataFrame, columns: list[str], problems: list[Problem]) -> pd.DataFrame:
    """Return the labels as numbers, `UNKNOWN` where a cell is empty or holds no label, which is a problem."""
    out = table[columns].apply(lambda cells: cells.map(_number))
    for column in columns:
        labels = out[column].isin([0, 1])
        if column.endswith(_SUFFIX):
            labels = (out[column] >= 0) & (out[column] <= 5)
        stated = (table[column].str.strip() != "") & ~out[column].isin(MARKS_OF_UNKNOWN)
        if lines := [int(line) + 2 for line in np.flatnonzero((stated & ~labels).to_numpy())]:
            problems.append(Problem(column, f"lines {few(lines)} hold no label; unknown there"))
        out[column] = out[column].where(labels, UNKNOWN)
    return out


def _number(cell: str) -> float:
    """Return the number in a cell; NaN where there is none."""
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _usable(table: pd.DataFrame, source: Path, problems: list[Problem]) -> list[int]:
    """Return the lines whose file, frame and pose make sense."""
    kept: list[int] = []
    faults: dict[str, list[int]] = {}
    for line, row in zip(table.index.tolist(), table.to_dict("records"), strict=True):
        fault = _fault(row, source.parent)
        if fault is None:
            kept.append(line)
        else:
            faults.setdefault(fault, []).append(line + 2)
    problems += [Problem(source.name, f"lines {few(lines)}: {fault}; left out") for fault, lines in faults.items()]
    return kept


def _fault(row: dict[object, str], folder: Path) -> str | None:
    if not row["subject"].strip():
        return "no subject"
    if not _is_file(folder / row["path"]):
        return "no such file"
    frame, pose = row.get("frame", "").strip(), row.get("pose", "").strip()
    if (frame or _is_video(row["path"])) and not _FRAME.fullmatch(frame):
        return "no frame number"
    return "the pose is not 1-9" if pose and pose not in set("0123456789") else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # A name that no file can have, such as one of 5,000 letters.
        return False


def _is_video(path: str) -> bool:
    return Path(path).suffix.lower() in VIDEO_ENDINGS


def _groups(table: pd.DataFrame) -> Iterator[list[int]]:
    """Yield the lines that belong together: of a video, of a sequence, or of a subject's single pictures."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for line, row in zip(table.index.tolist(), table.to_dict("records"), strict=True):
        video = row["path"] if _is_video(row["path"]) else ""
        key = (row["subject"], row.get("sequence", ""), row.get("pose", ""), video)
        groups.setdefault(key, []).append(int(line))
    yield from groups.values()


def _recording(found: _Source, table: pd.DataFrame, problems: list[Problem]) -> Recording | None:
    first = table.iloc[0]
    subject, video = str(first["subject"]).strip(), _is_video(str(first["path"]))
    sequence = str(first.get("sequence", "")).strip() or (str(first["path"]) if video else subject)
    framed = "frame" in table and (table["frame"].str.strip() != "").all()
    frames = table["frame"].astype(int).to_numpy() if framed else np.arange(len(table))
    order = np.argsort(frames, kind="stable")
    if len(np.unique(frames)) < len(frames):
        problems.append(Problem(sequence, "a frame has several lines; the sequence was left out"))
        return None
    table, frames = table.iloc[order], frames[order]
    paths = {int(frame): found.path.parent / str(path) for frame, path in zip(frames, table["path"], strict=True)}
    pictures = VideoFile(next(iter(paths.values())), 0) if video else PictureFiles(paths)
    pose = int(str(first.get("pose", "")).strip() or 0)
    moving = video or bool(framed and str(first.get("sequence", "")).strip())
    extra = {"part": table["part"].to_numpy(str)} if "part" in table else {}
    if found.grades is None:
        labels = _labels(frames, found.numbers.loc[table.index], found.names)
    else:
        grades = found.grades.subset(table.index.to_numpy())
        labels = labels_from_grades(np.asarray(frames, np.int64), grades)
        extra |= {"file": table["path"].to_numpy(str), "grade": grades.grade, "one_sided": grades.one_sided}
    return Recording(subject, sequence, pictures, labels, moving=moving, pose_number=pose, extra=extra)


def _labels(frames: np.ndarray, numbers: pd.DataFrame, names: dict[str, str]) -> Labels:
    occurrence = {au: numbers[column].to_numpy() for column, au in names.items() if not column.endswith(_SUFFIX)}
    intensity = {au: numbers[column].to_numpy() for column, au in names.items() if column.endswith(_SUFFIX)}
    return labels_from(np.asarray(frames, np.int64), occurrence, intensity)
