"""Where the overlay of each source goes, and what speaks against it before any work is done."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from duchenne.errors import OutputError, UsageError
from duchenne.media import Source, SourceKind

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg")
VIDEO_ENDINGS = (".mp4", ".mov", ".mkv")


def is_moving(source: Source) -> bool:
    """Return whether the overlay of a source is a video."""
    return source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)


def overlay_paths(target: Path, sources: Sequence[Source]) -> dict[str, Path]:
    """Return the file of each source's overlay, by the name of the source.

    One source may have a file of its own kind; otherwise the target is a folder, made if only it is missing, in which
    pictures become NAME.png (NAME.jpg from JPEG) and videos NAME.mp4.

    Raises:
        UsageError: The target's ending does not fit the sources, or a source would be overwritten.
        OutputError: The folder is missing.
    """
    if not target.absolute().parent.is_dir():
        raise OutputError(
            f"{target}: the folder {target.absolute().parent} does not exist. Make it first, or name another."
        )
    if target.suffix and not target.is_dir():
        paths = {source.name: target for source in sources}
        _check_file(target, sources)
    else:
        paths = _in_folder(target, sources)
    originals = {Path(source.name).resolve() for source in sources}
    for path in paths.values():
        if path.resolve() in originals:
            raise UsageError(f"{path}: the overlay would replace a source. Name another file or folder.")
    return paths


def make_room(target: Path, paths: Iterable[Path], overwrite: bool) -> None:
    """Make the folder of overlays if only it is missing; refuse to replace files.

    Raises:
        OutputError: A file is there already and `overwrite` is not set, or the folder cannot be made.
    """
    for path in paths:
        if os.path.lexists(path) and not overwrite:
            raise OutputError(f"{path}: exists already. Name another file, or say --overwrite to replace it.")
    if not (target.suffix or target.exists()):
        _make(target)


def _check_file(target: Path, sources: Sequence[Source]) -> None:
    if len(sources) > 1:
        raise UsageError(f"{target}: one file cannot hold the overlays of {len(sources)} sources. Name a folder.")
    for source in sources:
        endings, what = (VIDEO_ENDINGS, "video") if is_moving(source) else (PICTURE_ENDINGS, "picture")
        if target.suffix.lower() not in endings:
            raise UsageError(
                f"{target}: the overlay of {source.name}, a {what}, is not written as {target.suffix}; "
                f"choose one of {' '.join(endings)}, or name a folder."
            )


def _in_folder(folder: Path, sources: Sequence[Source]) -> dict[str, Path]:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file without an ending. Give an ending such as .png, or name a folder.")
    paths: dict[str, Path] = {}
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for source in sources:
        stem, ending = _name_of(source)
        name = f"{stem}{ending}"
        while name.casefold() in taken:
            numbers[f"{stem}{ending}"] += 1
            name = f"{stem}-{numbers[f'{stem}{ending}'] + 1}{ending}"
        taken.add(name.casefold())
        paths[source.name] = folder / name
    return paths


def _name_of(source: Source) -> tuple[str, str]:
    if source.kind is SourceKind.STDIN:
        return "stdin", ".png"
    if source.kind is SourceKind.CAMERA:
        return source.name.replace(":", ""), ".mp4"
    path = Path(source.name)
    if is_moving(source):
        return path.stem, ".mp4"
    return path.stem, path.suffix.lower() if path.suffix.lower() in PICTURE_ENDINGS else ".png"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}). Name another place.") from error
