"""From the words of a command line to sources: files, folders, patterns, cameras, standard input."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from duchenne.errors import DuchenneError, MediaError
from duchenne.media.container import VIDEO_ENDINGS
from duchenne.media.frame import missing
from duchenne.media.picture import PICTURE_ENDINGS, is_picture

_ENDINGS = PICTURE_ENDINGS | VIDEO_ENDINGS
_CAMERA = re.compile(r"(?:camera:)?(\d+)")


class SourceKind(StrEnum):
    """What a source is read with."""

    PICTURE = "picture"
    VIDEO = "video"
    CAMERA = "camera"
    STDIN = "stdin"


@dataclass(frozen=True)
class Source:
    """One thing to look at.

    Attributes:
        name: As `Frame.source`: the path, "-" or "camera:0".
        kind: What it is read with.
    """

    name: str
    kind: SourceKind

    @property
    def camera_index(self) -> int:
        """The number of a camera, from 0."""
        return int(self.name.removeprefix("camera:"))


def expand_sources(arguments: Iterable[str | Path]) -> tuple[list[Source], list[DuchenneError]]:
    """Return every source once, in the order named, and an error for each argument that names none.

    A folder stands for the pictures and videos in it and below, in natural order (2 before 10), told by their endings;
    what is hidden is left out. A pattern stands for what it matches, `**` for any depth. "camera:0", or a number that
    is no file, is a camera; "-" is one picture on standard input.
    """
    sources: dict[str, Source] = {}
    problems: list[DuchenneError] = []
    for argument in arguments:
        try:
            for source in _expand(str(argument)):
                sources.setdefault(source.name, source)
        except DuchenneError as error:
            problems.append(error)
    return list(sources.values()), problems


def kind_of(path: str | Path) -> SourceKind:
    """Return whether a file is read as a picture or as a video: by its content, failing that by its ending."""
    path = Path(path)
    if is_picture(path):
        return SourceKind.PICTURE
    return SourceKind.PICTURE if path.suffix.lower() in PICTURE_ENDINGS else SourceKind.VIDEO


def _expand(argument: str) -> list[Source]:
    if argument == "-":
        return [Source("-", SourceKind.STDIN)]
    path = Path(argument)
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return [Source(argument, kind_of(path))]
    if camera := _CAMERA.fullmatch(argument):
        return [Source(f"camera:{int(camera.group(1))}", SourceKind.CAMERA)]
    if glob.has_magic(argument):
        return _from_pattern(argument)
    raise MediaError(missing(path))


def _from_folder(folder: Path) -> list[Source]:
    found = [Source(str(path), kind_of(path)) for path in sorted(_files_below(folder), key=_natural)]
    if not found:
        raise MediaError(
            f"{folder}: no picture or video in this folder or below. Looked for files ending in "
            f"{' '.join(sorted(_ENDINGS))}; name a file itself to read it whatever its ending."
        )
    return found


def _from_pattern(pattern: str) -> list[Source]:
    found: list[Source] = []
    for path in sorted(map(Path, glob.glob(pattern, recursive=True)), key=_natural):
        if path.is_file() and path.suffix.lower() in _ENDINGS:
            found.append(Source(str(path), kind_of(path)))
    if not found:
        raise MediaError(
            f"{pattern}: the pattern matches no picture or video. "
            f"Try it with ls; relative patterns start at {Path.cwd()}."
        )
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in _ENDINGS:
                yield Path(parent, name)


def _unreadable(error: OSError) -> None:
    raise MediaError(f"{error.filename}: this user may not list the folder. Change its permissions.")


def _natural(path: Path) -> list[list[tuple[int, int, str]]]:
    """Return a key under which frame2 comes before frame10, part by part of the path."""
    return [
        [(0, int(word), "") if word.isdecimal() else (1, 0, word.lower()) for word in re.split(r"(\d+)", part) if word]
        for part in path.parts
    ]
