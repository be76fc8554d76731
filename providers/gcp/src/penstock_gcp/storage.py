"""The object store behind ``gs://``."""

from collections.abc import Iterator
from typing import BinaryIO

from penstock.spec.object_store import ObjectInfo
from penstock_gcp.hooks import GCSHook, GCSObject

_ORIGIN = "penstock-origin"


class GCSObjectStore:
    """Objects of Cloud Storage behind ``gs://bucket/name``; implements `penstock.spec.object_store.ObjectStore`.

    Args:
        conn_id: The connection, of type ``gcp``; ``gcp_default`` unless given.
    """

    def __init__(self, conn_id: str | None = None) -> None:
        self._hook = GCSHook(conn_id)

    def stat(self, url: str) -> ObjectInfo | None:
        """The object at this URL, or None if there is none."""
        found = self._hook.head(url)
        return _info(found) if found else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL starts with ``prefix``, in the order of names, page by page."""
        yield from (_info(each) for each in self._hook.list_objects(prefix))

    def read(self, url: str) -> bytes:
        """The whole object."""
        return self._hook.read(url)

    def open(self, url: str) -> BinaryIO:
        """A stream over the object."""
        return self._hook.open(url)

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False is returned and nothing changed if the object exists."""
        return self._hook.write(data, url, replace=not if_absent)

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:
        """Store a stream of any length; the origin is kept in the object's metadata."""
        self._hook.upload(stream, url, metadata={"metadata": {_ORIGIN: origin}} if origin else None)

    def origin(self, url: str) -> str:
        """What `upload` was told of the content's origin."""
        found = self._hook.head(url)
        return found.metadata.get(_ORIGIN, "") if found else ""

    def delete(self, url: str) -> None:
        """Remove the object; no error if it does not exist."""
        self._hook.delete(url)


def _info(found: GCSObject) -> ObjectInfo:
    return ObjectInfo(found.url, found.size, str(found.generation))
