"""A thread in which the calls of a provider's executor run, so that the scheduler waits for none of them for long."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class ExecutorThread:
    """Runs calls in their order, one at a time; a call that hangs holds up those after it, and nobody else.

    Args:
        name: Of the executor.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._last: Future[Any] | None = None
        # A daemon: a call that never returns must not keep the scheduler's process alive.
        threading.Thread(target=self._run, name=f"executor {name}", daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether every call has returned."""
        return self._last is None or self._last.done()

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Have a function called after those before it; it must raise nothing."""
        future: Future[T] = Future()
        self._last = future
        self._calls.put((future, function))
        return future

    def end(self) -> None:
        """Have the thread end after the calls that it has."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            future.set_result(function())
