"""HEIC and HEIF files, as phones write them: told by their header; read by pi-heif, which the extra `heif` brings.

FFmpeg gives the tiles of such a picture as separate streams, and its Python binding does not say how they lie.
"""

import io
from pathlib import Path

from PIL import Image

from duchenne.errors import MissingExtraError
from duchenne.extras import missing, needed

HEAD_BYTES = 12
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))


def head_of(file: Path | io.BytesIO) -> bytes:
    """Return the first bytes of a file, which say its brand; a stream stays where it is.

    Raises:
        OSError: It cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    at = file.tell()
    head = file.read(HEAD_BYTES)
    file.seek(at)
    return head


def is_heif(head: bytes) -> bool:
    r"""Return whether a file is HEIC, HEIF or AVIF by its first bytes.

    Example:
        >>> is_heif(b"\0\0\0\x18ftypheic"), is_heif(b"\0\0\0\x18ftypisom")
        (True, False)
    """
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS | _AVIF_BRANDS


def lacking(head: bytes) -> str | None:
    """Return what is to be installed before a file with these first bytes can be read; None if nothing is.

    Pillow knows HEIC and HEIF afterwards.
    """
    if not is_heif(head):
        return None
    if head[8:12] in _AVIF_BRANDS:
        return None if "AVIF" in Image.OPEN else "AVIF needs Pillow 11.3 or newer: pip install --upgrade pillow."
    try:
        if "HEIF" not in Image.OPEN:
            needed("pi_heif").register_heif_opener()
    except MissingExtraError:
        return missing("pi_heif")
    return None
