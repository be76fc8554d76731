"""A descriptor that is readable when somebody has stored something of a remote try, or when this process has something to tell."""

import contextlib
import os
import selectors
import threading

from penstock.errors import StoreError
from penstock.store import REMOTE, Store, Wakeup


class RemoteWakeup:
    """Wakes a scheduler.

    Args:
        store: Where others store.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, threading.Lock()
        self._wakeup: Wakeup | None = None
        self._watched: int | None = None
        self._selector = selectors.DefaultSelector()
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._selector.register(self._read, selectors.EVENT_READ)
        self._closed = False

    def fileno(self) -> int:
        """The descriptor."""
        return self._selector.fileno()

    def wake(self) -> None:
        """Make it readable; from any thread, and after its end, when it does nothing."""
        with self._lock, contextlib.suppress(BlockingIOError):
            if not self._closed:
                os.write(self._write, b"x")

    def listen(self) -> None:
        """Hear of what others store; without the database it is looked for without, until it is back."""
        try:
            self._wakeup = self._store.wakeups.listen(REMOTE)
            self._watch(self._wakeup.fileno())
        except StoreError:
            self._deafen()

    def woken(self) -> bool:
        """Whether somebody has stored something since the last call; the descriptor is quiet then until the next time."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass
        if self._wakeup is None:
            self.listen()
            return self._wakeup is not None
        woken = any(key.fd == self._watched for key, _ in self._selector.select(0)) or self._wakeup.cut
        if woken:
            try:
                self._wakeup.drain()
                self._watch(self._wakeup.fileno())
            except StoreError:
                self._deafen()
        return woken

    def close(self) -> None:
        """Let go."""
        with self._lock:
            self._closed = True
            self._deafen()
            self._selector.close()
            os.close(self._read)
            os.close(self._write)

    def _watch(self, descriptor: int | None) -> None:
        if self._watched is not None:
            with contextlib.suppress(KeyError, ValueError, OSError):  # it may be closed by now
                self._selector.unregister(self._watched)
        self._watched = descriptor
        if descriptor is not None:
            self._selector.register(descriptor, selectors.EVENT_READ)

    def _deafen(self) -> None:
        self._watch(None)
        if self._wakeup is not None:
            self._wakeup.close()
            self._wakeup = None
