"""Objects as files of the depot: ``depot://name/of/object``."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from penstock.spec.object_store import ObjectInfo
from penstock_parcels.errors import provider_error
from penstock_parcels.hooks import DepotHook

_SCHEME = "depot://"


class DepotStore:
    """Objects below the depot's folder ``objects``.

    Args:
        conn_id: The connection; the default one for None.
    """

    def __init__(self, conn_id: str | None = None) -> None:
        self._hook = DepotHook(conn_id or DepotHook.default_conn_id)

    @property
    def _folder(self) -> Path:
        return self._hook.folder / "objects"

    def stat(self, url: str) -> ObjectInfo | None:
        """The object, or None."""
        path = self._path(url)
        return self._info(path) if path.is_file() else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL starts so, by name."""
        for path in sorted(self._folder.rglob("*")):
            if path.is_file() and not path.name.startswith(".part-") and self._url(path).startswith(prefix):
                yield self._info(path)

    def read(self, url: str) -> bytes:
        """The whole object."""
        with _errors("read"):
            return self._path(url).read_bytes()

    def open(self, url: str) -> BinaryIO:
        """A stream over it."""
        with _errors("open"):
            return self._path(url).open("rb")

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False if there is one."""
        path = self._path(url)
        with _errors("write"):
            part = self._part(path)
            part.write_bytes(data)
            return _named(part, path, if_absent=if_absent)

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:  # noqa: ARG002 - this store cannot keep it
        """Store a stream."""
        path = self._path(url)
        with _errors("upload"):
            part = self._part(path)
            with part.open("wb") as target:
                shutil.copyfileobj(stream, target)
            _named(part, path, if_absent=False)

    def origin(self, url: str) -> str:  # noqa: ARG002 - the spec's signature
        """Nothing is known of it: the store keeps the content alone."""
        return ""

    def delete(self, url: str) -> None:
        """Remove the object, if it is there."""
        with _errors("delete"):
            self._path(url).unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self._folder / url.removeprefix(_SCHEME)

    def _url(self, path: Path) -> str:
        return _SCHEME + path.relative_to(self._folder).as_posix()

    def _part(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f".part-{path.name}")

    def _info(self, path: Path) -> ObjectInfo:
        with _errors("stat"):
            data = path.read_bytes()
        return ObjectInfo(self._url(path), len(data), hashlib.sha256(data).hexdigest())


def _named(part: Path, path: Path, *, if_absent: bool) -> bool:
    """Give the file its name; of several writers that want the object to be new one succeeds."""
    if not if_absent:
        part.replace(path)
        return True
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink()
    return True


@contextmanager
def _errors(operation: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise provider_error(error, operation) from error
