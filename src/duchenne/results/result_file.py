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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from duchenne.errors import OutputError, UsageError
from duchenne.media import Frame
from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.output_path import check_output_path
from duchenne.results.rows import Row, empty_row, to_row
from duchenne.results.run_record import Checkpoint, Position, RunRecord, write_all

RESULT_ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
_JSON_ENDINGS = (".jsonl", ".ndjson")
_BUFFER_BYTES = 1 << 20
_ROW_GROUP = 10_000


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
        self._record = RunRecord(path, {**fingerprint, **asdict(columns)})
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
        with _explained(file.path, "Nothing has been written."):
            if restart:
                file._record.remove()
            file._begin(file._record.read())
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
        return self._record.part

    def write(self, faces: Iterable[FaceAUs]) -> None:
        """Append one row a face.

        Raises:
            UsageError: A face holds something else than the file.
            OutputError: The disk is full or gone.
        """
        held = replace(self.columns, every_frame=False)
        for face in faces:
            if face.columns != held:
                raise UsageError(f"{self.path}: the file holds {held}, a face {face.columns}.")
            self._append(to_row(face))

    def write_empty(self, frame: Frame) -> None:
        """Append the row of a frame without a face, if the file has such rows (`Columns.every_frame`).

        Raises:
            OutputError: The disk is full or gone.
        """
        if self.columns.every_frame:
            self._append(empty_row(frame, self.columns))

    def _append(self, row: Row) -> None:
        self._pending += self._encode(row)
        self.rows += 1
        if len(self._pending) >= _BUFFER_BYTES:
            with _explained(self.path, self._kept()):
                self._flush()

    @property
    def position(self) -> Position:
        """The end of the rows written so far."""
        return Position(self._length + len(self._pending), self.rows)

    def checkpoint(self, state: Mapping[str, Any], position: Position | None = None) -> None:
        """Bring all rows to the disk, then record `state`, with which a continuation begins; about once a second.

        Args:
            state: How far the run is.
            position: The end of the rows that `state` counts; those behind it are dropped by a continuation. None for
                all that were written.

        Raises:
            OutputError: The disk is full or gone; the checkpoint before still holds.
        """
        with _explained(self.path, self._kept()):
            self._flush()
            os.fsync(self._opened().fileno())
            self._record.write(state, position or self.position)
        self.state = dict(state)

    def finish(self) -> None:
        """Complete the file and give it its name.

        Raises:
            OutputError: The disk is full or gone; the last checkpoint still holds.
        """
        with _explained(self.path, self._kept()):
            self._flush()
            os.fsync(self._opened().fileno())
            self.close()
            if self._ending == ".parquet":
                self._convert_to_parquet()
            else:
                os.replace(self.part, self.path)
            self._record.remove()

    def discard(self) -> None:
        """Leave nothing behind of a run that gave nothing."""
        self.close()
        self._record.remove()

    def close(self) -> None:
        """Let go of the part without finishing it; rows since the last checkpoint are dropped by a continuation."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            self._record.write(None, Position(0, 0))
            self._file = self.part.open("wb", buffering=0)
            self._pending += self._header()
            self._flush()
            return
        self.state, (self._length, self.rows) = checkpoint.state, checkpoint.position
        self._file = self.part.open("r+b", buffering=0)
        self._file.truncate(self._length)

    def _flush(self) -> None:
        file, length = self._opened(), self._length + len(self._pending)
        file.seek(self._length)  # An interruption may have left more behind it.
        write_all(file, self._pending)
        self._length, self._pending = length, bytearray()

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
            chunks = pd.read_csv(
                self.part, dtype=types, na_filter=self.columns.every_frame, keep_default_na=False, na_values=[""],
                chunksize=_ROW_GROUP,
            )  # fmt: skip
            with chunks:
                for number, table in enumerate(chunks):
                    fastparquet.write(
                        str(draft), table, append=number > 0, write_index=False, object_encoding={"source": "utf8"},
                        has_nulls=self.columns.every_frame, compression="SNAPPY",
                    )  # fmt: skip
            os.replace(draft, self.path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path, kept: str) -> Iterator[None]:
    """Turn an OSError within into an OutputError that says what is kept."""
    try:
        yield
    except OSError as error:
        cause = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"{path}: the disk is full ({cause}). Free some space. {kept}") from None
        raise OutputError(f"{path}: the file cannot be written ({cause}). Check the disk. {kept}") from None


def _csv_line(values: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode("utf-8", "backslashreplace")
