"""Parquet files by pyarrow, which the extra `parquet` brings: columns as arrays, damage as an error of our own."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.errors import DuchenneError, ParquetError
from duchenne.extras import needed

MOST_BYTES = 1 << 30
"""Of the columns that are read from one file, without compression."""


def column_names(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns.

    Raises:
        ParquetError: The file is damaged, or is none.
        MissingExtraError: pyarrow is not installed.
    """
    with opened_parquet(path) as file:
        return tuple(str(name) for name in file.schema_arrow.names)


def read_parquet(path: Path, columns: Sequence[str], empty: bool = False) -> dict[str, np.ndarray]:
    """Return columns of a file, each as one array: numbers as they are stored, text and bytes as objects.

    Args:
        path: The file, written by any program. Pages with a checksum are held against it.
        columns: Which, in this order.
        empty: Whether cells may be empty; NaN is in their place among numbers, None elsewhere.

    Raises:
        ParquetError: The file is damaged, is none, lacks a column, or is larger than `MOST_BYTES`.
        MissingExtraError: pyarrow is not installed.
    """
    with opened_parquet(path) as file:
        table = _bounded(path, file, columns)
        table.validate(full=True)
        found = {name: table.column(name).combine_chunks() for name in columns}
        if not empty and (holes := [name for name, cells in found.items() if cells.null_count]):
            raise ParquetError(f"{path} has empty cells in {', '.join(holes)}; every cell should be filled.")
        return {name: cells.to_numpy(zero_copy_only=False) for name, cells in found.items()}


def write_parquet(path: Path, types: Mapping[str, str], groups: Iterable[Mapping[str, Any]]) -> None:
    """Write a file, one row group after another; compressed with Zstandard, each page with a checksum.

    Args:
        path: The file; one that is there is replaced.
        types: Of each column in their order: a name of numpy's, "str" or "bytes".
        groups: Values by column, as arrays or lists; None is an empty cell, as is a masked one.

    Raises:
        OSError: The file cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    arrow = needed("pyarrow")
    with _writing(path, types) as writer:
        for group in groups:
            arrays = [_array(arrow, group[field.name], field.type) for field in writer.schema]
            writer.write_table(arrow.table(arrays, schema=writer.schema))


def join_parquet(path: Path, types: Mapping[str, str], parts: Iterable[Path], rows: int) -> None:
    """Write the rows of files one behind the other, as `write_parquet` would have written them.

    Args:
        path: The file; one that is there is replaced.
        types: As in `write_parquet`.
        parts: Files with these columns.
        rows: Of a row group.

    Raises:
        ParquetError: A part is damaged, or has other columns.
        OSError: The file cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    arrow = needed("pyarrow")
    with _writing(path, types) as writer:
        waiting = writer.schema.empty_table()
        for part in parts:
            with opened_parquet(part) as file:
                if file.schema_arrow != writer.schema:
                    raise ParquetError(f"{part} has other columns than the file that it is to become a part of.")
                for batch in file.iter_batches(rows, use_threads=False):
                    waiting = arrow.concat_tables([waiting, arrow.Table.from_batches([batch])])
                    while waiting.num_rows >= rows:
                        writer.write_table(waiting.slice(0, rows).combine_chunks())
                        waiting = waiting.slice(rows).combine_chunks()
        if waiting.num_rows:
            writer.write_table(waiting.combine_chunks())


@contextmanager
def _writing(path: Path, types: Mapping[str, str]) -> Iterator[Any]:
    """Open a file to write row groups to; it is on the disk when the block ends well."""
    arrow, parquet = needed("pyarrow"), needed("pyarrow.parquet")
    kinds = {"str": arrow.string(), "bytes": arrow.binary()}
    schema = arrow.schema([(name, kinds.get(kind) or arrow.from_numpy_dtype(kind)) for name, kind in types.items()])
    with (
        path.open("wb") as stream,
        parquet.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True, version="2.6") as writer,
    ):
        yield writer
        writer.close()
        stream.flush()
        os.fsync(stream.fileno())


def _array(arrow: Any, values: Any, kind: Any) -> Any:
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    return arrow.array(values if mask is None else values.data, kind, mask=mask)


@contextmanager
def opened_parquet(path: Path) -> Iterator[Any]:
    """Open a file of any program; whatever pyarrow says of damage while it is open comes out as a ParquetError.

    Pages with a checksum are held against it. `validate(full=True)` of a batch finds text that is none.

    Raises:
        ParquetError: The file is damaged, or is none.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = needed("pyarrow.parquet")
    try:
        with parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            yield file
    except DuchenneError:
        raise
    except Exception as error:  # Of many types, OSError to KeyError.
        what = str(error).strip().splitlines() or [type(error).__name__]
        raise ParquetError(f"{path} cannot be read as Parquet ({what[0].rstrip('.')}).") from error


def _bounded(path: Path, file: Any, columns: Sequence[str]) -> Any:
    """Return columns as a table; refuse a file that lacks one or unpacks to more than `MOST_BYTES`."""
    names = list(file.schema_arrow.names)
    if lacking := [name for name in columns if names.count(name) != 1]:
        raise ParquetError(f"{path}: the columns {', '.join(lacking)} are missing or there twice.")
    # Of whole groups: asked for the size of a column whose statistics are damaged, pyarrow ends the process.
    groups = [file.metadata.row_group(k).total_byte_size for k in range(file.metadata.num_row_groups)]
    size, unpacked, batches = sum(groups) if len(columns) == len(names) else 0, 0, []
    # A value that repeats is stored once, so that a few bytes can hold many; none is larger than its group.
    rows = min(10_000, max(1, MOST_BYTES // max([1, *groups])))
    for batch in file.iter_batches(rows, columns=list(columns), use_threads=False) if size <= MOST_BYTES else ():
        batches.append(batch)
        unpacked += batch.nbytes
        size = max(size, unpacked)
        if size > MOST_BYTES:
            break
    if size > MOST_BYTES:
        raise ParquetError(
            f"{path} unpacks to {size} bytes or more; at most {MOST_BYTES} are read of a file. Divide it."
        )
    arrow = needed("pyarrow")
    schema = arrow.schema([file.schema_arrow.field(name) for name in columns])
    return arrow.Table.from_batches(batches, schema) if batches else schema.empty_table()
