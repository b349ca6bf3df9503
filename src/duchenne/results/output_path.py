"""Whether a file can be written where it shall lie; asked before any work."""

import os
from collections.abc import Collection
from pathlib import Path

from duchenne.errors import OutputError, UsageError


def check_output_path(path: str | Path, endings: Collection[str], overwrite: bool) -> str:
    """Return the ending of an output file, in lower case, after checking that it can be written.

    Args:
        path: Where the file shall lie.
        endings: Those allowed, each with its dot.
        overwrite: Whether a file already there may be replaced.

    Raises:
        UsageError: The ending is another, or the file exists and `overwrite` is not set.
        OutputError: The folder is missing or not writable, or the path is a folder.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in endings:
        found = f"the ending {path.suffix}" if path.suffix else "no ending"
        raise UsageError(f"{path}: the file has {found}; known are {' '.join(endings)}. Choose one of them.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}. Make it first, or write elsewhere.")
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; a file of that name cannot be written. Choose another name.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: this user may not write to the folder {path.parent}. Choose another.")
    if os.path.lexists(path) and not overwrite:
        raise UsageError(f"{path}: the file exists. Choose another name, or replace it with --overwrite.")
    return ending
