"""From a folder or file to the data set in it: which loader reads what."""

from collections.abc import Callable, Sequence
from pathlib import Path

from duchenne.datasets.bp4d import OCCURRENCE, load_bp4d
from duchenne.datasets.ck_plus import load_ck_plus
from duchenne.datasets.disfa import load_disfa, load_disfa_plus
from duchenne.datasets.fera17 import load_fera17
from duchenne.datasets.generic import load_generic
from duchenne.datasets.person_split import Part
from duchenne.datasets.recording import Release
from duchenne.datasets.stills import load_stills
from duchenne.errors import DatasetError, UsageError

LOADERS: dict[str, Callable[[Path], Release]] = {
    "bp4d": load_bp4d,
    "fera17": load_fera17,
    "disfa": load_disfa,
    "disfa+": load_disfa_plus,
    "ck+": load_ck_plus,
    "stills": load_stills,
    "generic": load_generic,
}


def load(source: str | Path, kind: str | None = None, part: Part | None = None) -> Release:
    """Return the data set at a path.

    Args:
        source: A folder, or for "stills" and "generic" a file.
        kind: One of `LOADERS`; None to recognise it by what lies there.
        part: Of a CSV of your own that has parts, this one alone.

    Raises:
        UsageError: There is no such loader, or a part is asked for of a data set that has none.
        DatasetError: Nothing lies there, or nothing that a loader knows.
    """
    path = Path(source)
    if kind is not None and kind not in LOADERS:
        raise UsageError(f"There is no data set {kind!r}; known: {', '.join(LOADERS)}.")
    if not path.exists():
        raise DatasetError(f"{source}: there is no such file or folder. Relative paths start at {Path.cwd()}.")
    found = kind or kind_of_release(path)
    if part is None:
        return LOADERS[found](path)
    if found != "generic":
        raise UsageError(f"{source} is read as {found}, which has no parts; --part is for a CSV of your own.")
    return load_generic(path, part)


def load_all(sources: Sequence[str | Path], kind: str | None = None, part: Part | None = None) -> list[Release]:
    """Return the data sets of several paths; errors as `load`."""
    return [load(source, kind, part) for source in sources]


_MARKS: tuple[tuple[str, str], ...] = (
    ("stills", "stills-*.parquet"),
    ("bp4d", OCCURRENCE.as_posix()),
    ("fera17", "Train_Occ"),
    ("fera17", "Valid_Occ"),
    ("disfa", "ActionUnit_Labels"),
    ("ck+", "cohn-kanade-images"),
    ("disfa+", "Labels/*/*/AU*.txt"),
    ("disfa+", "*/*/AU*.txt"),
)


def kind_of_release(path: Path) -> str:
    """Return the loader for what lies at a path, recognised by its ending or by a folder that only this data set has.

    Raises:
        DatasetError: No loader knows it.
    """
    if path.suffix.lower() in (".parquet", ".csv"):
        return "stills" if path.suffix.lower() == ".parquet" else "generic"
    for kind, mark in _MARKS:
        if any(path.glob(mark)):
            return kind
    raise DatasetError(
        f"{path} is not a data set known here. Expected a folder of one of {', '.join(LOADERS)} (layouts: "
        "docs/datasets.md); name it with --data if its folders have other names."
    )
