"""From the words of a command line to sources: files, folders, patterns, cameras, standard input."""

import glob
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from duchenne.errors import DuchenneError, MediaError
from duchenne.media.container import VIDEO_ENDINGS
from duchenne.media.frame import missing, what_else
from duchenne.media.own_pictures import is_own_overlay
from duchenne.media.picture import PICTURE_ENDINGS, is_picture

_ENDINGS = PICTURE_ENDINGS | VIDEO_ENDINGS
_CAMERA = re.compile(r"(?:camera:)?(\d{1,9})")


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
        place: Where it lies below the folder that was named; empty where it was named itself.
    """

    name: str
    kind: SourceKind
    place: str = field(default="", compare=False)

    @property
    def camera_index(self) -> int:
        """The number of a camera, from 0."""
        return int(self.name.removeprefix("camera:"))


def expand_sources(
    arguments: Iterable[str | Path], remark: Callable[[str], None] = lambda _: None
) -> tuple[list[Source], list[DuchenneError]]:
    """Return every source once, in the order named, and an error for each argument that names none.

    A folder stands for the pictures and videos in it and below, in natural order (2 before 10), told by their endings;
    linked folders are followed, what is hidden is left out. A pattern stands for what it matches, `**` for any depth.
    A file that has several names, through links, counts under the first. Overlays that this toolkit has drawn are no
    sources. "camera:0", or a number that is no file, is a camera; "-" is one picture on standard input.

    Args:
        arguments: Words of a command line.
        remark: Told what was left out of folders and patterns, and why.
    """
    sources: dict[object, Source] = {}
    problems: list[DuchenneError] = []
    for argument in arguments:
        try:
            for source in _expand(str(argument), remark):
                sources.setdefault(_file_number(source), source)
        except DuchenneError as error:
            problems.append(error)
    return list(sources.values()), problems


def kind_of(path: str | Path) -> SourceKind:
    """Return whether a file is read as a picture or as a video: by its content, failing that by its ending."""
    path = Path(path)
    if is_picture(path):
        return SourceKind.PICTURE
    return SourceKind.PICTURE if path.suffix.lower() in PICTURE_ENDINGS else SourceKind.VIDEO


def _file_number(source: Source) -> object:
    """Return what is the same for all names of one file."""
    if source.kind in (SourceKind.CAMERA, SourceKind.STDIN):
        return source.name
    found = os.stat(source.name)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(source.name)


def _expand(argument: str, remark: Callable[[str], None]) -> list[Source]:
    if argument == "-":
        return [Source("-", SourceKind.STDIN)]
    path = Path(argument)
    mode = _mode_of(path)
    if mode is not None and stat.S_ISDIR(mode):
        return _from_folder(path, remark)
    if mode is not None:
        return [_named(argument, mode)]
    if camera := _CAMERA.fullmatch(argument):
        return [Source(f"camera:{int(camera.group(1))}", SourceKind.CAMERA)]
    if glob.has_magic(argument):
        return _from_pattern(argument, remark)
    raise MediaError(missing(path))


def _mode_of(path: Path) -> int | None:
    """Return what kind of thing lies at a path; None where nothing does.

    Raises:
        MediaError: The system cannot say, for example of a name that is too long.
    """
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{path}: the path cannot be used ({cause}). Check the spelling.") from None


def _named(argument: str, mode: int) -> Source:
    if not stat.S_ISREG(mode):
        raise MediaError(what_else(Path(argument), mode))
    if is_own_overlay(Path(argument)):
        raise MediaError(
            f"{argument}: this is an overlay that duchenne has drawn; its marks would be taken for a face's. "
            "Name the picture or the video that it was drawn on."
        )
    return Source(argument, kind_of(argument))


def _from_folder(folder: Path, remark: Callable[[str], None]) -> list[Source]:
    paths = sorted(_files_below(folder), key=_natural)
    found = [Source(str(path), kind, str(path.relative_to(folder))) for path, kind in _readable(paths, remark)]
    if not found:
        raise MediaError(
            f"{folder}: no picture or video in this folder or below. Looked for files ending in "
            f"{' '.join(sorted(_ENDINGS))}; name a file itself to read it whatever its ending."
        )
    return found


def _from_pattern(pattern: str, remark: Callable[[str], None]) -> list[Source]:
    matched = sorted(map(Path, glob.glob(pattern, recursive=True)), key=_natural)
    paths = [path for path in matched if path.suffix.lower() in _ENDINGS and not path.is_dir()]
    found = [Source(str(path), kind) for path, kind in _readable(paths, remark)]
    if not found:
        raise MediaError(
            f"{pattern}: the pattern matches no picture or video. "
            f"Try it with ls; relative patterns start at {Path.cwd()}."
        )
    return found


def _readable(paths: Iterable[Path], remark: Callable[[str], None]) -> Iterator[tuple[Path, SourceKind]]:
    """Yield the plain files that are no overlays of ours, with their kinds; remark on the others."""
    overlays = 0
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            remark(f"{path}: left out; it cannot be found ({error.strerror}).")
            continue
        if not stat.S_ISREG(mode):
            remark(f"{what_else(path, mode)} It is left out.")
        elif is_own_overlay(path):
            overlays += 1
        else:
            yield path, kind_of(path)
    if overlays:
        remark(f"{overlays} overlays that duchenne has drawn are left out.")


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield what may be a source in a folder and below; first what lies there, then what is linked to."""
    linked, seen = deque([folder]), set[tuple[int, int]]()
    while linked:
        yield from _files_of_tree(linked.popleft(), linked, seen)


def _files_of_tree(top: Path, linked: deque[Path], seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield what may be a source, links to folders apart, which are added to `linked`; no folder is entered twice."""
    for parent, folders, names in os.walk(top, onerror=_unreadable):
        here = os.stat(parent)
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked.extend(Path(parent, name) for name in folders if os.path.islink(os.path.join(parent, name)))
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
