"""Where the pictures of a recording lie on disk: a file for each frame, or a video."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from duchenne.cropping import Picture
from duchenne.datasets.recording import Notes, SkipReason
from duchenne.errors import MediaError
from duchenne.media import open_video, read_picture


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
