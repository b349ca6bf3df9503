"""Whether a prepared store is as it was written: every file against its size and its hash, before anything is read.

`store.json` holds both for each other file, and a seal over its own text. Stores of version 0.1.0 have neither; their
faces and labels are held against the fingerprint, and each offset against the first bytes of a JPEG.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from duchenne.datasets.store_files import (
    CROPS_NAME,
    FILES_KEY,
    OFFSETS_NAME,
    SEAL_KEY,
    STORE_FILES,
    STORE_NAME,
    fingerprint_of,
    seal_of,
    sha256_of,
)
from duchenne.errors import DatasetError

_AGAIN = "Copy it again from where it came, or prepare it again with --restart."


def check_store(folder: Path, about: Mapping[str, Any]) -> None:
    """Refuse a store that is not as it was written. Files that did not change since are not read a second time.

    Args:
        folder: Of the store.
        about: The content of `STORE_NAME`.

    Raises:
        DatasetError: A file is missing, cut short or altered.
    """
    if not _has_facts(about):
        raise DatasetError(f"{folder / STORE_NAME} is damaged: it lacks what a store says of itself. {_AGAIN}")
    paths = sorted({folder / STORE_NAME, *(path for pattern in STORE_FILES for path in folder.glob(pattern))})
    try:
        states = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
        if fault := _fault(folder.resolve(), states, json.dumps(about)):
            raise DatasetError(f"{folder} is no whole store: {fault}. {_AGAIN}")
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
