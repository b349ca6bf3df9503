"""What the files of a data set held when faces were prepared from them, so that a later change is noticed."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from duchenne.datasets.recording import Recording
from duchenne.errors import UsageError
from duchenne.media.content import Content, content_of

Told = list[Any]
"""A path, and the hash of what it held, its size and when it was touched; the path alone where there was no file."""


def contents_of(recordings: Iterable[Recording]) -> list[Told]:
    """Return what the files of recordings hold, as JSON can keep it."""
    paths = dict.fromkeys(path for recording in recordings for path in recording.pictures.files)
    return [_told(path) for path in paths]


def check_unchanged(told: Iterable[Sequence[Any]], folder: Path) -> None:
    """Refuse to go on where a file holds something else than when faces were prepared from it.

    Args:
        told: From `contents_of`.
        folder: Of the preparation, for the message.

    Raises:
        UsageError: One does.
    """
    for name, *known in told:
        path = Path(name)
        if path.is_file() != bool(known) or (
            known and not Content(known[0], known[1], tuple(known[2])).is_that_of(path)
        ):
            raise UsageError(
                f"{path} holds something else than when an interrupted preparation in {folder} read it. Bring the "
                "former back, name another --out, or begin anew with --restart."
            )


def _told(path: Path) -> Told:
    if not path.is_file():
        return [str(path)]
    found = _content(path, path.stat().st_mtime_ns, path.stat().st_size)
    return [str(path), found.sha256, found.size_bytes, list(found.seen)]


@lru_cache(maxsize=64)
def _content(path: Path, changed_ns: int, size: int) -> Content:
    """Return what a file holds; several batches ask for a file of stills one after another."""
    return content_of(path)
