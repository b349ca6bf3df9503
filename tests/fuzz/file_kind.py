"""One kind of file that is read: how a whole one is made, which of its files are damaged, and what reads it."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ONE_FILE = "*"
"""Kinds whose sample is several single files: a case has one of them."""


@dataclass(frozen=True)
class FileKind:
    """Files that one reader reads.

    Attributes:
        name: Such as "pictures".
        make: Fills an empty folder with a whole sample.
        damaged: Patterns of the files in it that are damaged, one in each case.
        read: Reads the sample; returns what changes with what was read. May raise errors of our own.
        share: Of the cases, in proportion to the other kinds.
        changed: Whether reading changes files of the sample.
        sealed: Whether a damaged file must be refused or read as if it were whole.
    """

    name: str
    make: Callable[[Path], None]
    damaged: tuple[str, ...]
    read: Callable[[Path], str]
    share: int
    sealed: bool = False
    changed: bool = False


def digest_of(parts: Iterable[object]) -> str:
    """Return what changes with arrays and text."""
    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return found.hexdigest()
