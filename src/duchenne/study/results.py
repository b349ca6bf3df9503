"""Result files (CSV, Parquet, JSON lines) -> one data frame with checked columns, small enough for hours of video.

Only the columns that are asked for are read: texts as categories, numbers as float32, calls as uint8. Ten hours at 25
frames a second with every AU take about 250 MB.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from duchenne.errors import ParquetError, StudyError, UsageError
from duchenne.extras.parquet import column_names, opened_parquet
from duchenne.facs import AU_NAMES, UNKNOWN
from duchenne.files.csv_rows import check_row_lengths
from duchenne.results.columns import FRAME_COLUMNS, SIDES
from duchenne.study.judgeable import TURN, UNJUDGED, VISIBILITY, unjudged

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("source", "frame", "timestamp_s", "face_id")
POSE = ("yaw_deg", "pitch_deg", "roll_deg")
BOX = ("left_px", "top_px", "width_px", "height_px")
PERSON = "person"
_TYPES = {"source": "category", "person": "category", "frame": "int64", "face_id": "int32", "timestamp_s": "float64"}
_TYPES[UNJUDGED] = "uint8"
_WHILE_EMPTY = {"int32": "Int32", "uint8": "UInt8"}
"""Types of whole numbers as long as rows without a face are among them."""
_JSON_LINES = (".jsonl", ".ndjson")
_LINES_AT_ONCE = 20_000
_ROWS_AT_ONCE = 50_000
_RANGES = {"p": (0.0, 1.0), "i": (0.0, 5.0)}
_FROM_0 = ("frame", "timestamp_s", "face_id")


@dataclass(frozen=True)
class Wanted:
    """Which columns of a result are read; `source`, `frame`, `timestamp_s`, `face_id` and `person` always are.

    Attributes:
        aus: AU names; None for all that the file holds.
        kinds: Of "p" (probability), "c" (occurrence) and "i" (intensity), those to read where the file holds them.
        sides: Whether probability and intensity of either side are read, where the file holds them.
        others: Further columns; they must be there.
        lenient: Whether `aus` that the file does not hold are left out, where it holds any of them.
        judging: Whether the column `unjudged` is made of pose and visibility, where the file holds them.
    """

    aus: tuple[str, ...] | None = None
    kinds: str = "pci"
    sides: bool = False
    others: tuple[str, ...] = ("confidence", *POSE)
    lenient: bool = False
    judging: bool = True

    def of(self, header: Sequence[str], where: str) -> list[str]:
        """Return the columns to read of a file with this header.

        Raises:
            StudyError: It has no column that is always read, or lacks one of `others` or every column of an AU.
        """
        if missing := [name for name in (*KEYS, *self.others) if name not in header]:
            raise StudyError(
                f"{where}: no column {', '.join(missing)}; found: {_some(header)}. Expected a result of duchenne "
                "detect (docs/columns.md)."
            )
        measured = {name: [column for column in self._columns(name) if column in header] for name in AU_NAMES}
        absent = [name for name in self.aus or () if not measured[name]]
        if absent and (not self.lenient or len(absent) == len(self.aus or ())):
            held = " ".join(name for name, columns in measured.items() if columns) or "none"
            raise StudyError(f"{where}: no columns of {' '.join(absent)}; it holds {held}. Run detect with these AUs.")
        chosen = [column for name in self.aus or AU_NAMES for column in measured[name]]
        return [*KEYS, *([PERSON] if PERSON in header else []), *self.others, *chosen]

    def _columns(self, au: str) -> Iterator[str]:
        yield from (f"{au}_{kind}" for kind in self.kinds)
        if self.sides:
            yield from (f"{au}{side}_{kind}" for side in SIDES for kind in self.kinds if kind != "c")


def read_results(paths: str | Path | Sequence[str | Path], wanted: Wanted | None = None) -> "pd.DataFrame":
    """Return the faces of one or several result files as one data frame.

    Rows of frames without a face (`duchenne detect --every-frame`) are left out.

    Args:
        paths: Files of `duchenne detect`: .csv, .parquet, .jsonl or .ndjson.
        wanted: Which columns to read; those of every AU, confidence and head pose unless given.

    Returns:
        `source` (category), `frame`, `timestamp_s` (seconds), `face_id`, `person` (category; where a file has it),
        `confidence`, `yaw_deg`, `pitch_deg`, `roll_deg`, and `AU01_p` (0-1), `AU01_c` (0, 1, 9), `AU01_i` (0-5), ...;
        `unjudged`, which says where nothing can be judged (`judged`).

    Raises:
        UsageError: No file is named, or an ending is unknown.
        StudyError: A file cannot be read, lacks a column, has an empty cell or a value that no result has.

    Example:
        >>> from pathlib import Path; from tempfile import mkdtemp
        >>> file = Path(mkdtemp()) / "a.csv"
        >>> head = "source,frame,timestamp_s,face_id,confidence,yaw_deg,pitch_deg,roll_deg,AU12_p,AU12_c"
        >>> _ = file.write_text(head + chr(10) + "a.mp4,0,0.0,0,0.9,1.5,0.0,0.0,0.75,1" + chr(10))
        >>> float(read_results(file)["AU12_p"].iloc[0])
        0.75
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    return joined_results([_faces_of(file, wanted or Wanted()) for file in files], files)


def joined_results(tables: "Sequence[pd.DataFrame]", files: Sequence[Path]) -> "pd.DataFrame":
    """Return tables that `read_results` gave, one a file, as one; their categories become those of all.

    Where only some say what cannot be judged, everything can be in the others.

    Raises:
        UsageError: There is none.
        StudyError: They hold different columns.
    """
    import pandas as pd

    if not files:
        raise UsageError("No result is named. Name one or more files that duchenne detect has written.")
    if len(tables) == 1:
        return tables[0]
    if any(UNJUDGED in table for table in tables):
        tables = [table if UNJUDGED in table else table.assign(**{UNJUDGED: np.uint8(0)}) for table in tables]
    _same_columns(tables, files)
    for column in [name for name in ("source", PERSON) if name in tables[0]]:
        together = pd.api.types.union_categoricals([table[column] for table in tables]).categories
        for table in tables:
            table[column] = table[column].cat.set_categories(together)
    return pd.concat(tables, ignore_index=True)


def aus_of(table: "pd.DataFrame", kinds: str = "pci") -> tuple[str, ...]:
    """Return the AUs of which a table has a column of one of these kinds (`Wanted.kinds`), in FACS order.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame(columns=["AU12_p", "AU06_p", "AU06_c"])
        >>> aus_of(table), aus_of(table, "c")
        (('AU06', 'AU12'), ('AU06',))
    """
    return tuple(name for name in AU_NAMES if any(f"{name}_{kind}" in table for kind in kinds))


@lru_cache(maxsize=4096)
def file_name(source: str) -> str:
    """Return the last part of a source's path, whichever way its slashes lean.

    Example:
        >>> file_name("C:/videos/anna.mp4"), file_name("anna.mp4")
        ('anna.mp4', 'anna.mp4')
    """
    return PurePosixPath(source.replace("\\", "/")).name


def columns_in(path: Path) -> list[str]:
    """Return the names of the columns of a result file, in their order.

    Raises:
        UsageError: The ending is unknown.
        StudyError: The file cannot be read.
    """
    ending = path.suffix.lower()
    try:
        if ending == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                return next(csv.reader(file), [])
        if ending == ".parquet":
            return list(column_names(path))
        if ending in _JSON_LINES:
            import pandas as pd

            with pd.read_json(path, lines=True, chunksize=1) as chunks:
                return list(next(iter(chunks), pd.DataFrame()).columns)
    except ParquetError as error:
        raise StudyError(f"{error} Expected a result of duchenne detect.") from None
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read ({error}). Expected a result of duchenne detect.") from None
    raise UsageError(
        f"{path}: the ending {ending or '(none)'} is unknown; results end in .csv .parquet .jsonl .ndjson."
    )


def _faces_of(path: Path, wanted: Wanted) -> "pd.DataFrame":
    """Return the rows of a file that hold a face, read a part at a time, since only a part of what is read is kept."""
    import pandas as pd

    header = columns_in(path)
    columns = wanted.of(header, str(path))
    groups = ((UNJUDGED,),) if UNJUDGED in header else (TURN, VISIBILITY)
    judging = [name for some in groups if wanted.judging and set(some) <= set(header) for name in some]
    parts = [_faces_in(part, path, columns, judging) for part in _read(path, list(dict.fromkeys([*columns, *judging])))]
    if not parts:
        types = {name: _type_of(name) for name in columns} | ({UNJUDGED: "uint8"} if judging else {})
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    return joined_results(parts, [path] * len(parts)).reset_index(drop=True)


def _faces_in(table: "pd.DataFrame", path: Path, columns: list[str], judging: list[str]) -> "pd.DataFrame":
    without = table["face_id"].isna()
    if without.any():
        empty = table[without].drop(columns=list(FRAME_COLUMNS)).isna().all(axis=1)
        table = table.drop(index=empty.index[empty])
    table = _checked(table, path)
    # A copy lets go of the other columns, which share their memory.
    kept = table[columns].astype({name: _type_of(name) for name in columns}).copy()
    if not judging:
        return kept
    return kept.assign(**{UNJUDGED: table[UNJUDGED].astype("uint8") if UNJUDGED in table else unjudged(table)})


def _read(path: Path, columns: list[str]) -> "Iterator[pd.DataFrame]":
    """Yield parts of a file; their rows are numbered from 0 on."""
    import pandas as pd

    types = {name: _WHILE_EMPTY.get(kind := _type_of(name), kind) for name in columns}
    try:
        if path.suffix.lower() == ".csv":
            check_row_lengths(path)
            options = {"usecols": columns, "dtype": types, "encoding": "utf-8-sig", "chunksize": _ROWS_AT_ONCE}
            with pd.read_csv(path, **options) as chunks:  # type: ignore[call-overload]
                yield from (chunk[columns] for chunk in chunks)
        elif path.suffix.lower() == ".parquet":
            yield from _parquet_parts(path, columns, types)
        else:
            with pd.read_json(path, lines=True, chunksize=_LINES_AT_ONCE, dtype=False) as chunks:
                yield from (chunk[columns].astype(types) for chunk in chunks)
    except ParquetError as error:
        raise StudyError(f"{error} Expected a result of duchenne detect (docs/columns.md).") from None
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise StudyError(f"{path} cannot be read ({error}). No cell of a result is empty (docs/columns.md).") from None


def _parquet_parts(path: Path, columns: list[str], types: dict[str, str]) -> "Iterator[pd.DataFrame]":
    before = 0
    with opened_parquet(path) as file:
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
            batch.validate(full=True)
            part = batch.to_pandas()[columns].astype(types)
            part.index += before
            before += len(part)
            yield part


def _type_of(column: str) -> str:
    return _TYPES.get(column) or ("uint8" if column.endswith("_c") else "float32")


def _checked(table: "pd.DataFrame", path: Path) -> "pd.DataFrame":
    for column in table.columns:
        if table[column].isna().any():
            row = int(table.index[int(table[column].isna().to_numpy().argmax())]) + 1
            raise StudyError(f"{path}, row {row}: {column} is empty; no cell of a result is (docs/columns.md).")
        if table[column].dtype != "category":
            _check_range(table[column], path)
    return table


def _check_range(values: "pd.Series", path: Path) -> None:
    column = str(values.name)
    kind = column.rpartition("_")[2] if column.startswith("AU") else ""
    if kind == "c":
        right, expected = values.isin((0, 1, UNKNOWN)), "0, 1 or 9"
    elif kind in _RANGES:
        low, high = _RANGES[kind]
        right, expected = values.between(low, high), f"{low:g} to {high:g}"
    elif column in _FROM_0:
        right, expected = (values >= 0) & (values < np.inf), "a number from 0"
    else:
        right, expected = values.abs() < np.inf, "a number"
    if right.all():
        return
    row = int((~right).to_numpy().argmax())
    raise StudyError(f"{path}, row {values.index[row] + 1}: {column} is {values.iloc[row]:g}; expected {expected}.")


def _same_columns(tables: "Iterable[pd.DataFrame]", files: Sequence[Path]) -> None:
    first, *rest = (list(table.columns) for table in tables)
    for columns, file in zip(rest, files[1:], strict=True):
        if different := sorted(set(first) ^ set(columns)):
            raise StudyError(
                f"{files[0]} and {file} hold different columns ({_some(different)}). Read them apart, or run detect "
                "with the same options."
            )


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
