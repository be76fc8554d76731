"""Logs in an object store: how every store that is installed keeps logs at once."""

from collections.abc import Iterator

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo, ObjectStore

_SEAL = ".end"
_DIGITS = 16


class ObjectLogs:
    """Logs as objects below a URL; implements `penstock.spec.log_store.LogStore`.

    Each piece of a log is an object whose name is the offset at which it begins, so that the pieces in the order of their names
    are the log. The seal is an empty object whose name is the log's size.

    Args:
        url: What the URLs of all objects begin with.
        store: Where they are.
    """

    def __init__(self, url: str, store: ObjectStore) -> None:
        self._url, self._store = url.rstrip("/"), store

    def append(self, log: str, offset: int, data: bytes) -> int:
        """Store a piece unless one begins there already; returns the size of the one that stands. Raises ProviderError."""
        url = f"{self._url}/{log}/{offset:0{_DIGITS}}"
        if self._store.write(url, data, if_absent=True):
            return len(data)
        found = self._store.stat(url)
        if found is None:
            raise ProviderError(
                f"{url}: it was there, and is gone", service="logs", operation="Append", kind=ErrorKind.TRANSIENT
            )
        return found.size

    def seal(self, log: str, size: int) -> None:
        """Leave an object that says how long the log is."""
        self._store.write(f"{self._url}/{log}/{size:0{_DIGITS}}{_SEAL}", b"")

    def sealed(self, log: str) -> int | None:
        """The size that the last seal says; None if there is no seal."""
        seals = [name.removesuffix(_SEAL) for name, _ in self._objects(f"{log}/") if name.endswith(_SEAL)]
        return max(map(int, seals), default=None)

    def read(self, log: str, offset: int = 0) -> Iterator[bytes]:
        """Read the pieces in their order; two that overlap, as a late write may leave them, hold the same bytes there.

        Raises:
            ProviderError: A piece is missing, or the object store failed.
        """
        at = offset
        for name, piece in sorted(self._objects(f"{log}/")):
            if name.endswith(_SEAL) or int(name) + piece.size <= at:
                continue
            if int(name) > at:
                detail = f"{piece.url}: the piece before it, from byte {at:,} on, is gone"
                raise ProviderError(detail, service="logs", operation="Read", kind=ErrorKind.NOT_FOUND)
            data = self._store.read(piece.url)[at - int(name) :]
            at += len(data)
            yield data

    def delete(self, prefix: str) -> None:
        """Remove every object of these logs."""
        for found in list(self._store.list(f"{self._url}/{prefix}")):
            self._store.delete(found.url)

    def _objects(self, folder: str) -> Iterator[tuple[str, ObjectInfo]]:
        """The objects of a folder by the last part of their names; what is no piece and no seal is somebody else's.

        So is what lies in a folder of it: one log's name may be the beginning of another's.
        """
        prefix = f"{self._url}/{folder}"
        for found in self._store.list(prefix):
            name = found.url.rpartition("/")[2]
            if name.removesuffix(_SEAL).isdecimal() and found.url.count("/") == prefix.count("/"):
                yield name, found
