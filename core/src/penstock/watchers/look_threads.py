"""Threads in which looks are made: a disk or a server that does not answer holds up one of them, and nobody else."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from penstock.watchers.file_look import FileLook

MOST_THREADS = 32


class LookResult(NamedTuple):
    """A look that has ended: of the watcher of this number."""

    number: int
    look: FileLook


class LookThreads:
    """Makes looks, started as they are asked for. The threads end with the process."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._most, self._threads, self._idle = most, 0, 0
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, Callable[[], FileLook]]] = deque()
        self._done: deque[LookResult] = deque()
        self._reading, self._writing = os.pipe()
        for each in (self._reading, self._writing):
            os.set_blocking(each, False)

    def fileno(self) -> int:
        """A descriptor that is readable once a look has ended."""
        return self._reading

    def start(self, number: int, look: Callable[[], FileLook]) -> None:
        """Have a look made."""
        with self._changed:
            self._waiting.append((number, look))
            if self._idle < len(self._waiting) and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._changed.notify()

    def ended(self) -> list[LookResult]:
        """The looks that have ended since the last call."""
        try:
            os.read(self._reading, 65_536)
        except BlockingIOError:
            return []
        with self._changed:
            found = list(self._done)
            self._done.clear()
        return found

    def close(self) -> None:
        """End the threads that wait; one that looks ends with its look."""
        with self._changed:
            self._most = 0
            os.close(self._reading)
            os.close(self._writing)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and self._most:
                    self._idle += 1
                    self._changed.wait()
                    self._idle -= 1
                if not self._most:
                    return
                number, look = self._waiting.popleft()
            found = LookResult(number, look())
            with self._changed:
                if not self._most:
                    return
                if not self._done:
                    os.write(self._writing, b"x")
                self._done.append(found)
