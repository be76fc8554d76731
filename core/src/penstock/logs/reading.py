"""Reads logs wherever they are: from this machine's files, or from the log store."""

from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from penstock.author.runtime import Runtime, current
from penstock.errors import PluginError
from penstock.model.names import error_reason
from penstock.processes.files import open_file
from penstock.spec.log_store import LogStore

_CHUNK = 1 << 16

_Answer = TypeVar("_Answer")


class LogReader:
    """Reads from an offset on: from the file if there is one, else what the log store has.

    A file goes from this machine only once the store has all of it, so that either goes on where the other was left.

    Args:
        url: URL of the log store, for messages; "" if there is none.
        open_store: Opens it.
        runtime: Finds its connection.
        hide: Takes the secrets of that out of a text.
    """

    def __init__(
        self, url: str, open_store: Callable[[], LogStore], runtime: Runtime, hide: Callable[[str], str] = str
    ) -> None:
        self._url, self._open_store, self._hide = url, open_store, hide
        self._context = copy_context()
        self._context.run(current.set, runtime)

    @property
    def remote(self) -> bool:
        """Whether there is a log store to ask."""
        return bool(self._url)

    def read(self, path: Path, name: str, offset: int = 0) -> Iterator[bytes]:
        """What a log holds from an offset on.

        Args:
            path: Its file on this machine, if it is here.
            name: What it is called in the log store.
            offset: Bytes that are passed over.

        Raises:
            FileNotFoundError: It has no file, and there is no log store.
            OSError: The file cannot be read.
            PenstockError: The log store does not give it.
        """
        try:
            file = open_file(path)
        except FileNotFoundError:
            if not self.remote:
                raise
        else:
            with file:
                file.seek(offset)
                while chunk := file.read(_CHUNK):
                    yield chunk
            return
        pieces = self._fenced(lambda: iter(self._store.read(name, offset)))
        while (piece := self._fenced(lambda: next(pieces, None))) is not None:
            yield piece

    def sealed(self, name: str) -> bool:
        """Whether the log store has the whole log; raises PenstockError."""
        return self.size(name) is not None

    def size(self, name: str) -> int | None:
        """Bytes of a log that the log store has whole; None if it has not. Raises PenstockError."""
        return self._fenced(lambda: self._store.sealed(name))

    @cached_property
    def _store(self) -> LogStore:
        return self._open_store()

    def _fenced(self, ask: Callable[[], _Answer]) -> _Answer:
        try:
            return self._context.run(ask)
        except Exception as error:
            why = self._hide(error_reason(error))
            raise PluginError(f"the log store {self._url} does not give the log: {why}") from error
