"""How overlays are told from pictures and videos that people made: by a word in their metadata.

What a run writes must never be read as a source, by it or by the next, wherever it lies and however it is named.
"""

from pathlib import Path

import av
from PIL import Image

OVERLAY_MARK = "duchenne overlay"
"""A comment of JPEG, PNG, MP4, MOV and MKV."""
_PICTURES, _VIDEOS = (".png", ".jpg", ".jpeg"), (".mp4", ".mov", ".mkv")


def is_own_overlay(path: Path) -> bool:
    """Return whether a file says of itself that it is an overlay drawn by this toolkit; False if it is unreadable."""
    ending = path.suffix.lower()
    try:
        if ending in _PICTURES:
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                return _text(image.info.get("comment")).startswith(OVERLAY_MARK)
        if ending in _VIDEOS:
            with av.open(str(path), format="matroska" if ending == ".mkv" else "mp4") as container:
                found = {name.lower(): value for name, value in container.metadata.items()}
                return found.get("comment", "").startswith(OVERLAY_MARK)
    except Exception:  # Broken files are named when they are read.
        return False
    return False


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
