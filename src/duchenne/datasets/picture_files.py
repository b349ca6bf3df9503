"""Where the pictures of a recording lie on disk: a file for each frame, or a video; what they hold, by hash."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from duchenne.cropping import Picture
from duchenne.datasets.recording import Notes, Recording, SkipReason
from duchenne.errors import MediaError, UsageError
from duchenne.media import open_video, read_picture
from duchenne.media.content import Content, content_of


@dataclass(frozen=True)
class PictureFiles:
    """One file a frame.

    Attributes:
        paths: The file of each frame number.
    """

    paths: Mapping[int, Path]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""
        return tuple(self.paths.values())

    def read(self, frames: Int[np.ndarray, " k"], notes: Notes | None = None) -> Iterator[Picture | SkipReason]:
        """Yield the picture of each frame, or why there is none."""
        for frame in frames.tolist():
            path = self.paths.get(frame)
            yield read_whole(path, notes) if path is not None and path.is_file() else SkipReason.MISSING


def read_whole(picture: Path | bytes, notes: Notes | None = None) -> Picture | SkipReason:
    """Return a picture; a reason where it cannot be read, or is damaged in part. Its notes are counted."""
    try:
        frame = read_picture(picture)
    except MediaError:
        return SkipReason.BROKEN
    if notes is not None:
        notes.update(frame.notes)
    return SkipReason.BROKEN if frame.damaged else frame.pixels


@dataclass(frozen=True)
class VideoFile:
    """A video.

    Attributes:
        path: The file.
        first: The number of its first frame as the labels count: 0 or 1.
    """

    path: Path
    first: int = 1

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""
        return (self.path,)

    def read(self, frames: Int[np.ndarray, " k"], notes: Notes | None = None) -> Iterator[Picture | SkipReason]:
        """Yield the picture of each frame, or why there is none."""
        wanted = list(frames.tolist())
        rest = SkipReason.BEYOND
        try:
            with open_video(self.path) as video:
                for found in video:
                    while wanted and wanted[0] < found.index + self.first:
                        wanted.pop(0)
                        yield SkipReason.MISSING
                    if wanted and wanted[0] == found.index + self.first:
                        wanted.pop(0)
                        yield SkipReason.BROKEN if found.damaged else found.pixels
                    if not wanted:
                        break
                if notes is not None:
                    notes.update(f"{self.path.name}: {note}" for note in video.notes)
        except MediaError:
            rest = SkipReason.BREAKS_OFF if self.path.is_file() else SkipReason.MISSING
        yield from (rest for _ in wanted)


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
                f"{path} has changed since an interrupted preparation in {folder} read it. Bring the "
                "former back, name another --out, or start again with --restart."
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
