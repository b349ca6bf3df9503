"""From faces to files: CSV, Parquet and JSON lines that are whole or not there, and that can be continued.

While a run lasts, rows go to `<output>.part` and its progress to `<output>.part.journal`. Only `finish` gives the file
its name, so whatever bears the final name is complete. After an interruption the part is cut back to the last
checkpoint and continued; the finished file has the same bytes as that of a run without interruption.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from duchenne.errors import OutputError, UsageError
from duchenne.files.whole_files import FULL_DISK, beside, put_in_place, write_all
from duchenne.media import Frame
from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.output_path import check_output_path
from duchenne.results.parquet_rows import ParquetRows
from duchenne.results.rows import Row, check_columns, empty_row, to_row
from duchenne.results.run_record import Checkpoint, Position, RunRecord

RESULT_ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
_JSON_ENDINGS = (".jsonl", ".ndjson")
_CUTTING = re.compile(r"[,;|\"'\x00-\x1f]")
_BUFFER_BYTES = 1 << 20


class ResultFile:
    """A result file in the making: `open`, then `write` and `checkpoint` in turn, `finish` at the end.

    Leaving a `with` before `finish` keeps the part and its last checkpoint, so that the run can be continued.

    Attributes:
        path: The final name.
        columns: What it says of each face.
        state: What the last checkpoint of an interrupted run recorded; None at a fresh start.
        sources: What the checkpoints of an interrupted run recorded of sources, one after another.
        rows: Rows in the file so far.
    """

    def __init__(
        self, path: Path, columns: Columns, ending: str, fingerprint: Mapping[str, Any], overwrite: bool = False
    ) -> None:
        self.path, self.columns = path, columns
        self.state: dict[str, Any] | None = None
        self.sources: tuple[dict[str, Any], ...] = ()
        self.rows = 0
        self._ending = ending
        self._overwrite, self._named = overwrite, False
        self._parquet = ParquetRows(columns) if ending == ".parquet" else None
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
            UsageError: The ending is unknown, the file exists, or the part there is of another run or of none.
            OutputError: The folder is missing or not writable, or the disk is full.
        """
        ending = check_output_path(path, RESULT_ENDINGS, overwrite=True)
        file = cls(Path(path), columns, ending, fingerprint, overwrite)
        with _explained(file.path, "Nothing has been written."):
            checkpoint = file._left_behind(restart)
            if checkpoint is None or not checkpoint.named:
                check_output_path(path, RESULT_ENDINGS, overwrite)
            file._begin(checkpoint)
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
        for face in faces:
            check_columns(face, self.columns)
            self._append(to_row(face, self.columns.groups))

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

    def checkpoint(
        self,
        state: Mapping[str, Any],
        position: Position | None = None,
        sources: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Bring all rows to the disk, then record `state`, with which a continuation begins; about once a second.

        Args:
            state: How far the run is.
            position: The end of the rows that `state` counts; those behind it are dropped by a continuation. None for
                all that were written.
            sources: What to record of the sources that were done since the checkpoint before.

        Raises:
            OutputError: The disk is full or gone; the checkpoint before still holds.
        """
        if self._named:  # All is said already.
            return
        with _explained(self.path, self._kept()):
            self._flush()
            os.fsync(self._opened().fileno())
            self._record.append(state, position or self.position, sources)
        self.state = dict(state)

    def finish(
        self, before_naming: Callable[[Path], None] | None = None, after_naming: Callable[[], None] | None = None
    ) -> None:
        """Complete the file and give it its name.

        Args:
            before_naming: Called with the whole file under its temporary name, before it gets its own.
            after_naming: Called when it has its name; where this fails, `finish` of a continued run calls it again.

        Raises:
            OutputError: The disk is full or gone, or a file of that name has appeared meanwhile; the last checkpoint
                still holds.
        """
        with _explained(self.path, self._kept()):
            if not self._named:
                self._flush()
                os.fsync(self._opened().fileno())
                if self._parquet is not None:
                    self._convert_to_parquet(self._parquet, before_naming)
                else:
                    self._name(self.part, before_naming)
                self._named = True
            if after_naming is not None:
                after_naming()
            self.close()
            self._record.remove()

    def refusal(self, cause: str) -> UsageError:
        """Return the error that says why an interrupted run is not continued."""
        return self._record.refusal(cause)

    def discard(self) -> None:
        """Leave nothing behind of a run that gave nothing."""
        self.close()
        self._record.remove()

    def close(self) -> None:
        """Let go of the part without finishing it; rows since the last checkpoint are dropped by a continuation."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._record.close()

    def _left_behind(self, restart: bool) -> Checkpoint | None:
        """Return what to continue from; make sure that what bears the temporary names may be replaced otherwise."""
        if self._overwrite and not self._record.is_own():
            self._record.remove()
        if restart:
            self._record.check_own()
            return None
        return self._record.read()

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            self._file = self._record.begin()
            self._pending += header_of(self.columns, self._ending)
            self._flush()
            return
        self.state, self.sources = checkpoint.state, checkpoint.sources
        self._length, self.rows = checkpoint.position
        self._named = checkpoint.named
        if self._named:
            return
        self._file = self._record.go_on()
        self._file.truncate(self._length)

    def _name(self, whole: Path, before_naming: Callable[[Path], None] | None) -> None:
        if before_naming is not None:
            before_naming(whole)
        self._record.note_whole(whole)
        put_in_place(whole, self.path, self._overwrite)

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

    def _encode(self, row: Row) -> bytes:
        if self._parquet is not None:
            return self._parquet.encode(row)
        if self._ending in _JSON_ENDINGS:
            return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        return _csv_line(row.values())

    def _convert_to_parquet(self, parquet: ParquetRows, before_naming: Callable[[Path], None] | None) -> None:
        """Turn the part into a Parquet file and give it the name of the result; the part stays."""
        draft = beside(self.path, ".part.parquet")
        try:
            parquet.convert(self.part, draft)
            self._name(draft, before_naming)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path, kept: str) -> Iterator[None]:
    """Turn an OSError within into an OutputError that says what is kept."""
    try:
        yield
    except FileExistsError as error:
        there = error.filename2 or error.filename
        raise OutputError(
            f"{path}: {there} appeared during the run and was not replaced. Move it away. {kept}"
        ) from None
    except OSError as error:
        cause = error.strerror or str(error)
        if error.errno in FULL_DISK:
            raise OutputError(f"{path}: the disk is full ({cause}). Free some space. {kept}") from None
        raise OutputError(f"{path}: the file cannot be written ({cause}). Check the disk. {kept}") from None


def header_of(columns: Columns, ending: str) -> bytes:
    """Return what a file of results begins with, before the first row, by its ending."""
    return _csv_line(columns.names) if ending == ".csv" else b""


def _csv_line(values: Iterable[object]) -> bytes:
    return (",".join(map(_csv_cell, values)) + "\n").encode("utf-8", "backslashreplace")


def _csv_cell(value: object) -> str:
    """Return a cell; text that any reader might cut, at a semicolon as at a carriage return, stands in quotes."""
    text = "" if value is None else str(value)
    if isinstance(value, str) and (not text or text.strip() != text or _CUTTING.search(text)):
        return '"' + text.replace('"', '""') + '"'
    return text
