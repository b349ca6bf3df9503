"""Where the result of each source goes when every source has a file of its own."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

from duchenne.errors import OutputError
from duchenne.media import Source, SourceKind


def result_paths(folder: Path, sources: Sequence[Source], ending: str) -> dict[str, Path]:
    """Return the file of each source's results, by the name of the source.

    A file that was named goes to `FOLDER/clip.csv`; one found in a folder that was named, to the same place below
    `FOLDER` (`FOLDER/day1/clip.csv`). Where two would get one name, both keep their endings (`clip.mp4.csv`), and
    where that does not tell them apart, they are counted (`clip.mp4-2.csv`).
    """
    places = {source.name: _place(source) for source in sources}
    stems = Counter(_key(place.with_suffix("")) for place in places.values())
    taken: Counter[str] = Counter()
    paths: dict[str, Path] = {}
    for name, place in places.items():
        stem = place if stems[_key(place.with_suffix(""))] > 1 else place.with_suffix("")
        taken[_key(stem)] += 1
        number = f"-{taken[_key(stem)]}" if taken[_key(stem)] > 1 else ""
        paths[name] = folder / stem.with_name(f"{stem.name}{number}{ending}")
    return paths


def make_folder(folder: Path) -> None:
    """Make the folder of a result, with those above it.

    Raises:
        OutputError: It cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}). Name another place.") from error


def _place(source: Source) -> PurePath:
    if source.kind is SourceKind.STDIN:
        return PurePath("stdin")
    if source.kind is SourceKind.CAMERA:
        return PurePath(source.name.replace(":", ""))
    return PurePath(source.place or PurePath(source.name).name)


def _key(place: PurePath) -> str:
    """Return what is the same for names that some file system takes for one."""
    return str(place).casefold()
