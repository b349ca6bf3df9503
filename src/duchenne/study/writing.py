"""Tables and codings that are written whole or not at all."""

from pathlib import Path

from duchenne.errors import OutputError
from duchenne.files.whole_files import write_whole


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8; a file that was there stays as it was unless all of the new one is on the disk.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "codes.csv"
        >>> write_text(path, "au,onset_s")
        >>> path.read_text()
        'au,onset_s'

    Raises:
        OutputError: The disk is full, or the place cannot be written.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}). Choose another place.") from None
