"""The files of a prepared store: shards while it is made, then one file a column.

A whole store is a folder of

    store.json            version, number of faces, fingerprint, columns; written last
    crops.bin             the encoded crops one after another
    crops.offsets.npy     (n + 1,) where each begins
    NAME.npy              a column of numbers, or the codes of a column of text
    NAME.names.json       the texts that the codes stand for
    report.json           frames labelled, kept and lost, by subject and pose

Columns are mapped into memory when they are read. Nothing in the files depends on the number of workers, on time or on
an interruption.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from duchenne.errors import DatasetError
from duchenne.files.whole_files import write_whole

VERSION = 1
SHARDS_NAME = "shards"
STORE_NAME, CROPS_NAME, OFFSETS_NAME, REPORT_NAME = "store.json", "crops.bin", "crops.offsets.npy", "report.json"
STORE_FILES = (REPORT_NAME, CROPS_NAME, "*.npy", "*.names.json")
"""Patterns of everything else that a store holds."""
_HASHED_ROWS = 65536
_JPEG, _LENGTH, _REPORT = "jpeg", "length", "report"

Table = Mapping[str, np.ndarray]


def write_shard(path: Path, jpegs: Sequence[bytes], columns: Table, report: object) -> None:
    """Write faces to a file that is whole or not there.

    Args:
        path: The file.
        jpegs: Encoded crops.
        columns: One row a face; numbers or text.
        report: What JSON can hold.
    """
    packed = np.frombuffer(b"".join(jpegs), np.uint8)
    length = np.array([len(jpeg) for jpeg in jpegs], np.int64)
    arrays = {**columns, _JPEG: packed, _LENGTH: length, _REPORT: np.array(json.dumps(report))}
    whole = io.BytesIO()
    np.savez(whole, allow_pickle=False, **arrays)
    write_whole(path, whole.getbuffer())


def read_report(path: Path) -> Any:
    """Return the report of a shard."""
    with np.load(path) as shard:
        return json.loads(str(shard[_REPORT]))


def merge_shards(paths: Sequence[Path], folder: Path, facts: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """Write the store of all shards into the folder, `STORE_NAME` last.

    Args:
        paths: The shards, in order.
        folder: Of the store.
        facts: Further entries of `STORE_NAME`.
        report: The content of `REPORT_NAME`.

    Raises:
        DatasetError: There is not one face.
    """
    lengths = [_lengths(path) for path in paths]
    count = sum(map(len, lengths))
    if not count:
        raise DatasetError(
            f"Not one face was found in {report['labelled']} frames ({report['lost']}); check the pictures."
        )
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    np.save(folder / OFFSETS_NAME, offsets.astype(np.int64))
    columns = _Columns(folder, count, [path for path, length in zip(paths, lengths, strict=True) if len(length)])
    digest = hashlib.sha256()
    with (folder / CROPS_NAME).open("wb") as crops:
        for path in columns.paths:
            with np.load(path) as shard:
                _append(crops, shard[_JPEG], digest)
                columns.append(shard, len(shard[_LENGTH]))
    kinds = columns.finish(digest)
    (folder / REPORT_NAME).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    whole = {"version": VERSION, "faces": count, "fingerprint": digest.hexdigest()[:16], "columns": kinds, **facts}
    write_whole(folder / STORE_NAME, (json.dumps(whole, indent=1) + "\n").encode())


def _lengths(path: Path) -> np.ndarray:
    with np.load(path) as shard:
        return np.asarray(shard[_LENGTH])


def _append(file: BinaryIO, packed: np.ndarray, digest: Any) -> None:
    data = packed.tobytes()
    digest.update(data)
    file.write(data)


class _Columns:
    """Columns that are filled shard by shard, on disk; those that every shard has."""

    def __init__(self, folder: Path, count: int, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._folder, self._count, self._row = folder, count, 0
        self._arrays: dict[str, np.memmap] = {}
        self._codes: dict[str, dict[str, int]] = {}
        held = [set(_names(path)) for path in paths]
        self._names = sorted(set.intersection(*held))

    def append(self, shard: Any, rows: int) -> None:
        for name in self._names:
            values = shard[name]
            if values.dtype.kind == "U":
                codes = self._codes.setdefault(name, {})
                values = np.array([codes.setdefault(text, len(codes)) for text in values.tolist()], np.int32)
            if name not in self._arrays:
                self._arrays[name] = np.lib.format.open_memmap(
                    self._folder / f"{name}.npy", "w+", values.dtype, (self._count, *values.shape[1:])
                )
            self._arrays[name][self._row : self._row + rows] = values
        self._row += rows

    def finish(self, digest: Any) -> dict[str, str]:
        """Bring the columns to the disk, add them to the digest, and return the kind of each: number or text."""
        for name in self._names:
            self._arrays[name].flush()
            digest.update(name.encode())
            for start in range(0, self._count, _HASHED_ROWS):
                digest.update(self._arrays[name][start : start + _HASHED_ROWS].tobytes())
            if name in self._codes:
                texts = json.dumps(list(self._codes[name]), ensure_ascii=False)
                digest.update(texts.encode())
                (self._folder / f"{name}.names.json").write_text(texts + "\n", encoding="utf-8")
        return {name: "text" if name in self._codes else "number" for name in self._names}


def _names(path: Path) -> list[str]:
    with np.load(path) as shard:
        return [name for name in shard.files if name not in (_JPEG, _LENGTH, _REPORT)]
