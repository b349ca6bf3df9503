"""One picture of a source, and the check that a named file can be opened at all."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from duchenne.cropping import Picture
from duchenne.errors import MediaError
from duchenne.measures.array_values import ArrayValues


@dataclass(frozen=True, eq=False)
class Frame(ArrayValues):
    """One picture of a source.

    Attributes:
        source: The path, "-" for standard input or "camera:0".
        index: Counted from 0 in the source; 0 for a picture.
        timestamp_s: Presentation time; 0 for a picture.
        pixels: H x W x 3, RGB.
        damaged: Whether the decoder of a video had to guess parts of it.
        notes: Of a picture: what a reader of the results should know of how it was read and searched.
    """

    source: str
    index: int
    timestamp_s: float
    pixels: Picture
    damaged: bool = False
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        damaged = ", damaged" if self.damaged else ""
        return f"<Frame {self.index} of {self.source!r} at {self.timestamp_s:g} s, {width} x {height} px{damaged}>"


def check_readable(path: Path, expected: str) -> None:
    """Raise MediaError unless `path` is a file with content that this user may read.

    Args:
        path: The file.
        expected: What it should be, for the message: "a picture", "a video".
    """
    try:
        if path.is_dir():
            raise MediaError(f"{path}: this is a folder, not {expected}. Name a file inside it.")
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # To open a pipe would wait for its other end.
            raise MediaError(what_else(path, mode))
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise MediaError(missing(path)) from None
    except PermissionError:
        raise MediaError(f"{path}: this user may not read the file. Change its permissions, or copy it.") from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{path}: the file cannot be opened ({error}). Check the path and the disk.") from None
    if empty:
        raise MediaError(f"{path}: the file is empty (0 bytes), not {expected}. Copy or record it again.")


def missing(path: Path) -> str:
    """Return the message for a path where nothing is."""
    if str(path.parent) != "." and not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent}. Check the spelling; relative paths start at {Path.cwd()}."
    return f"{path}: there is no such file or folder. Check the spelling; relative paths start at {Path.cwd()}."


def what_else(path: Path, mode: int) -> str:
    """Return the message for what is neither a file nor a folder."""
    pipe = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return f"{path}: this is a {'pipe' if pipe else 'device'}, not a file. Give one picture on standard input, as -."
