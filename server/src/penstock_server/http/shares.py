"""Threads that whoever asks has a share of: who asks for much waits for it, and others do not."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from penstock_server.http.problems import RefusedError

MOST_WAITING = 128
"""Calls of one asker that wait for its share; with more, it is told to come again."""

T = TypeVar("T")


@dataclass
class _Share:
    at_work: int = 0
    waiting: deque[tuple[Future[Any], Callable[[], Any]]] = field(default_factory=deque)


class Shares:
    """Calls functions in threads, half of which one asker has at most.

    Args:
        threads: How many there are.
        name: What the threads are called.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads, self._most = ThreadPoolExecutor(threads, name), max(1, threads // 2)
        self._lock = threading.Lock()
        self._of: dict[Hashable, _Share] = {}

    def submit(self, asker: Hashable, call: Callable[[], T]) -> Future[T]:
        """Have something called.

        Args:
            asker: Whose share it is of.
            call: What is called.

        Raises:
            RefusedError: Too much of this asker's waits already.
        """
        made: Future[T] = Future()
        with self._lock:
            share = self._of.setdefault(asker, _Share())
            if share.at_work >= self._most:
                if len(share.waiting) >= MOST_WAITING:
                    raise RefusedError(
                        HTTPStatus.TOO_MANY_REQUESTS,
                        f"you ask for more than {self._most + MOST_WAITING} things at once. Wait for some of the answers.",
                        {"Retry-After": "1"},
                    )
                share.waiting.append((made, call))
                return made
            share.at_work += 1
        self._threads.submit(self._work, asker, made, call)
        return made

    def _work(self, asker: Hashable, made: Future[Any], call: Callable[[], Any]) -> None:
        try:
            if made.set_running_or_notify_cancel():  # else whoever asked has gone away
                made.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted
            made.set_exception(error)
        with self._lock:
            share = self._of[asker]
            following = share.waiting.popleft() if share.waiting else None
            if following is None:
                share.at_work -= 1
                if share.at_work == 0:
                    del self._of[asker]
        if following is not None:  # behind what others wait for
            self._threads.submit(self._work, asker, *following)
