"""Your own data: a CSV with one line a frame.

    path,subject,AU06,AU12,AU12_intensity
    anna/001.jpg,anna,1,0,
    clips/ben.mp4,ben,...                      (a video needs the column frame, which counts from 0)

Columns: `path` (beside the CSV, or absolute), `subject`, one for each AU (1, 0, or empty or 9 where unknown), and if
you like `frame`, `sequence`, `pose` (1-9 as in FERA 2017), and `AU12_intensity` (0-5). Pictures with a `sequence` and a
`frame` follow one another in time; others stand for themselves.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from duchenne.datasets.recording import Labels, PictureFiles, Problem, Recording, Release, VideoFile, few
from duchenne.datasets.recording import labels_from_columns as labels_from
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES, UNKNOWN, parse_aus
from duchenne.media import VIDEO_ENDINGS

_SUFFIX = "_intensity"
_KNOWN = ("path", "subject", "frame", "sequence", "pose")


def load_generic(source: Path) -> Release:
    """Return the frames of a CSV; a line whose file is missing or whose numbers are none is a problem.

    Raises:
        DatasetError: It cannot be read, or has no column path, subject or AU.
    """
    try:
        table = pd.read_csv(source, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{source} is no readable CSV ({error}). docs/datasets.md shows the columns.") from error
    table.columns = [str(name).strip() for name in table.columns]
    names = _au_columns(source, list(table.columns))
    problems: list[Problem] = []
    numbers = _numbers(table, list(names), problems)
    table = table.loc[_usable(table, source, problems)]
    recordings = []
    for rows in _groups(table):
        if (recording := _recording(table.loc[rows], numbers, names, source.parent, problems)) is not None:
            recordings.append(recording)
    return Release("generic", tuple(recordings), tuple(problems))


def _au_columns(source: Path, columns: list[str]) -> dict[str, str]:
    """Return the AU behind each column of labels or intensities."""
    if missing := [name for name in ("path", "subject") if name not in columns]:
        raise DatasetError(f"{source} lacks the columns {', '.join(missing)}; found: {', '.join(columns)}.")
    found: dict[str, str] = {}
    for column in columns:
        if column in _KNOWN:
            continue
        try:
            (found[column],) = parse_aus(column.removesuffix(_SUFFIX))
        except (UsageError, ValueError):
            raise DatasetError(
                f"{source} has a column {column!r} that names no AU. Known: {', '.join(_KNOWN)}, {', '.join(AU_NAMES)} "
                f"and the same with {_SUFFIX}; remove the others."
            ) from None
    if not found:
        raise DatasetError(f"{source} has no column of AU labels, such as AU12.")
    return found


def _numbers(table: pd.DataFrame, columns: list[str], problems: list[Problem]) -> pd.DataFrame:
    """Return the labels as numbers, `UNKNOWN` where a cell is empty or holds something else, which is a problem."""
    out = table[columns].apply(pd.to_numeric, errors="coerce")
    bad = out.isna() & (table[columns].apply(lambda column: column.str.strip()) != "")
    for column in columns:
        if lines := [int(line) + 2 for line in np.flatnonzero(bad[column].to_numpy())]:
            problems.append(Problem(column, f"lines {few(lines)} hold no number; unknown there"))
    return out.fillna(UNKNOWN)


def _usable(table: pd.DataFrame, source: Path, problems: list[Problem]) -> list[int]:
    """Return the lines whose file, frame and pose make sense."""
    kept: list[int] = []
    faults: dict[str, list[int]] = {}
    for line, row in enumerate(table.to_dict("records")):
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
    if not (folder / row["path"]).is_file():
        return "no such file"
    frame, pose = row.get("frame", "").strip(), row.get("pose", "").strip()
    if (frame or _is_video(row["path"])) and not frame.isdecimal():
        return "no frame number"
    return "the pose is not 1-9" if pose and pose not in set("0123456789") else None


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


def _recording(
    table: pd.DataFrame, numbers: pd.DataFrame, names: dict[str, str], folder: Path, problems: list[Problem]
) -> Recording | None:
    first = table.iloc[0]
    subject, video = str(first["subject"]).strip(), _is_video(str(first["path"]))
    sequence = str(first.get("sequence", "")).strip() or (str(first["path"]) if video else subject)
    framed = "frame" in table and (table["frame"].str.strip() != "").all()
    frames = table["frame"].astype(int).to_numpy() if framed else np.arange(len(table))
    order = np.argsort(frames, kind="stable")
    if len(np.unique(frames)) < len(frames):
        problems.append(Problem(sequence, "a frame has several lines; the sequence was left out"))
        return None
    paths = {int(frames[k]): folder / str(table["path"].iloc[k]) for k in order}
    pictures = VideoFile(next(iter(paths.values())), 0) if video else PictureFiles(paths)
    labels = _labels(frames[order], numbers.loc[table.index].iloc[order], names)
    pose = int(str(first.get("pose", "")).strip() or 0)
    moving = video or bool(framed and str(first.get("sequence", "")).strip())
    return Recording(subject, sequence, pictures, labels, moving=moving, pose_number=pose)


def _labels(frames: np.ndarray, numbers: pd.DataFrame, names: dict[str, str]) -> Labels:
    occurrence = {au: numbers[column].to_numpy() for column, au in names.items() if not column.endswith(_SUFFIX)}
    intensity = {au: numbers[column].to_numpy() for column, au in names.items() if column.endswith(_SUFFIX)}
    return labels_from(np.asarray(frames, np.int64), occurrence, intensity)
