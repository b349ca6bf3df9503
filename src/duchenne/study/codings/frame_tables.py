"""Tables with one row a frame that other programmes write (OpenFace, py-feat) -> a table with our column names.

OpenFace: AU12_r is the intensity 0-5, AU12_c the occurrence; rows with success 0 are left out. py-feat: AU12 is a
probability, present from .5 on (ours: py-feat sets no threshold); where a column holds whole numbers above 1 it is
taken as grades 0-5, present from 2 (B) on. 9 is unknown.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from duchenne.errors import StudyError
from duchenne.facs import AU_NAMES, UNKNOWN
from duchenne.files.csv_rows import check_row_lengths
from duchenne.study.codings.au_labels import au_of_number
from duchenne.study.results import file_name

if TYPE_CHECKING:
    import pandas as pd

_AU = re.compile(r"^AU0*(\d{1,2})(_[rc])?$")
PRESENT_FROM = 2
"""Lowest grade, B, that counts as present; as `AU12_c` of results does (docs/columns.md)."""
_MOST_FRAMES = 2**31
_TIMES = ("timestamp", "timestamp_s", "time", "time_s")


def is_frame_table(columns: Sequence[str]) -> bool:
    """Return whether these are the columns of a table with one row a frame: a frame or a time, and AUs."""
    names = [name.strip() for name in columns]
    return any(map(_AU.match, names)) and bool({"frame", *_TIMES} & {name.lower() for name in names})


def read_frame_table(path: Path, fps: float | None = None) -> "pd.DataFrame":
    """Return such a table with `source`, `frame`, `timestamp_s`, `face_id` and the columns of each AU.

    Args:
        path: CSV.
        fps: Frames a second, for tables without a time.

    Raises:
        StudyError: It cannot be read, a cell is not a number, or it has frames, no times, and no `fps` is given.
    """
    import pandas as pd

    try:
        check_row_lengths(path)
        head = pd.read_csv(path, nrows=0, encoding="utf-8-sig")
        wanted = [name for name in head.columns if _is_wanted(name.strip())]
        table = pd.read_csv(path, usecols=wanted, dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read ({error}).") from None
    table.columns = [name.strip() for name in table.columns]
    table = _numbers(table, path)
    if "success" in table:
        table = table[table["success"] == 1].reset_index(drop=True)
    frames = table["frame"] if "frame" in table else pd.Series(np.arange(len(table)))
    read = pd.DataFrame({"frame": frames.astype("int64")})
    named = table["input"].map(file_name) if "input" in table else [path.stem] * len(table)
    read.insert(0, "source", pd.Series(list(named), dtype="category"))
    read["timestamp_s"] = _times(table, frames, path, fps)
    read["face_id"] = table["face_id"].astype("int32") if "face_id" in table else np.int32(0)
    found = dict(_measured(table))
    known = {name: values for name, values in found.items() if name.partition("_")[0] in AU_NAMES}
    return pd.concat([read, pd.DataFrame(known)], axis=1)


def _numbers(table: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    """Return a table of texts with numbers in all columns but `input`; empty only where an AU is not known.

    Raises:
        StudyError: A cell is not a number, or none that its column can hold.
    """
    import pandas as pd

    read = {"input": table["input"].fillna("")} if "input" in table else {}
    for name in [name for name in table.columns if name != "input"]:
        values = pd.to_numeric(table[name], errors="coerce").astype(float)
        right = pd.Series(np.isfinite(values)) | (table[name].isna() & bool(_AU.match(name)))
        if name in ("frame", "face_id"):
            right &= (values >= 0) & (values < _MOST_FRAMES) & (values == values.round())
        if not right.all():
            row = int((~right).to_numpy().argmax())
            found = str(table[name].iloc[row])[:40]
            raise StudyError(f"{path}, line {row + 2}: {name} is {found!r}; expected a number.")
        read[name] = values
    return pd.DataFrame(read)


def _is_wanted(name: str) -> bool:
    return bool(_AU.match(name)) or name in {"success", "frame", "input", "face_id"} or name.lower() in _TIMES


def _times(table: "pd.DataFrame", frames: "pd.Series", path: Path, fps: float | None) -> "pd.Series":
    time = next((name for name in table.columns if name.lower() in _TIMES), None)
    if time is not None:
        return table[time].astype(float)
    if fps is None:
        raise StudyError(f"{path} has frames and no times. Say how many frames a second the video has: --fps 25.")
    return frames / fps


def _measured(table: "pd.DataFrame") -> list[tuple[str, np.ndarray]]:
    found: list[tuple[str, np.ndarray]] = []
    both = {match[1] for name in table.columns if (match := _AU.match(name)) and match[2] == "_c"}
    for name in table.columns:
        match = _AU.match(name)
        if match is None:
            continue
        au = au_of_number(match[1])
        values = table[name].to_numpy(np.float32)
        unknown = np.isnan(values) | (values == UNKNOWN)
        if match[2] == "_c":
            found.append((f"{au}_c", np.where(unknown, UNKNOWN, values > 0).astype(np.uint8)))
        elif match[2] == "_r" or _are_grades(values[~unknown]):
            found.append((f"{au}_i", np.where(unknown, 0, values).clip(0, 5)))
            if match[1] not in both:
                found.append((f"{au}_c", np.where(unknown, UNKNOWN, values >= PRESENT_FROM).astype(np.uint8)))
        else:
            found.append((f"{au}_p", np.where(unknown, 0, values).clip(0, 1)))
            found.append((f"{au}_c", np.where(unknown, UNKNOWN, values >= 0.5).astype(np.uint8)))
    return found


def _are_grades(values: np.ndarray) -> bool:
    return bool(len(values)) and bool((values == values.round()).all()) and float(values.max()) > 1
