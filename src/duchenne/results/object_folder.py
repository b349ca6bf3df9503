"""A folder of an object store (s3, gs and others), and the folder of this machine in which its files are made.

An object can be neither continued nor renamed. So a file is made here, as in any folder, and put whole when it is done:
a reader of the store sees all of it or nothing. What a stopped run left stays here for the same command.
"""

import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duchenne.errors import MissingExtraError, OutputError, UsageError
from duchenne.extras import needed
from duchenne.files.whole_files import beside
from duchenne.media.content import content_of

_URL = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)
_WITH_BUCKETS = {"s3", "s3a", "gs", "gcs"}
_NO_CONDITIONS = (NotImplementedError, TypeError)
"""What stores raise that cannot be asked to keep what is there."""


def is_url(text: str) -> bool:
    """Return whether a text names a place in an object store.

    Example:
        >>> is_url("s3://bucket/results"), is_url("results"), is_url("C:/results")
        (True, False, False)
    """
    return _URL.fullmatch(text) is not None


class ObjectFolder:
    """A folder of an object store that takes whole files.

    Attributes:
        url: Of the folder.
        here: The folder of this machine, for this user alone, in which files are made; `TMPDIR` chooses the disk.

    Args:
        url: Anything that fsspec knows: s3://bucket/results. Accounts and servers are set as its libraries say.

    Raises:
        UsageError: No library knows such URLs.
        OutputError: There is no such bucket, or it does not answer.
        MissingExtraError: The library is not installed.
    """

    def __init__(self, url: str) -> None:
        fsspec = needed("fsspec")
        self.url = url.rstrip("/")
        try:
            self._store, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False, skip_instance_cache=True)
        except ImportError as error:
            raise MissingExtraError(
                f"{url}: a library is not installed ({error}). Say: pip install 'duchenne[cluster]', or install it."
            ) from None
        except ValueError as error:
            raise UsageError(
                f"{url}: no such kind of object store is known ({error}). Expected s3:// or gs://."
            ) from None
        self._check_bucket()
        self.here = _own_folder(self.url)

    def url_of(self, path: Path) -> str:
        """Return the name in the store of a file here."""
        return f"{self.url}/{path.relative_to(self.here).as_posix()}"

    def holds(self, path: Path) -> bool:
        """Return whether the store has an object of this name."""
        with self._explained(path, "Nothing has been written."):
            return bool(self._store.exists(self._key(path)))

    def holds_other(self, path: Path) -> bool:
        """Return whether the store has an object of this name that is not what lies here."""
        if not self.holds(path):
            return False
        copy = beside(path, f".{secrets.token_hex(4)}.part")
        try:
            self._get(path, copy)
            return not path.exists() or content_of(copy).sha256 != content_of(path).sha256
        finally:
            copy.unlink(missing_ok=True)

    def fetch(self, path: Path) -> bool:
        """Copy an object here and return True; if there is none, what lies here stays."""
        if not self.holds(path):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        copy = beside(path, f".{secrets.token_hex(4)}.part")
        try:
            self._get(path, copy)
            os.replace(copy, path)
        finally:
            copy.unlink(missing_ok=True)
        return True

    def fetch_all(self, folder: Path) -> None:
        """Copy all objects to a folder of this machine.

        Raises:
            OutputError: They cannot be read.
        """
        with self._explained(self.here, "Nothing has been written."):
            self._store.get(f"{self._root}/", f"{folder}{os.sep}", recursive=True)

    def put(self, path: Path, *, overwrite: bool) -> None:
        """Put a whole file; what a reader of the store sees is all of it, or what was there before.

        Args:
            path: The file here, which stays.
            overwrite: Whether an object of this name may be replaced; else one that has appeared meanwhile stays.

        Raises:
            OutputError: There is another, or the store does not take it; the file here stays.
        """
        with self._explained(path, f"The file is whole in {path}; run the same command again."):
            try:
                self._put(path, overwrite)
            except FileExistsError:
                if self.holds_other(path):
                    raise OutputError(
                        f"{self.url_of(path)}: an object has appeared meanwhile and stays. Move it away. What was "
                        f"found is kept in {path}; run the same command again."
                    ) from None

    def _key(self, path: Path) -> str:
        return f"{self._root}/{path.relative_to(self.here).as_posix()}"

    def _get(self, path: Path, copy: Path) -> None:
        with self._explained(path, "Nothing has been written."):
            self._store.get_file(self._key(path), str(copy))

    def _put(self, path: Path, overwrite: bool) -> None:
        if overwrite:
            self._store.put_file(str(path), self._key(path))
            return
        try:
            self._store.put_file(str(path), self._key(path), mode="create")
        except _NO_CONDITIONS:
            if self._store.exists(self._key(path)):  # The closest that such a store allows.
                raise FileExistsError(str(path)) from None
            self._store.put_file(str(path), self._key(path))

    def _check_bucket(self) -> None:
        scheme, _, rest = self.url.partition("://")
        bucket = rest.partition("/")[0]
        if scheme.lower() not in _WITH_BUCKETS:
            return
        with self._explained(None, "Nothing has been written."):
            if self._store.exists(bucket):
                return
        raise OutputError(
            f"{self.url}: no bucket {bucket} answers. Make it first, and check the account and the server that the "
            "environment names."
        )

    @contextmanager
    def _explained(self, path: Path | None, kept: str) -> Iterator[None]:
        """Turn an error of the store, whose libraries have many kinds, into an OutputError that says what is kept."""
        try:
            yield
        except (OutputError, FileExistsError):
            raise
        except Exception as error:
            place = self.url if path is None else self.url_of(path)
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise OutputError(
                f"{place}: the object store did not do what was asked ({cause}). Check the network, the account and "
                f"its rights. {kept}"
            ) from None


def _own_folder(url: str) -> Path:
    """Return the folder of this machine for a URL; made for this user alone if it is not there.

    Raises:
        OutputError: It cannot be made, or somebody else's lies there.
    """
    user: Any = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    folder = Path(tempfile.gettempdir()) / f"duchenne-{user}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}). Set TMPDIR.") from None
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise OutputError(f"{folder}: results are made there, but it is not a folder of this user. Set TMPDIR.")
    return folder
