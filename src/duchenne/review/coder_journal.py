"""One file for each coder, to which changes are only ever added: JSON lines, each on the disk before it is confirmed.

A process that is killed can leave half a line at the end. It was never confirmed; it is cut off when the file is opened
again. Lines that another process has added meanwhile are read before the next is written.
"""

import json
import os
import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from duchenne.errors import OutputError, StudyError, UsageError
from duchenne.review.changes import Change, change_from, line_of
from duchenne.review.coder_codes import CoderCodes

ENDING = ".codes.jsonl"
_FORMAT = "duchenne codes 1"
_NAME = re.compile(r"[^\W_](?:[\w .-]{0,38}[\w-])?")


def journal_path(folder: Path, coder: str) -> Path:
    """Return the file of a coder; names that differ in case or spaces share one.

    Raises:
        UsageError: The name cannot be a file's.

    Example:
        >>> journal_path(Path("review"), "Kim Lee").name
        'kim_lee.codes.jsonl'
    """
    name = coder.strip()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a coder's name. Take 1 to 40 letters or digits, with spaces, - or . between them."
        )
    return folder / f"{'_'.join(name.casefold().split())}{ENDING}"


def journals(folder: Path) -> list[Path]:
    """Return the files of all coders in a folder."""
    return sorted(folder.glob(f"*{ENDING}"))


class CoderJournal:
    """The codes of one coder and their file.

    Attributes:
        path: The file.
        codes: What stands.
        notes: What was mended when it was opened.
    """

    def __init__(self, path: Path, coder: str | None = None) -> None:
        """Open the file, or begin it for a coder.

        Raises:
            StudyError: It is no such file, or a line in its middle is damaged.
            OutputError: It cannot be opened or begun.
        """
        self.path, self.notes = path, []  # type: tuple[Path, list[str]]
        self._lock, self._end, self._number = threading.Lock(), 0, 0
        self.codes = CoderCodes(coder or "")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise OutputError(f"{path} cannot be opened ({error.strerror}). Choose another folder.") from None
        self._read_on(cut=True)
        if self._number == 0:
            self._write([{"format": _FORMAT, "coder": coder or path.name.removesuffix(ENDING)}])
            self.codes.coder = coder or path.name.removesuffix(ENDING)

    def add(self, changes: Iterable[Change]) -> str:
        """Write changes, bring them to the disk, take them; return the time of writing (ISO 8601, UTC).

        Raises:
            OutputError: The disk does not take them; then none of them counts.
        """
        changes, at = list(changes), datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            self._read_on()
            self._write([{"at": at, **line_of(one)} for one in changes])
            for one in changes:
                self.codes.apply(one)
        return at

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, lines: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        try:
            written = os.write(self._file, data)
            if written < len(data):
                os.ftruncate(self._file, self._end)
                raise OSError(28, "no space is left")
            os.fsync(self._file)
        except OSError as error:
            raise OutputError(f"{self.path}: the change was not saved ({error.strerror}). Free some space.") from None
        self._end += len(data)
        self._number += len(lines)

    def _read_on(self, cut: bool = False) -> None:
        """Take the lines that are not yet known; `cut` removes half a line at the end."""
        size = os.fstat(self._file).st_size
        if size == self._end:
            return
        os.lseek(self._file, self._end, os.SEEK_SET)
        with os.fdopen(os.dup(self._file), "rb") as file:
            data = file.read(size - self._end)
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data) and cut:
            self.notes.append(f"{self.path.name}: the last line was cut off in the middle; it was never confirmed.")
            os.ftruncate(self._file, self._end + len(whole))
        for line in whole.splitlines():
            self._take(line)
        self._end += len(whole)

    def _take(self, line: bytes) -> None:
        self._number += 1
        try:
            told = json.loads(line)
            if self._number == 1:
                if told.get("format") != _FORMAT:
                    raise StudyError(f"it does not begin with {_FORMAT!r}")
                self.codes.coder = str(told.get("coder", ""))
                return
            self.codes.apply(change_from(told))
        except (ValueError, AttributeError, StudyError) as error:
            raise StudyError(
                f"{self.path}, line {self._number}: {error}. The file is damaged; bring back a copy of it."
            ) from None
