"""Clients of an SDK: made on first use, kept while the connection's content stays the same, never across a fork.

A client's sockets and TLS state are shared with a forked child, and broken by whoever uses them second
(boto/botocore#1246, fsspec/s3fs#56); a thread-safe client may serve all threads of a process.
"""

import os
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Client = TypeVar("Client")


class ClientCache(Generic[Client]):
    """The clients of one process, each made once by whoever asks first while others who want the same one wait for it.

    Args:
        most: How many are kept; the oldest is dropped for one more.
        close: Closes what a dropped client keeps open; the client may be in use by another thread, and has to bear that. Most SDKs'
            clients are part of a cycle, so that their connections stay open until the garbage collector looks.
    """

    def __init__(self, most: int = 64, *, close: Callable[[Client], object] | None = None) -> None:
        self._most, self._close = most, close
        self._clients: dict[Hashable, Client] = {}
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        _caches.add(self)

    def get(self, key: Hashable, make: Callable[[], Client]) -> Client:
        """The client of a key, such as ``(service, fields)``; ``make`` is called if there is none yet."""
        found = self._clients.get(key)
        if found is not None:
            return found
        with self._lock:  # not while one is made: a service that does not answer must not hold up the clients of others
            making = self._making.setdefault(key, threading.Lock())
        with making:  # a waiter's first pokes all ask at the same moment
            found = self._clients.get(key)
            if found is None:
                try:
                    found = make()
                finally:
                    self._made(key, found)
            return found

    def _made(self, key: Hashable, made: Client | None) -> None:
        with self._lock:
            self._making.pop(key, None)
            oldest = [] if made is None or len(self._clients) < self._most else [next(iter(self._clients))]
            if made is not None:
                self._clients[key] = made
        for each in oldest:  # beside the lock, as to close one may take long
            self.forget(each)

    def forget(self, key: Hashable) -> None:
        """Drop a client, so that the next one is made anew, with credentials that are looked up again."""
        dropped = self._clients.pop(key, None)
        if dropped is not None and self._close is not None:
            self._close(dropped)

    def _forget_parents(self) -> None:
        """Begin anew in a forked child: the parent's clients are the parent's, and so is a lock that was held."""
        self._left = self._clients  # not released: closing a shared TLS connection would end the parent's
        self._clients, self._making, self._lock = {}, {}, threading.Lock()


_caches: "weakref.WeakSet[ClientCache[Any]]" = weakref.WeakSet()


def _after_fork() -> None:
    for cache in list(_caches):
        cache._forget_parents()  # noqa: SLF001 - of this file


os.register_at_fork(after_in_child=_after_fork)
