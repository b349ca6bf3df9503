"""Files that are written completely or not at all, and replace no other file.

What is written goes to a temporary name first, is brought to the disk, and only then gets its own name. A temporary
name is made anew: a file or a link that lies there is neither followed, nor replaced, nor removed. New files have the
permissions that the user's umask leaves.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LONGEST_NAME_BYTES = 255
"""Of one part of a path, on nearly every file system."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that say: no more fits."""


def beside(path: Path, suffix: str) -> Path:
    """Return the name with a suffix; where that is too long for a file system, cut and told apart by a hash.

    Example:
        >>> beside(Path("a/clip.csv"), ".part").name
        'clip.csv.part'
        >>> len(beside(Path("x" * 255), ".part").name)
        255
    """
    name = path.name + suffix
    if len(os.fsencode(name)) <= LONGEST_NAME_BYTES:
        return path.with_name(name)
    end = "~" + hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16] + suffix
    kept = os.fsencode(path.name)[: LONGEST_NAME_BYTES - len(end)].decode(errors="ignore")
    return path.with_name(kept + end)


def create_new(path: Path) -> BinaryIO:
    """Return a new, empty file, open for reading and writing, without a buffer.

    Raises:
        FileExistsError: Something lies there, be it a link to nowhere.
        OSError: It cannot be made.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o666), "r+b", buffering=0)


def open_again(path: Path) -> BinaryIO:
    """Return a file of ours, open for reading and writing, without a buffer.

    Raises:
        OSError: It is a link or no plain file, or cannot be opened.
    """
    found = os.lstat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.ELOOP, "it is a link or no plain file", str(path))
    file = os.fdopen(os.open(path, os.O_RDWR | _NO_FOLLOW), "r+b", buffering=0)
    opened = os.fstat(file.fileno())
    if (opened.st_dev, opened.st_ino) != (found.st_dev, found.st_ino):
        file.close()
        raise OSError(errno.ELOOP, "it was exchanged meanwhile", str(path))
    return file


def write_all(file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
    """Write all of it; an unbuffered file may take a piece at a time."""
    rest = memoryview(bytes(data))
    while rest:
        rest = rest[file.write(rest) :]


def put_in_place(part: Path, path: Path, overwrite: bool) -> None:
    """Give a whole file its name.

    Args:
        part: The file under its temporary name.
        path: Its own name.
        overwrite: Whether a file of that name may be replaced; else one that has appeared meanwhile stays.

    Raises:
        FileExistsError: There is one, and it is not the part itself; the part stays.
        OSError: The disk does not let it.
    """
    if overwrite:
        os.replace(part, path)
        return
    try:
        os.link(part, path, follow_symlinks=False)
    except FileExistsError:
        if not is_same_file(part, path):
            raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(path):  # The closest that a disk without hard links allows.
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(part, path)
        return
    os.unlink(part)


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two names stand for one file; links are not followed."""
    try:
        first, second = os.lstat(one), os.lstat(other)
    except OSError:
        return False
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


@contextmanager
def whole_file(path: Path, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Open a file to write; it gets its name when the block ends well, and leaves nothing behind when it does not.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with whole_file(folder / "a.txt") as file:
        ...     write_all(file, b"whole")
        >>> [found.name for found in folder.iterdir()]
        ['a.txt']

    Raises:
        FileExistsError: `overwrite` is not set and there is one.
        OSError: The disk is full, or the folder cannot be written.
    """
    part = beside(path, f".{secrets.token_hex(4)}.part")
    file = create_new(part)
    try:
        with file:
            yield file
            os.fsync(file.fileno())
        put_in_place(part, path, overwrite)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes | bytearray | memoryview, overwrite: bool = True) -> None:
    """Write a file at once, whole or not at all.

    Raises:
        OSError: As `whole_file`.
    """
    with whole_file(path, overwrite) as file:
        write_all(file, data)
