"""How far a run is, beside its unfinished result file, so that the same run can be continued and no other.

The record is a journal: entries are added at its end and none is written again, so that a checkpoint costs the same
after a hundred thousand pictures as after ten. Each entry is a line with a checksum; one that an interruption cut
short is dropped.

    duchenne journal 6
    1c2d3e4f {"fingerprint": {...}}
    5a6b7c8d {"bytes": 81234, "crc32": 2774, "rows": 97, "state": {...}, "sources": [...]}
"""

import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from duchenne.errors import OutputError, UsageError
from duchenne.files.whole_files import beside, create_new, open_again, write_all

_MAGIC = b"duchenne journal "
_VERSION = 6
"""Of what a journal holds; an unfinished run of another version is not continued."""


_PIECE_BYTES = 1 << 20


class Position(NamedTuple):
    """A place between two rows of a result file: bytes and rows before it."""

    length: int
    rows: int


@dataclass(frozen=True)
class Checkpoint:
    """What a run left on the disk.

    Attributes:
        state: How far it was.
        position: The end of the rows that the state counts.
        sources: What was recorded of the sources that were done, one after another.
        named: Whether the result has got its final name already, and only cleaning up is left.
    """

    state: dict[str, Any] | None
    position: Position
    sources: tuple[dict[str, Any], ...] = ()
    named: bool = False


class RunRecord:
    """The record of an unfinished result file.

    Attributes:
        path: The journal.
        part: The unfinished file.
        more: Further temporary names, which a run of this output may use.

    Args:
        output: The final name of the result file.
        fingerprint: What must be the same for a continuation to make sense; anything that JSON can hold.
    """

    def __init__(self, output: Path, fingerprint: Mapping[str, Any]) -> None:
        self._output = output
        self.path = beside(output, ".part.journal")
        self.part = beside(output, ".part")
        self.more = (beside(output, ".part.parquet"),)
        # As it comes back from JSON, so that a tuple equals the list that it is stored as.
        self._fingerprint: dict[str, Any] = json.loads(json.dumps(dict(fingerprint), default=str))
        self._file: BinaryIO | None = None
        self._length = 0
        self._last: dict[str, Any] = {"bytes": 0, "crc32": 0, "rows": 0, "state": None}

    def read(self) -> Checkpoint | None:
        """Return the last checkpoint of an interrupted run; None where there is nothing to continue.

        Raises:
            UsageError: The part is of another run or another version, is damaged, or is not of a run at all.
        """
        if not self.lies_there():
            return None
        self.check_own()
        entries = self._entries()
        header = next(entries, None)
        if header is None:
            return None  # Stopped before anything was recorded.
        found, wanted = header["fingerprint"], self._fingerprint
        if changed := sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name)):
            raise self.refusal(f"it was made with other settings ({', '.join(changed)})")
        last, sources = None, []
        for last in entries:
            sources += last["sources"]
        if last is None:
            return None
        position = Position(last["bytes"], last["rows"])
        if last["whole"] is not None and last["whole"] == _number_of(self._output):
            return Checkpoint(last["state"], position, tuple(sources), named=True)
        if last["state"] is None:
            return None
        self._last = {name: last[name] for name in self._last}
        if not self.part.exists() or self.part.stat().st_size < position.length:
            raise self.refusal("it is shorter than its record says")
        if _crc32(self.part, 0, position.length) != last["crc32"]:
            raise self.refusal("its content is not what was written")
        return Checkpoint(last["state"], position, tuple(sources))

    def begin(self) -> BinaryIO:
        """Make journal and part anew; return the part.

        Raises:
            OSError: The disk is full or the folder cannot be written.
            OutputError: Another process writes the same result.
        """
        if self.is_own():
            with open_again(self.path) as former:
                self._lock(former)
        self.remove()
        self._file, header = create_new(self.path), _MAGIC + b"%d\n" % _VERSION
        self._lock(self._file)
        write_all(self._file, header := header + _line({"fingerprint": self._fingerprint}))
        os.fsync(self._file.fileno())
        self._length = len(header)
        return create_new(self.part)

    def go_on(self) -> BinaryIO:
        """Open journal and part of the run that `read` found; return the part.

        Raises:
            OSError: They cannot be opened.
            OutputError: Another process writes the same result.
        """
        self._file = open_again(self.path)
        self._lock(self._file)
        return open_again(self.part)

    def append(self, state: Mapping[str, Any], position: Position, sources: Sequence[Mapping[str, Any]] = ()) -> None:
        """Add a checkpoint; one that could not be written whole leaves those before as they are.

        Args:
            state: How far the run is.
            position: The end of the rows that the state counts.
            sources: What to record of the sources that were done since the checkpoint before.
        """
        before = self._last
        crc32 = _crc32(self.part, before["bytes"], position.length, before["crc32"])
        entry = {"bytes": position.length, "crc32": crc32, "rows": position.rows, "state": dict(state)}
        self._append({**entry, "sources": list(sources), "whole": None})
        self._last = entry

    def note_whole(self, whole: Path) -> None:
        """Note which file is the whole result, which gets its final name next."""
        self._append({**self._last, "sources": [], "whole": _number_of(whole)})

    def _append(self, entry: Mapping[str, Any]) -> None:
        file, line = self._file, _line(entry)
        if file is None:
            raise OutputError(f"{self._output}: its record is closed; open the result again to continue.")
        file.truncate(self._length)
        file.seek(self._length)
        write_all(file, line)
        os.fsync(file.fileno())
        self._length += len(line)

    def close(self) -> None:
        """Let go of the journal."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def lies_there(self) -> bool:
        """Return whether anything bears one of the temporary names."""
        return any(map(os.path.lexists, (self.part, self.path, *self.more)))

    def is_own(self) -> bool:
        """Return whether the journal's first bytes say that a run wrote it."""
        try:
            with open_again(self.path) as file:
                begin = file.read(len(_MAGIC))
        except OSError:
            return False
        return _MAGIC.startswith(begin)

    def remove(self) -> None:
        """Remove the part and the record, which goes last; a link that lies in their place stays."""
        self.close()
        for path in (self.part, *self.more, self.path):
            if not path.is_symlink():
                path.unlink(missing_ok=True)

    def _entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries that are whole, one line in memory at a time; note where they end."""
        with open_again(self.path) as file:
            lines = io.BufferedReader(cast(io.RawIOBase, file))
            version, broken = lines.readline(), False
            if version.endswith(b"\n") and version != _MAGIC + b"%d\n" % _VERSION:
                raise self.refusal("it was begun by another version of duchenne", "Finish it with that version")
            self._length = len(version.removesuffix(b"\n")) + 1
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                if broken:
                    raise self.refusal(f"its record {self.path.name} is damaged")
                entry = _entry(line.removesuffix(b"\n"))
                if entry is None:
                    broken = True
                    continue
                yield entry
                self._length += len(line)

    def check_own(self) -> None:
        """Refuse to touch what lies under a temporary name and was not made by a run.

        Raises:
            UsageError: There is such a file.
        """
        if not self.lies_there() or self.is_own():
            return
        if beside(self._output, ".part.json").exists():
            raise self.refusal("it was begun by another version of duchenne", "Finish it with that version")
        lying = next(path for path in (self.path, self.part, *self.more) if os.path.lexists(path))
        raise UsageError(
            f"{self._output}: {lying} lies there, but its record {self.path.name} is missing or not from duchenne, so "
            "this run did not make it. Move it away, choose another output, or replace it with --overwrite."
        )

    def _lock(self, file: BinaryIO) -> None:
        """Keep other processes from writing the same result, where the system can."""
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{self._output}: another run is writing it at this moment. Wait for its end, or choose another output."
            ) from None
        except (ImportError, OSError):
            return  # A system or a disk without locks.

    def refusal(self, cause: str, way_out: str = "Repeat the earlier command to continue it") -> UsageError:
        """Return the error that says why the part is not continued."""
        return UsageError(
            f"{self._output}: {self.part} lies there from an interrupted run, and cannot be continued: {cause}. "
            f"{way_out}, choose another output, or start again with --restart."
        )


def remove_leftovers(output: Path) -> None:
    """Remove what a run that was stopped after it had named its result left beside it."""
    record = RunRecord(output, {})
    if record.lies_there() and record.is_own():
        record.remove()


def _crc32(path: Path, start: int, end: int, before: int = 0) -> int:
    """Return the checksum of a file's first bytes, up to `end`, given that of those up to `start`."""
    with open_again(path) as file:
        file.seek(start)
        while start < end and (data := file.read(min(_PIECE_BYTES, end - start))):
            before, start = zlib.crc32(data, before), start + len(data)
    return before


def _number_of(path: Path) -> list[int] | None:
    """Return what tells a file from every other of this machine, whatever its name; None where there is none."""
    with suppress(OSError):
        found = os.lstat(path)
        return [found.st_dev, found.st_ino]
    return None


def _line(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return what a line holds; None where it is not whole."""
    checksum, _, text = line.partition(b" ")
    with suppress(ValueError):
        if int(checksum, 16) == zlib.crc32(text):
            return dict(json.loads(text))
    return None
