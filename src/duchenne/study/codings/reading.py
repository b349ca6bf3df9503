"""Any file of codes or results -> `Coding`, or a table with one row a frame; the kind is told by ending and columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Union

from duchenne.errors import StudyError, UsageError
from duchenne.study.codings.boris import is_boris, read_boris_project, read_boris_table
from duchenne.study.codings.code_table import is_code_table, read_code_table
from duchenne.study.codings.coding import Coding, together
from duchenne.study.codings.delimited import read_delimited
from duchenne.study.codings.elan import read_elan
from duchenne.study.codings.frame_tables import is_frame_table, read_frame_table
from duchenne.study.results import KEYS, Wanted, columns_in, read_results

if TYPE_CHECKING:
    import pandas as pd

Codes = Union[Coding, "pd.DataFrame"]
"""Events with onset and offset, or a table with one row a frame."""
_TABLES = (".csv", ".tsv", ".txt")
_RESULTS = (".parquet", ".jsonl", ".ndjson")
EXPECTED = "Expected ELAN (.eaf), BORIS (.boris, .tsv, .csv), a table of codes, or a table with one row a frame"


def read_codes(paths: Sequence[Path], wanted: Wanted | None = None, fps: float | None = None) -> Codes:
    """Return the content of files of codes, or of results, all of them of one kind.

    Args:
        paths: Files; a folder stands for the .eaf, .boris, .csv and .tsv files in it.
        wanted: Which columns of results to read.
        fps: Frames a second, for tables of frames without a time.

    Raises:
        UsageError: No file is named or found.
        StudyError: A file cannot be read, or events and tables of frames are mixed.
    """
    import pandas as pd

    files = _files(paths)
    results = [file for file in files if _is_result(file)]
    if results and len(results) == len(files):
        return read_results(results, wanted)
    read = [read_results(file, wanted) if file in results else _read_one(file, fps) for file in files]
    codings = [one for one in read if isinstance(one, Coding)]
    if len(codings) == len(read):
        return together(codings)
    if codings:
        raise StudyError(
            f"{files[0]} ... {files[-1]}: events and tables of frames cannot be mixed; compare them apart."
        )
    tables = [one for one in read if not isinstance(one, Coding)]
    whole = pd.concat([one.astype({"source": str}) for one in tables], ignore_index=True)
    return whole.astype({"source": "category"})


def _files(paths: Sequence[Path]) -> list[Path]:
    endings = (".eaf", ".boris", ".csv", ".tsv")
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.iterdir() if one.suffix.lower() in endings) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{path} holds no file of codes. {EXPECTED}.")
        found += inside
    if not found:
        raise UsageError(f"No codes are named. {EXPECTED}.")
    if missing := [str(path) for path in found if not path.exists()]:
        raise UsageError(f"There is no file {', '.join(missing)}.")
    return found


def _is_result(path: Path) -> bool:
    ending = path.suffix.lower()
    return ending in _RESULTS or (ending == ".csv" and {*KEYS} <= set(columns_in(path)))


def _read_one(path: Path, fps: float | None) -> Codes:
    ending = path.suffix.lower()
    if ending == ".eaf":
        return read_elan(path)
    if ending == ".boris":
        return read_boris_project(path)
    if ending not in _TABLES:
        raise UsageError(f"{path}: the ending {ending or '(none)'} is unknown. {EXPECTED}.")
    if is_frame_table(columns_in(path) if ending == ".csv" else []):
        return read_frame_table(path, fps)
    rows = read_delimited(path, set())
    if is_code_table(rows.columns):
        return read_code_table(rows)
    try:
        rows = read_delimited(path, {"Subject", "Behavior"})
    except StudyError:
        raise StudyError(f"{path}: columns {', '.join(rows.columns[:8])} are not known. {EXPECTED}.") from None
    if not is_boris(rows.columns):
        raise StudyError(f"{path}: columns {', '.join(rows.columns[:8])} are not known. {EXPECTED}.")
    return read_boris_table(rows, path)
