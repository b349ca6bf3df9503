"""Rows of a Parquet file in the making: each a few packed numbers that can be cut anywhere, then whole row groups.

A Parquet file cannot be appended to after an interruption, so that a run writes its rows one behind the other, in the
types that the file will have, and they become row groups at the end, a group at a time.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from duchenne.errors import OutputError
from duchenne.extras import needed
from duchenne.extras.parquet import write_parquet
from duchenne.results.columns import Columns
from duchenne.results.rows import Row

ROW_GROUP = 10_000
"""Rows of a row group."""
_DOUBLE = ("timestamp_s",)
"""Columns whose decimals single precision does not hold."""
_LENGTH = struct.Struct("<I")
_EMPTY = {"int64": -(2**63), "uint8": 255, "float32": np.nan, "float64": np.nan}
"""What stands for an empty cell until the row groups are made; none of them is ever measured."""


class ParquetRows:
    """Rows as bytes, and from bytes to a Parquet file.

    A row is the length of its source (4 bytes), the source (UTF-8) and its numbers (little-endian, packed).

    Raises:
        MissingExtraError: pyarrow is not installed; said before any work.
    """

    def __init__(self, columns: Columns) -> None:
        needed("pyarrow.parquet")
        self.types = stored_types(columns)
        self._numbers = {name: kind for name, kind in self.types.items() if name != "source"}
        self._dtype = np.dtype([(name, np.dtype(kind).newbyteorder("<")) for name, kind in self._numbers.items()])
        self._packed = struct.Struct(
            "<" + "".join(np.dtype(kind).char.replace("l", "q") for kind in self._numbers.values())
        )

    def encode(self, row: Row) -> bytes:
        """Return one row as bytes."""
        source = str(row["source"]).encode("utf-8", "backslashreplace")
        values = [_EMPTY[kind] if row[name] is None else row[name] for name, kind in self._numbers.items()]
        return _LENGTH.pack(len(source)) + source + self._packed.pack(*values)

    def convert(self, part: Path, draft: Path) -> None:
        """Make a Parquet file of a file of rows, which stays.

        Args:
            part: The rows.
            draft: The Parquet file, which is whole when this ends well.

        Raises:
            OSError: The disk is full or gone.
            OutputError: The rows end within one.
        """
        with part.open("rb") as stream:
            write_parquet(draft, self.types, self._groups(part, stream))

    def _groups(self, part: Path, stream: BinaryIO) -> Iterator[dict[str, np.ndarray]]:
        rows = self._rows(part, stream)
        while group := list(islice(rows, ROW_GROUP)):
            numbers = np.frombuffer(b"".join(packed for _, packed in group), self._dtype)
            columns = {"source": np.array([source for source, _ in group], object)}
            columns |= {name: _masked(numbers[name], kind) for name, kind in self._numbers.items()}
            yield columns

    def _rows(self, part: Path, stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
        while head := stream.read(_LENGTH.size):
            length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
            source, packed = stream.read(length), stream.read(self._packed.size)
            if len(source) < length or len(packed) < self._packed.size:
                raise OutputError(f"{part} ends within a row; it was altered. Start again with --restart.")
            yield source.decode("utf-8", "replace"), packed


def stored_types(columns: Columns) -> dict[str, str]:
    """Return the type of every column of a Parquet file, as numpy names it."""
    return {name: _stored(name, kind) for name, kind in columns.types.items()}


def _stored(name: str, kind: str) -> str:
    return "float32" if kind == "float64" and name not in _DOUBLE else kind


def _masked(values: np.ndarray, kind: str) -> np.ma.MaskedArray:
    empty = np.isnan(values) if kind.startswith("float") else values == _EMPTY[kind]
    return np.ma.MaskedArray(np.ascontiguousarray(values), empty)
