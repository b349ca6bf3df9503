"""What a file holds, told by a hash, so that a change between two looks is noticed."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Content:
    """What a file held when it was looked into.

    Attributes:
        sha256: Of its bytes, as 64 hexadecimal digits.
        size_bytes: How many.
        seen: Number of the file and of its device, its size, and when its content and its entry last changed (ns).
            While all of them stay, the file is not looked into again: no program can set the last one back.
    """

    sha256: str
    size_bytes: int
    seen: tuple[int, ...]

    def is_that_of(self, path: Path) -> bool:
        """Return whether a file holds just this now; it is read only where it was touched since."""
        try:
            if _seen(os.stat(path)) == self.seen:
                return True
            return os.stat(path).st_size == self.size_bytes and content_of(path).sha256 == self.sha256
        except OSError:
            return False


def content_of(path: Path) -> Content:
    """Return what a file holds; all of it is read.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        before = _seen(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Content(digest, file.tell(), before)


def _seen(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
