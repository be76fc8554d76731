"""Reads what comes bit by bit, in threads of its own: as much in one go as is there."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from penstock.service.operations.content import Content

MOST_BYTES = 65_536
"""Bytes that are read in one go, but for an item that is longer by itself."""
MOST_ITEMS = 100
"""Items likewise."""


class Reading:
    """An iterator that is read in threads.

    Args:
        threads: The threads.
        items: The iterator; None of it stands for a pause.
        size: Bytes of an item.
    """

    def __init__(self, threads: ThreadPoolExecutor, items: Iterator[Any], size: Callable[[Any], int]) -> None:
        self._threads, self._items, self._size = threads, items, size
        self._hop: Future[list[Any]] | None = None
        self._error: Exception | None = None
        self._over = False

    async def next(self) -> list[Any]:
        """What comes next, as much as there is in one go; nothing at the end, and None as the last where there is a pause.

        What the iterator raises is raised once all before it was given.
        """
        if self._error is not None:
            raise self._error
        if self._over:
            return []
        self._hop = self._threads.submit(self._some)
        return await asyncio.wrap_future(self._hop)

    def close(self, closed: Callable[[], None]) -> None:
        """Read no more, once a thread that reads now comes back from it.

        Args:
            closed: Called then.
        """

        def end(_hop: object = None) -> None:
            if isinstance(self._items, Generator | Content):
                self._items.close()
            closed()

        if self._hop is None:
            end()
        else:
            self._hop.add_done_callback(end)

    def _some(self) -> list[Any]:
        found: list[Any] = []
        size = 0
        try:
            while size < MOST_BYTES and len(found) < MOST_ITEMS:
                item = next(self._items)
                found.append(item)
                if item is None:
                    break
                size += self._size(item)
        except StopIteration:
            self._over = True
        except Exception as error:
            if not found:
                raise
            self._error = error
        return found
