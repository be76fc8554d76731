"""Tasks that a service polls for, each poll up to a minute long, without making a stop wait for its end."""

import os
import select
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from penstock.errors import ProviderError
from penstock.spec.service import ServiceContext

T = TypeVar("T")

PAUSE_S = 5.0
_REPORT_S = 10.0


def polled_tasks(context: ServiceContext, ask: Callable[[], T | None], waiting: str) -> Iterator[T]:
    """Give the tasks that are polled, one after the other, until the service is to stop; each poll is reported.

    A poll that a stop leaves behind ends with the process. A task that the service hands to it then is nobody's, until its
    timeout.

    Args:
        context: That of the service.
        ask: Polls once.
        waiting: What is reported as long as there is no task.
    """
    well = True
    while not context.stopping:
        poll = _LongPoll(ask)
        if not poll.is_answered(context, waiting, well=well):
            return
        try:
            found = poll.take()
        except ProviderError as error:
            well = False
            context.report(str(error), healthy=False)
            context.wait(PAUSE_S)
            continue
        well = True
        context.report(waiting)
        if found is not None:
            yield found


class _LongPoll(Generic[T]):
    """A question that is asked in a thread of its own."""

    def __init__(self, ask: Callable[[], T | None]) -> None:
        self._ask = ask
        self._answer: T | None = None
        self._error: Exception | None = None
        self._reading, self._writing = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def is_answered(self, context: ServiceContext, waiting: str, *, well: bool) -> bool:
        """Wait for the answer, and report from time to time; False if the service is to stop before there is one."""
        while True:
            ready, _, _ = select.select([self._reading, context.fileno()], [], [], _REPORT_S)
            if ready:
                return self._reading in ready
            context.report(waiting, healthy=well)

    def take(self) -> T | None:
        """The answer, or what was raised in its place."""
        os.close(self._reading)
        os.close(self._writing)
        if self._error is not None:
            raise self._error
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is taken
            self._error = error
        os.write(self._writing, b"x")
