"""The cache of what was fetched from the network, one folder a kind, shared by all projects of the user."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


class DownloadCache:
    """Files of one kind that were fetched before.

    A cache that cannot be written to keeps nothing; that is no error.
    """

    def __init__(self, kind: str) -> None:
        self._folder = cache_folder() / kind

    def read(self, name: str, max_age: float | None = None) -> bytes | None:
        """Return a file's content, or None where it is not kept.

        Args:
            name: Its name in the cache.
            max_age: Seconds after which what is kept no longer counts; None is never.
        """
        path = self._folder / name
        try:
            if max_age is not None and time.time() - path.stat().st_mtime >= max_age:
                return None
            return path.read_bytes()
        except OSError:
            return None

    def write(self, name: str, body: bytes) -> None:
        """Keep a file, in one step."""
        path = self._folder / name
        temporary = path.with_name(f".{name}.{os.getpid()}.{id(body)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(body)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def cache_folder() -> Path:
    """Return the manager's cache on this machine: ``PENSTOCK_CACHE``, or the user's cache folder."""
    named = os.environ.get("PENSTOCK_CACHE")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "penstock"
