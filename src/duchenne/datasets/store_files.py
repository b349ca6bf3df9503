"""The files of a prepared store: shards while it is made, then one file a column.

A whole store is a folder of

    store.json            version, number of faces, fingerprint, columns, size and hash of each file; written last
    crops.bin             the encoded crops one after another
    crops.offsets.npy     (n + 1,) where each begins
    NAME.npy              a column of numbers, or the codes of a column of text
    NAME.names.json       the texts that the codes stand for
    report.json           frames labelled, kept and lost, by subject and pose

A store is held against the sizes and hashes in `store.json` before it is read. Stores of version 0.1.0 have neither:
their faces and labels are held against the fingerprint, and each offset against the first bytes of a JPEG.

Columns are mapped into memory when they are read. Nothing in the files depends on the number of workers, on time or on
an interruption.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.errors import DatasetError
from duchenne.files.whole_files import write_whole
from duchenne.weights import sha256_of

VERSION = 1
SHARDS_NAME = "shards"
STORE_NAME, CROPS_NAME, OFFSETS_NAME, REPORT_NAME = "store.json", "crops.bin", "crops.offsets.npy", "report.json"
STORE_FILES = (REPORT_NAME, CROPS_NAME, "*.npy", "*.names.json")
"""Patterns of everything else that a store holds."""
FILES_KEY, SEAL_KEY = "files", "seal"
"""Of `STORE_NAME`: size and hash of each other file, and the hash of all that it says itself."""
_HASHED_ROWS = 65536
_AGAIN = "Copy it again from where it came, or prepare it again with --restart."
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
    write_whole(folder / STORE_NAME, (json.dumps(whole, indent=1) + "\n").encode())


def _lengths(path: Path) -> np.ndarray:
    with _open_shard(path) as shard:
        return np.asarray(shard[_LENGTH])


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    paths = sorted({path for pattern in STORE_FILES for path in folder.glob(pattern)})
    return {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in paths}


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


def check_store(folder: Path, about: Mapping[str, Any]) -> None:
    """Refuse a store that is not as it was written. Files that did not change since are not read a second time.

    Args:
        folder: Of the store.
        about: The content of `STORE_NAME`.

    Raises:
        DatasetError: A file is missing, cut short or altered.
    """
    if not _has_facts(about):
        raise DatasetError(f"{folder / STORE_NAME} is damaged: the description of the store is incomplete. {_AGAIN}")
    paths = sorted({folder / STORE_NAME, *(path for pattern in STORE_FILES for path in folder.glob(pattern))})
    try:
        states = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
        if fault := _fault(folder.resolve(), states, json.dumps(about)):
            raise DatasetError(f"{folder} is not a complete store: {fault}. {_AGAIN}")
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read ({error.strerror or error}). {_AGAIN}") from None


def _has_facts(about: Mapping[str, Any]) -> bool:
    kinds = {"faces": int, "fingerprint": str, "columns": dict}
    return all(isinstance(about.get(name), kind) for name, kind in kinds.items())


@lru_cache(maxsize=64)
def _fault(folder: Path, states: tuple, text: str) -> str | None:
    about = json.loads(text)
    if FILES_KEY not in about:
        return _fault_by_fingerprint(folder, about)
    if about.get(SEAL_KEY) != seal_of(about):
        return f"{STORE_NAME} is altered"
    sizes = {name: size for name, size, _ in states}
    for name, stated in about[FILES_KEY].items():
        if name not in sizes:
            return f"{name} is missing"
        if sizes[name] != stated["bytes"]:
            return f"{name} has {sizes[name]} of {stated['bytes']} bytes; it was copied in part or is altered"
        if sha256_of(folder / name) != stated["sha256"]:
            return f"{name} is altered"
    return None


def _fault_by_fingerprint(folder: Path, about: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a store that holds no hashes of its files."""
    needed = [CROPS_NAME, OFFSETS_NAME, *(f"{name}.npy" for name in about["columns"])]
    needed += [f"{name}.names.json" for name, kind in about["columns"].items() if kind == "text"]
    if absent := [name for name in needed if not (folder / name).is_file()]:
        return f"{absent[0]} is missing"
    try:
        columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in sorted(about["columns"])}
        if wrong := [name for name, values in columns.items() if _is_no_column(values, about["faces"])]:
            return f"{wrong[0]}.npy is altered"
        texts = {
            name: (folder / f"{name}.names.json").read_text(encoding="utf-8").removesuffix("\n")
            for name, kind in about["columns"].items()
            if kind == "text"
        }
        if fingerprint_of(_pieces(folder / CROPS_NAME), columns, texts) != about["fingerprint"]:
            return "its faces or labels do not agree with its fingerprint"
        return _fault_of_offsets(folder, about["faces"])
    except Exception as error:  # numpy's errors on damaged headers are of many types.
        return f"a file is altered ({error})"


def _is_no_column(values: np.ndarray, faces: int) -> bool:
    return len(values) != faces or values.dtype.kind not in "biuf" or not values.dtype.isnative


def _pieces(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            yield piece


def _fault_of_offsets(folder: Path, faces: int) -> str | None:
    offsets, packed = np.load(folder / OFFSETS_NAME), np.memmap(folder / CROPS_NAME, np.uint8, "r")
    if offsets.dtype != np.int64 or offsets.shape != (faces + 1,) or offsets[0] != 0 or offsets[-1] != len(packed):
        return f"{OFFSETS_NAME} does not fit {CROPS_NAME}"
    starts = offsets[:-1]
    if not (np.diff(offsets) > 2).all() or not ((packed[starts] == 0xFF) & (packed[starts + 1] == 0xD8)).all():
        return f"{OFFSETS_NAME} is altered"
    return None
