"""Results on disk: written as they come, whole or not there, and continued after an interruption.

While a run lasts, rows go to `<output>.part` as text and the run's state to `<output>.part.json`. The state is
recorded only after the rows that it counts have reached the disk, together with the length of the file then; a run
that continues cuts the file to that length first. The final name appears at the end, by renaming, so a file with the
final name is always whole. Parquet is made from the text at the end, in pieces.
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import fastparquet
import pandas as pd

from duchenne.errors import OutputError, UsageError
from duchenne.results import FaceAUs, columns, to_row

ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
_PIECE_ROWS = 20_000


def check_output_path(path: Path, endings: Sequence[str], overwrite: bool) -> None:
    """Say now, before any work, why a result could not be written later.

    Raises:
        UsageError: The ending is none of `endings`.
        OutputError: The folder is missing, or a file of this name is there and may not be replaced.
    """
    if path.suffix.lower() not in endings:
        raise UsageError(f"{path}: results are not written as {path.suffix or 'a file without ending'!r}; "
                         f"choose one of {' '.join(endings)}.")  # fmt: skip
    if not path.absolute().parent.is_dir():
        raise OutputError(
            f"{path}: the folder {path.absolute().parent} does not exist. Make it first, or name another."
        )
    if path.is_dir():
        raise OutputError(f"{path}: is a folder. Name a file in it.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Name another file, or say --overwrite to replace it.")


class ResultFile:
    """A table of results that grows while a run lasts; a context manager that keeps what it has when left early.

    Attributes:
        path: The final name.
        state: What the last `checkpoint` of an interrupted run recorded; None when the run is new.
        rows: How many rows it holds.
    """

    def __init__(
        self, path: Path, aus: Sequence[str], fingerprint: Mapping[str, Any], overwrite: bool, restart: bool
    ) -> None:
        check_output_path(path, ENDINGS, overwrite)
        self.path, self._types = path, columns(aus)
        self._part, self._note = path.with_name(path.name + ".part"), path.with_name(path.name + ".part.json")
        self._fingerprint = json.loads(json.dumps(fingerprint))
        found = None if restart else self._interrupted()
        self.state: dict[str, Any] | None = found["state"] if found else None
        self.rows = int(found["rows"]) if found else 0
        self._length = int(found["bytes"]) if found else 0
        self._buffer = io.StringIO()
        self._pending = 0
        try:
            self._file = self._part.open("r+b" if found else "wb")
            self._file.truncate(self._length)
            self._file.seek(self._length)
            if not found and path.suffix.lower() != ".jsonl" and path.suffix.lower() != ".ndjson":
                self._buffer.write(_csv_line(list(self._types)))
        except OSError as error:
            raise self._failed(error) from error

    @classmethod
    def open(
        cls,
        path: str | Path,
        aus: Sequence[str],
        fingerprint: Mapping[str, Any],
        *,
        overwrite: bool = False,
        restart: bool = False,
    ) -> Self:
        """Begin a file of results, or continue an interrupted one.

        Args:
            path: Final name; its ending chooses the format.
            aus: AU names of the columns.
            fingerprint: What must be the same for a run to be continued; goes through JSON.
            overwrite: Whether a file of this name may be replaced at the end.
            restart: Throw an interrupted run away.

        Raises:
            UsageError: The ending is unknown, or an interrupted run of another kind lies there.
            OutputError: The file cannot be written.
        """
        return cls(Path(path), aus, fingerprint, overwrite, restart)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, faces: Sequence[FaceAUs]) -> None:
        """Add a row for each face; it is on disk after the next `checkpoint`."""
        for face in faces:
            row = to_row(face)
            if self.path.suffix.lower() in (".jsonl", ".ndjson"):
                self._buffer.write(json.dumps(row, ensure_ascii=False) + "\n")
            else:
                self._buffer.write(_csv_line([row[name] for name in self._types]))
        self._pending += len(faces)

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Bring all rows to the disk, then record how far the run is.

        Raises:
            OutputError: The disk is full or gone; what was recorded before stays.
        """
        try:
            data = self._buffer.getvalue().encode("utf-8")
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._length += len(data)
            self.rows += self._pending
            self._buffer, self._pending = io.StringIO(), 0
            note = {"fingerprint": self._fingerprint, "bytes": self._length, "rows": self.rows, "state": dict(state)}
            fresh = self._note.with_name(self._note.name + ".new")
            fresh.write_text(json.dumps(note), encoding="utf-8")
            fresh.replace(self._note)
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> None:
        """Give the file its final name.

        Raises:
            OutputError: The disk is full or gone; what was recorded before stays.
        """
        try:
            self._file.write(self._buffer.getvalue().encode("utf-8"))
            self._buffer = io.StringIO()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self.path.suffix.lower() == ".parquet":
                whole = self.path.with_name(self.path.name + ".part.parquet")
                _parquet_from_csv(self._part, whole, self._types)
                whole.replace(self.path)
                self._part.unlink()
            else:
                self._part.replace(self.path)
            self._note.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def _interrupted(self) -> dict[str, Any] | None:
        """Return the note of an interrupted run; None when there is none to continue."""
        if not (self._note.exists() and self._part.exists()):
            return None
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            whole = note["bytes"] <= self._part.stat().st_size
            same = note["fingerprint"] == self._fingerprint
        except (OSError, ValueError, KeyError, TypeError):
            whole = same = False
        if not (whole and same):
            raise UsageError(
                f"{self._part}: an interrupted run with other sources, options or weights lies there. Give its command "
                "again to continue it, say --restart to throw it away, or name another output."
            )
        return dict(note)

    def _failed(self, error: OSError) -> OutputError:
        kept = f"{self.rows} rows are kept in {self._part}; " if self.rows else ""
        return OutputError(
            f"{self.path}: cannot be written ({error.strerror or error}). {kept}"
            "Make room or check the permissions, then give the same command again to go on."
        )


def _csv_line(values: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def _parquet_from_csv(source: Path, target: Path, types: Mapping[str, str]) -> None:
    """Turn the text into row groups of a Parquet file, a piece at a time."""
    target.unlink(missing_ok=True)
    keep = {"keep_default_na": False, "na_values": {}}
    for piece in pd.read_csv(source, dtype=dict(types), chunksize=_PIECE_ROWS, **keep):
        fastparquet.write(str(target), piece, append=target.exists(), write_index=False, compression="GZIP")
    if not target.exists():
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
        fastparquet.write(str(target), empty, write_index=False, compression="GZIP")
