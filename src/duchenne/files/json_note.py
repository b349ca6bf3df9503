"""The note that a folder keeps of what is made in it, so that the same work can be continued and no other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duchenne.errors import OutputError
from duchenne.files.whole_files import write_whole


def read_note(path: Path) -> dict[str, Any]:
    """Return what `write_note` wrote.

    Raises:
        OSError: It cannot be opened.
        OutputError: It is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
        return found
    except (ValueError, RecursionError) as error:
        raise OutputError(
            f"{path} is damaged ({error}), so what was begun beside it cannot be continued. Restore it, or name "
            "another folder."
        ) from None


def write_note(path: Path, content: Mapping[str, Any]) -> None:
    """Write a note, whole or not at all, in the place of a former one.

    Raises:
        OSError: The disk is full or gone.
    """
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())
