"""The object store behind ``s3://``."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from penstock.spec.object_store import ObjectInfo
from penstock_aws.hooks import S3Hook, S3Object

_ORIGIN = "penstock-origin"


class S3ObjectStore:
    """Objects of S3 behind ``s3://bucket/key``; implements `penstock.spec.object_store.ObjectStore`.

    Args:
        conn_id: The connection, of type ``aws``; ``aws_default`` unless given.
    """

    def __init__(self, conn_id: str | None = None) -> None:
        self._hook = S3Hook(conn_id)

    def stat(self, url: str) -> ObjectInfo | None:
        """The object at this URL, or None if there is none."""
        found = self._hook.head(url)
        return _info(found) if found else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL starts with ``prefix``, in the order of keys, page by page."""
        yield from (_info(each) for each in self._hook.list_objects(*self._hook.parse_prefix(prefix)))

    def read(self, url: str) -> bytes:
        """The whole object."""
        return self._hook.read_key(url)

    def open(self, url: str) -> BinaryIO:
        """A stream over the object."""
        return self._hook.open(url)

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False is returned and nothing changed if the object exists."""
        return self._hook.load_bytes(data, url, replace=not if_absent)

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:
        """Store a stream of any length; the origin is kept in the object's metadata."""
        options: dict[str, Any] = {"Metadata": {_ORIGIN: origin}} if origin else {}
        self._hook.load_fileobj(stream, url, replace=True, **options)

    def origin(self, url: str) -> str:
        """What `upload` was told of the content's origin."""
        return self._hook.metadata(url).get(_ORIGIN, "")

    def delete(self, url: str) -> None:
        """Remove the object; no error if it does not exist."""
        self._hook.delete_object(url)


def _info(found: S3Object) -> ObjectInfo:
    return ObjectInfo(found.url, found.size, found.etag)
