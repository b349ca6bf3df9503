"""From faces to files: CSV, Parquet and JSON lines that are whole or not there, and that can be continued.

While a run lasts, rows go to `<output>.part` and its progress to `<output>.part.json`. Only `finish` gives the file its
name, so whatever bears the final name is complete. After an interruption the part is cut back to the last checkpoint
and continued; the finished file has the same bytes as that of a run without interruption.
"""

import csv
import errno
import io
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from duchenne.columns import Columns
from duchenne.errors import OutputError, UsageError
from duchenne.results import FaceAUs, Row, to_row

RESULT_ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
_JSON_ENDINGS = (".jsonl", ".ndjson")
_BUFFER_BYTES = 1 << 20
_ROW_GROUP = 10_000


def check_output_path(path: str | Path, endings: Collection[str], overwrite: bool) -> str:
    """Return the ending of an output file, in lower case, after checking that it can be written.

    Args:
        path: Where the file shall lie.
        endings: Those allowed, each with its dot.
        overwrite: Whether a file already there may be replaced.

    Raises:
        UsageError: The ending is another, or the file exists and `overwrite` is not set.
        OutputError: The folder is missing or not writable, or the path is a folder.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in endings:
        found = f"the ending {path.suffix}" if path.suffix else "no ending"
        raise UsageError(f"{path}: the file has {found}; known are {' '.join(endings)}. Choose one of them.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}. Make it first, or write elsewhere.")
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; a file of that name cannot be written. Choose another name.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: this user may not write to the folder {path.parent}. Choose another.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: the file exists. Choose another name, or replace it with --overwrite.")
    return ending


class ResultFile:
    """A result file in the making: `open`, then `write` and `checkpoint` in turn, `finish` at the end.

    Leaving a `with` before `finish` keeps the part and its last checkpoint, so that the run can be continued.

    Attributes:
        path: The final name.
        columns: What it says of each face.
        state: What the last checkpoint of an interrupted run recorded; None at a fresh start.
        rows: Rows in the file so far.
    """

    def __init__(self, path: Path, columns: Columns, ending: str, fingerprint: Mapping[str, Any]) -> None:
        self.path, self.columns = path, columns
        self.state: dict[str, Any] | None = None
        self.rows = 0
        self._ending = ending
        self._fingerprint = _as_json({**fingerprint, **asdict(columns)})
        self._pending = bytearray()
        self._length = 0
        self._file: BinaryIO | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        columns: Columns,
        fingerprint: Mapping[str, Any],
        *,
        overwrite: bool = False,
        restart: bool = False,
    ) -> "ResultFile":
        """Begin a result file, or continue the one that an interrupted run left.

        Args:
            path: Its ending decides the format: one of `RESULT_ENDINGS`.
            columns: What it says of each face.
            fingerprint: What must be the same for a continuation to make sense (sources, options, weights); JSON.
            overwrite: Whether a finished file of this name may be replaced, once the new one is whole.
            restart: Drop what an interrupted run left.

        Raises:
            UsageError: The ending is unknown, the file exists, or the part there is of another run.
            OutputError: The folder is missing or not writable, or the disk is full.
        """
        ending = check_output_path(path, RESULT_ENDINGS, overwrite)
        file = cls(Path(path), columns, ending, fingerprint)
        with _metadata(file.path, "Nothing has been written."):
            if restart:
                file._remove_part()
            file._begin(file._read_record())
        return file

    def __enter__(self) -> "ResultFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def part(self) -> Path:
        """Where rows go until `finish`."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def record(self) -> Path:
        """Where checkpoints go until `finish`."""
        return self.path.with_name(self.path.name + ".part.json")

    def write(self, faces: Iterable[FaceAUs]) -> None:
        """Append one row a face.

        Raises:
            UsageError: A face holds something else than the file.
            OutputError: The disk is full or gone.
        """
        for face in faces:
            if face.columns != self.columns:
                raise UsageError(f"{self.path}: the file holds {self.columns}, a face {face.columns}.")
            self._pending += self._encode(to_row(face))
            self.rows += 1
        if len(self._pending) >= _BUFFER_BYTES:
            with _metadata(self.path, self._kept()):
                self._flush()

    def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Bring all rows to the disk, then record `state`, with which a continuation begins; about once a second.

        Raises:
            OutputError: The disk is full or gone; the checkpoint before still holds.
        """
        with _metadata(self.path, self._kept()):
            self._flush()
            os.fsync(self._opened().fileno())
            self._write_record(dict(state))

    def finish(self) -> None:
        """Complete the file and give it its name.

        Raises:
            OutputError: The disk is full or gone; the last checkpoint still holds.
        """
        with _metadata(self.path, self._kept()):
            self._flush()
            os.fsync(self._opened().fileno())
            self.close()
            if self._ending == ".parquet":
                self._convert_to_parquet()
            else:
                os.replace(self.part, self.path)
            self._remove_part()

    def close(self) -> None:
        """Let go of the part without finishing it; rows since the last checkpoint are dropped by a continuation."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, record: dict[str, Any] | None) -> None:
        if record is None:
            self._write_record(None)
            self._file = self.part.open("wb", buffering=0)
            self._pending += self._header()
            self._flush()
            return
        self.state, self.rows, self._length = record["state"], record["rows"], record["bytes"]
        self._file = self.part.open("r+b", buffering=0)
        self._file.truncate(self._length)
        self._file.seek(self._length)

    def _read_record(self) -> dict[str, Any] | None:
        """Return the last checkpoint of an interrupted run; None where there is nothing to continue."""
        if not self.part.exists():
            return None
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
            state, length, stored = record["state"], record["bytes"], record["fingerprint"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            raise UsageError(self._other(f"its record {self.record.name} is missing or damaged")) from None
        changed = sorted(k for k in {*stored, *self._fingerprint} if stored.get(k) != self._fingerprint.get(k))
        if changed:
            raise UsageError(self._other(f"it was made with other settings ({', '.join(changed)})"))
        if state is None:
            return None
        if self.part.stat().st_size < length:
            raise UsageError(self._other("it is shorter than its record says"))
        return dict(record)

    def _other(self, cause: str) -> str:
        return (
            f"{self.path}: {self.part} lies there from an interrupted run, and cannot be continued: {cause}. "
            "Repeat the earlier command to continue it, choose another output, or begin anew with --restart."
        )

    def _write_record(self, state: dict[str, Any] | None) -> None:
        record = {"fingerprint": self._fingerprint, "bytes": self._length, "rows": self.rows, "state": state}
        draft = self.record.with_name(self.record.name + ".new")
        try:
            with draft.open("wb", buffering=0) as stream:
                _write_all(stream, json.dumps(record, indent=1).encode())
                os.fsync(stream.fileno())
            os.replace(draft, self.record)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self.state = state

    def _flush(self) -> None:
        _write_all(self._opened(), self._pending)
        self._length += len(self._pending)
        self._pending.clear()

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise OutputError(f"{self.path}: the result file is closed; open it again to continue.")
        return self._file

    def _kept(self) -> str:
        if self.state is None:
            return f"Nothing of use is in {self.part} yet; run the command again."
        return f"All up to the last checkpoint is kept in {self.part}; run the same command again to continue."

    def _header(self) -> bytes:
        return b"" if self._ending in _JSON_ENDINGS else _csv_line(self.columns.names)

    def _encode(self, row: Row) -> bytes:
        if self._ending in _JSON_ENDINGS:
            return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        return _csv_line(row.values())

    def _convert_to_parquet(self) -> None:
        """Turn the part, which is CSV, into Parquet, one row group at a time."""
        import fastparquet
        import pandas as pd

        draft = self.path.with_name(self.path.name + ".part.parquet")
        types = self.columns.types
        try:
            chunks = pd.read_csv(self.part, dtype=types, na_filter=False, chunksize=_ROW_GROUP)
            with chunks:
                for number, table in enumerate(chunks):
                    fastparquet.write(
                        str(draft), table, append=number > 0, write_index=False, object_encoding={"source": "utf8"},
                        has_nulls=False, compression="SNAPPY",
                    )  # fmt: skip
            os.replace(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)

    def _remove_part(self) -> None:
        self.part.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)


@contextmanager
def _metadata(path: Path, kept: str) -> Iterator[None]:
    """Turn an OSError within into an OutputError that says what is kept."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"{path}: the disk is full ({cause}). Free some space. {kept}") from None
        raise OutputError(f"{path}: the file cannot be written ({cause}). Check the disk. {kept}") from None


def _write_all(file: BinaryIO, data: bytes | bytearray) -> None:
    """Write all of it; an unbuffered file may take a piece at a time."""
    rest = memoryview(bytes(data))
    while rest:
        rest = rest[file.write(rest) :]


def _csv_line(values: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode("utf-8", "backslashreplace")


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they come back from JSON, so that a tuple equals the list it is stored as."""
    return dict(json.loads(json.dumps(values, default=str)))
