"""Logs as files of the depot: ``depot-logs://folder``."""

import os
from collections.abc import Iterator
from pathlib import Path

from penstock_parcels.hooks import DepotHook

_PIECE = 1 << 20


class DepotLogs:
    """A file for each log, and one with its size once it is whole.

    Args:
        url: The store's URL.
        conn_id: The connection; the default one for None.
    """

    def __init__(self, url: str, conn_id: str | None = None) -> None:
        self._hook, self._place = DepotHook(conn_id or DepotHook.default_conn_id), url.partition("://")[2]

    def append(self, log: str, offset: int, data: bytes) -> int:
        """Write bytes at their offset: a repetition writes the same ones there."""
        path = self._path(log)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            return os.pwrite(descriptor, data, offset)
        finally:
            os.close(descriptor)

    def seal(self, log: str, size: int) -> None:
        """Note the size."""
        self._path(f"{log}.end").write_text(str(size))

    def sealed(self, log: str) -> int | None:
        """The size, if it is known."""
        path = self._path(f"{log}.end")
        return int(path.read_text()) if path.exists() else None

    def read(self, log: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes from an offset on."""
        path = self._path(log)
        if path.exists():
            with path.open("rb") as file:
                file.seek(offset)
                while data := file.read(_PIECE):
                    yield data

    def delete(self, prefix: str) -> None:
        """Remove the files of a folder of logs."""
        for path in sorted(self._path(prefix).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def _path(self, log: str) -> Path:
        return self._hook.folder / self._place / log
