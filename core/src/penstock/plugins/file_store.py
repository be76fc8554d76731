"""The object store of plain files: ``file:///absolute/path``; the one that needs no provider."""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo


class FileStore:
    """Objects as files of this machine; implements `penstock.spec.object_store.ObjectStore`.

    A write is atomic: the bytes go to a file beside the target, are synced, and take its name; a reader sees the old
    object or the new one. Folders are made as needed.

    Args:
        conn_id: Taken and ignored; files need no connection.
    """

    def __init__(self, conn_id: str | None = None) -> None:
        del conn_id

    def stat(self, url: str) -> ObjectInfo | None:
        """The object at this URL, or None if there is none."""
        path = _path(url)
        with _errors(url, "Stat"), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return _info(path) if path.is_file() else None
        return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL starts with ``prefix``, sorted by path; files that are being written are left out."""
        start = _path(prefix, folder=True)
        folder = start if prefix.endswith("/") else start.parent
        with _errors(prefix, "List"):
            for path in sorted(_files(folder)):
                if str(path).startswith(str(start)) and not path.name.startswith(_PART):
                    with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
                        yield _info(path)

    def read(self, url: str) -> bytes:
        """The whole object."""
        with _errors(url, "Read"):
            return _path(url).read_bytes()

    def open(self, url: str) -> BinaryIO:
        """A stream over the object."""
        with _errors(url, "Open"):
            return _path(url).open("rb")

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False is returned and nothing changed if the object exists."""
        return self._store(url, lambda target: target.write(data), if_absent=if_absent)

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:
        """Store a stream of any length; the origin is kept in an attribute of the file, where the file system has any."""
        self._store(url, lambda target: shutil.copyfileobj(stream, target), origin=origin)

    def origin(self, url: str) -> str:
        """What `upload` was told of the content's origin; "" once the file was changed in its place."""
        path = _path(url)
        with _errors(url, "Stat"), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return _kept_origin(path)
        return ""

    def delete(self, url: str) -> None:
        """Remove the object; no error if it does not exist."""
        with _errors(url, "Delete"):
            _path(url).unlink(missing_ok=True)

    def _store(
        self, url: str, fill: Callable[[BinaryIO], object], *, if_absent: bool = False, origin: str = ""
    ) -> bool:
        path = _path(url)
        with _errors(url, "Write"):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, part = tempfile.mkstemp(prefix=_PART, dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as target:
                    fill(target)
                    target.flush()
                    if origin:
                        _keep_origin(Path(part), origin)
                    os.fsync(target.fileno())
                if if_absent:
                    return _linked(part, path)
                Path(part).replace(path)
                return True
            finally:
                Path(part).unlink(missing_ok=True)


_PART = ".penstock-part-"
_ORIGIN = "user.penstock.origin"


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder; raises OSError if a part of it cannot be looked at, which must not seem to be empty."""
    for found, _, names in os.walk(folder, onerror=_unless_gone):
        yield from (path for name in names if (path := Path(found, name)).is_file())


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _linked(part: str, path: Path) -> bool:
    """Give the finished file its name unless the name is taken; of several writers one succeeds."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    return True


def _path(url: str, *, folder: bool = False) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not path.startswith("/"):
        raise _error(url, "Open", "it must be file:/// and an absolute path", ErrorKind.INVALID)
    if path.endswith("/") and not folder:
        raise _error(url, "Open", "it names a folder, not an object", ErrorKind.INVALID)
    return Path(path)


def _info(path: Path) -> ObjectInfo:
    found = path.stat()
    return ObjectInfo(
        "file://" + quote(str(path)), found.st_size, f"{found.st_mtime_ns:x}-{found.st_ino:x}-{found.st_size:x}"
    )


def _keep_origin(path: Path, origin: str) -> None:
    """Write the origin beside the tag of the content that it is of; a system or file system may have no attributes."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setxattr(path, _ORIGIN, f"{_info(path).etag} {origin}".encode())


def _kept_origin(path: Path) -> str:
    if sys.platform != "linux":
        return ""
    etag = _info(path).etag
    try:
        tag, _, origin = os.getxattr(path, _ORIGIN).decode().partition(" ")
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return ""
        raise
    return origin if tag == etag else ""


def _error(url: str, operation: str, detail: str, kind: ErrorKind) -> ProviderError:
    return ProviderError(f"{url}: {detail}", service="file", operation=operation, kind=kind)


@contextlib.contextmanager
def _errors(url: str, operation: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise _error(url, operation, "there is no such file", ErrorKind.NOT_FOUND) from None
    except (IsADirectoryError, NotADirectoryError):
        raise _error(url, operation, "a folder and a file stand in each other's place", ErrorKind.INVALID) from None
    except PermissionError:
        raise _error(url, operation, "this user may not do that", ErrorKind.PERMISSION) from None
    except OSError as error:
        raise _error(url, operation, error.strerror or str(error), ErrorKind.TRANSIENT) from error
