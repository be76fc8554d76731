"""Logs of tries that the service keeps: a chunk is an item ``LOG#OFFSET``, a whole log has an item ``LOG#whole``."""

from collections.abc import Iterator

from penstock_sample.hooks import SampleHook

_WHOLE = "whole"


class SampleLogStore:
    """Keeps logs as items; implements `penstock.spec.log_store.LogStore`.

    No name of a log has a ``#`` in it, and an offset is written with so many digits that chunks are listed in their order.

    Args:
        url: ``sample-logs://PREFIX``.
        conn_id: The connection; ``sample_default`` unless given.
    """

    def __init__(self, url: str, conn_id: str | None = None) -> None:
        prefix = url.removeprefix("sample-logs://").strip("/")
        self._hook, self._prefix = SampleHook(conn_id), f"{prefix}/" if prefix else ""

    def append(self, log: str, offset: int, data: bytes) -> int:
        """Store a chunk; one that is there already stays, and its length is returned."""
        name = f"{self._prefix}{log}#{offset:020}"
        if self._hook.write(name, data, if_absent=True):
            return len(data)
        found = self._hook.find(name)
        return found.size if found else 0

    def seal(self, log: str, size: int) -> None:
        """Note that a log is whole."""
        self._hook.write(f"{self._prefix}{log}#{_WHOLE}", str(size).encode())

    def sealed(self, log: str) -> int | None:
        """Its size if it is whole, else None."""
        name = f"{self._prefix}{log}#{_WHOLE}"
        return int(self._hook.read(name)) if self._hook.find(name) else None

    def read(self, log: str, offset: int = 0) -> Iterator[bytes]:
        """Chunk by chunk, from an offset on."""
        for each in self._hook.list(f"{self._prefix}{log}#"):
            begins = each.name.rpartition("#")[2]
            if begins != _WHOLE and int(begins) + each.size > offset:
                yield self._hook.read(each.name)[max(0, offset - int(begins)) :]

    def delete(self, prefix: str) -> None:
        """Remove the logs whose names begin with a prefix."""
        for each in self._hook.list(self._prefix + prefix):
            self._hook.delete(each.name)
