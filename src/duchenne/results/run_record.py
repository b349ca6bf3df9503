"""How far a run is, beside its unfinished result file, so that the same run can be continued and no other."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from duchenne.errors import UsageError

_VERSION = 3
"""Of what a record holds; an unfinished run of another version is not continued."""


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
    """

    state: dict[str, Any]
    position: Position


class RunRecord:
    """The record of an unfinished result file.

    Attributes:
        path: The record.
        part: The unfinished file.

    Args:
        output: The final name of the result file.
        fingerprint: What must be the same for a continuation to make sense; anything that JSON can hold.
    """

    def __init__(self, output: Path, fingerprint: Mapping[str, Any]) -> None:
        self._output = output
        self.path = output.with_name(output.name + ".part.json")
        self.part = output.with_name(output.name + ".part")
        # As it comes back from JSON, so that a tuple equals the list that it is stored as.
        self._fingerprint: dict[str, Any] = json.loads(json.dumps(dict(fingerprint), default=str))

    def read(self) -> Checkpoint | None:
        """Return the last checkpoint of an interrupted run; None where there is nothing to continue.

        Raises:
            UsageError: The part is of another run or another version, or is damaged.
        """
        if not self.part.exists():
            return None
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            version, found = record.get("version", 1), record["fingerprint"]
            state, position = record["state"], Position(record["bytes"], record["rows"])
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            raise self._refusal(f"its record {self.path.name} is missing or damaged") from None
        if version != _VERSION:
            raise self._refusal("it was begun by another version of duchenne", "Finish it with that version")
        wanted = self._fingerprint
        if changed := sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name)):
            raise self._refusal(f"it was made with other settings ({', '.join(changed)})")
        if state is None:
            return None
        if self.part.stat().st_size < position.length:
            raise self._refusal("it is shorter than its record says")
        return Checkpoint(state, position)

    def write(self, state: Mapping[str, Any] | None, position: Position) -> None:
        """Replace the record; it is whole or the one before."""
        record = {
            "version": _VERSION,
            "fingerprint": self._fingerprint,
            "bytes": position.length,
            "rows": position.rows,
            "state": state,
        }
        draft = self.path.with_name(self.path.name + ".new")
        try:
            with draft.open("wb", buffering=0) as stream:
                write_all(stream, json.dumps(record, indent=1).encode())
                os.fsync(stream.fileno())
            os.replace(draft, self.path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Remove the record and the part."""
        self.part.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _refusal(self, cause: str, way_out: str = "Repeat the earlier command to continue it") -> UsageError:
        return UsageError(
            f"{self._output}: {self.part} lies there from an interrupted run, and cannot be continued: {cause}. "
            f"{way_out}, choose another output, or begin anew with --restart."
        )


def write_all(file: BinaryIO, data: bytes | bytearray) -> None:
    """Write all of it; an unbuffered file may take a piece at a time."""
    rest = memoryview(bytes(data))
    while rest:
        rest = rest[file.write(rest) :]
