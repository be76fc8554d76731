"""The service as an object store: any transfer reads and writes ``sample://NAME``."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from penstock.spec.object_store import ObjectInfo

from penstock_sample.hooks import (
    SampleHook,
    SampleItem,
    name_of,
)

_PART_BYTES = 1 << 18


class SampleObjectStore:
    """Items behind ``sample://NAME``; implements `penstock.spec.object_store.ObjectStore`.

    Args:
        conn_id: The connection; ``sample_default`` unless given.
    """

    def __init__(self, conn_id: str | None = None) -> None:
        self._hook = SampleHook(conn_id)

    def stat(self, url: str) -> ObjectInfo | None:
        """The object at this URL, or None if there is none."""
        found = self._hook.find(name_of(url))
        return _info(found) if found else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Objects whose URL begins with ``prefix``."""
        yield from (_info(each) for each in self._hook.list(name_of(prefix)))

    def read(self, url: str) -> bytes:
        """The whole object."""
        return self._hook.read(name_of(url))

    def open(self, url: str) -> BinaryIO:
        """A stream over the object."""
        stream: Any = self._hook.open(name_of(url))
        return stream  # type: ignore[no-any-return]

    def write(self, url: str, data: bytes, *, if_absent: bool = False) -> bool:
        """Store bytes; with ``if_absent``, False is returned and nothing changed if the object exists."""
        return self._hook.write(name_of(url), data, if_absent=if_absent)

    def upload(self, url: str, stream: BinaryIO, *, origin: str = "") -> None:  # noqa: ARG002 - this store cannot keep it
        """Store a stream of any length, part by part."""
        self._hook.write(name_of(url), iter(lambda: stream.read(_PART_BYTES), b""))

    def origin(self, url: str) -> str:  # noqa: ARG002 - the spec's signature
        """Nothing is known of it: the store keeps the content alone."""
        return ""

    def delete(self, url: str) -> None:
        """Remove the object; no error if it does not exist."""
        self._hook.delete(name_of(url))


def _info(found: SampleItem) -> ObjectInfo:
    return ObjectInfo("sample://" + found.name, found.size, found.tag)
