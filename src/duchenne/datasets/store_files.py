"""The files of a prepared store: shards while it is made, then one file a column.

A whole store is a folder of

    store.json            version, number of faces, fingerprint, columns, size and hash of each file; written last
    crops.bin             the encoded crops one after another
    crops.offsets.npy     (n + 1,) where each begins
    NAME.npy              a column of numbers, or the codes of a column of text
    NAME.names.json       the texts that the codes stand for
    report.json           frames labelled, kept and lost, by subject and pose

Columns are mapped into memory when they are read. Nothing in the files depends on the number of workers, on time or on
an interruption.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from duchenne.errors import DatasetError

VERSION = 1
SHARDS_NAME = "shards"
STORE_NAME, CROPS_NAME, OFFSETS_NAME, REPORT_NAME = "store.json", "crops.bin", "crops.offsets.npy", "report.json"
STORE_FILES = (REPORT_NAME, CROPS_NAME, "*.npy", "*.names.json")
"""Patterns of everything else that a store holds."""
FILES_KEY, SEAL_KEY = "files", "seal"
"""Of `STORE_NAME`: size and hash of each other file, and the hash of all that it says itself."""
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
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    packed = np.frombuffer(b"".join(jpegs), np.uint8)
    length = np.array([len(jpeg) for jpeg in jpegs], np.int64)
    arrays = {**columns, _JPEG: packed, _LENGTH: length, _REPORT: np.array(json.dumps(report))}
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_report(path: Path) -> Any:
    """Return the report of a shard.

    Raises:
        DatasetError: It is damaged.
    """
    with _open_shard(path) as shard:
        return json.loads(str(shard[_REPORT]))


@contextmanager
def _open_shard(path: Path) -> Iterator[Any]:
    try:
        with np.load(path) as shard:
            yield shard
    except DatasetError:
        raise
    except Exception as error:  # Those of numpy and zipfile on damaged files are of many types.
        if isinstance(error, OSError) and error.errno is not None:  # The disk, not the file.
            raise
        raise DatasetError(
            f"{path} is damaged ({error}). Remove it and run the same command again: that part is prepared anew."
        ) from error


def read_store_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of a store or of its preparation.

    Raises:
        DatasetError: It is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return dict(found) if isinstance(found, dict) else _refuse(path, "it holds no object")
    except (OSError, ValueError, RecursionError) as error:
        _refuse(path, str(error))


def _refuse(path: Path, cause: str) -> NoReturn:
    raise DatasetError(f"{path} is damaged ({cause}). Copy it again, or prepare the store again with --restart.")


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
    with (folder / CROPS_NAME).open("wb") as crops:
        for path in columns.paths:
            with _open_shard(path) as shard:
                crops.write(shard[_JPEG].tobytes())
                columns.append(shard, len(shard[_LENGTH]))
    kinds = columns.finish()
    (folder / REPORT_NAME).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    whole = {"version": VERSION, "faces": count, "fingerprint": columns.fingerprint(), "columns": kinds, **facts}
    whole[FILES_KEY] = _files(folder)
    whole[SEAL_KEY] = seal_of(whole)
    partial = folder / f".{STORE_NAME}"
    partial.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / STORE_NAME)


def _lengths(path: Path) -> np.ndarray:
    with _open_shard(path) as shard:
        return np.asarray(shard[_LENGTH])


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted({path for pattern in STORE_FILES for path in folder.glob(pattern)})
    return {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths}


def sha256_of(path: Path) -> str:
    """Return the hash of a file of any size as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal_of(about: Mapping[str, Any]) -> str:
    """Return the hash of what `STORE_NAME` says, but for the seal itself."""
    held = {name: value for name, value in about.items() if name != SEAL_KEY}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def fingerprint_of(crops: Iterable[bytes], columns: Table, texts: Mapping[str, str]) -> str:
    """Return the fingerprint of a store: of its crops, then of its columns by name.

    Args:
        crops: Their bytes in any pieces.
        columns: Arrays, numbers or codes.
        texts: Of columns of text, what the codes stand for, as JSON.
    """
    digest = hashlib.sha256()
    for piece in crops:
        digest.update(piece)
    for name in sorted(columns):
        digest.update(name.encode())
        for start in range(0, len(columns[name]), _HASHED_ROWS):
            digest.update(columns[name][start : start + _HASHED_ROWS].tobytes())
        digest.update(texts.get(name, "").encode())
    return digest.hexdigest()[:16]


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

    def finish(self) -> dict[str, str]:
        """Bring the columns to the disk, and return the kind of each: number or text."""
        for name in self._names:
            self._arrays[name].flush()
            if name in self._codes:
                (self._folder / f"{name}.names.json").write_text(self._texts()[name] + "\n", encoding="utf-8")
        return {name: "text" if name in self._codes else "number" for name in self._names}

    def fingerprint(self) -> str:
        """Return the fingerprint of the store, whose crops are on the disk by now."""
        with (self._folder / CROPS_NAME).open("rb") as file:
            return fingerprint_of(iter(lambda: file.read(1 << 22), b""), self._arrays, self._texts())

    def _texts(self) -> dict[str, str]:
        return {name: json.dumps(list(codes), ensure_ascii=False) for name, codes in self._codes.items()}


def _names(path: Path) -> list[str]:
    with _open_shard(path) as shard:
        return [name for name in shard.files if name not in (_JPEG, _LENGTH, _REPORT)]
