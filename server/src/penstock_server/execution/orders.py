"""Renewals that wait for their answer: a worker is told at once that it is to end something, and is not asked to come again and again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from penstock.errors import StoreError
from penstock.model.remote.execution_messages import Renewal, RenewalAnswer
from penstock.service.execution.execution import Execution
from penstock.service.execution.worker_wakeup import WorkerWakeup

LOOK_S = 3.0
"""Seconds between two looks where nothing wakes: a wakeup is lost if its sender is killed."""
MOST_S = 30.0
"""Seconds for which an answer waits, at most: what stands between may close a connection that says nothing for a minute."""

_log = logging.getLogger(__name__)


class Orders:
    """Answers renewals when there is something to tell, or when they have waited.

    Args:
        execution: Knows what is to be told.
        wakeup: Opens what tells that there may be something.
    """

    def __init__(self, execution: Execution, wakeup: Callable[[], WorkerWakeup]) -> None:
        self._execution, self._open = execution, wakeup
        self._waiting: dict[int, tuple[Renewal, asyncio.Future[RenewalAnswer]]] = {}
        self._numbers = count()  # a worker whose connection was cut says the same again, and both wait
        self._looking: asyncio.Task[None] | None = None
        self._over = False

    async def answer(self, asked: Renewal) -> RenewalAnswer:
        """Wait with the answer to a renewal, of whose worker nothing is to be told now."""
        if self._over:
            return RenewalAnswer()
        future: asyncio.Future[RenewalAnswer] = asyncio.get_running_loop().create_future()
        number = next(self._numbers)
        self._waiting[number] = (asked, future)
        self._go_on_looking()
        try:
            async with asyncio.timeout(min(asked.wait_s, MOST_S)):
                return await future
        except TimeoutError:
            return RenewalAnswer()
        finally:
            del self._waiting[number]

    async def end(self) -> None:
        """Answer all that wait, and have none wait any more: the server stops, and workers ask another, or this one when it is back."""
        self._over = True
        for _, future in list(self._waiting.values()):
            if not future.done():
                future.set_result(RenewalAnswer())
        looking = self._looking
        if looking is not None:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    def _go_on_looking(self) -> None:
        if not self._over and self._waiting and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._looked)

    def _looked(self, task: "asyncio.Task[None]") -> None:
        """Look on for who came while the last look was being ended, or where it failed."""
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            _log.error("orders of workers could not be looked for", exc_info=error)
            asyncio.get_running_loop().call_later(LOOK_S, self._go_on_looking)
        else:
            self._go_on_looking()

    async def _look(self) -> None:
        """Look whenever something wakes, for as long as somebody waits."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        wakeup = await asyncio.to_thread(self._open)
        watched = -1
        try:
            while self._waiting:
                found = wakeup.fileno()
                if found != watched and found >= 0:
                    loop.add_reader(found, woken.set)
                    watched = found
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await woken.wait()
                woken.clear()
                if watched >= 0:
                    loop.remove_reader(watched)
                    watched = -1
                await asyncio.to_thread(wakeup.drain)
                await self._answer_waiting()
        finally:
            if watched >= 0:
                loop.remove_reader(watched)
            await asyncio.to_thread(wakeup.close)

    async def _answer_waiting(self) -> None:
        waiting = list(self._waiting.values())
        asked: Sequence[Renewal] = [renewal for renewal, _ in waiting]
        try:
            answers = await asyncio.to_thread(self._execution.answers, asked)
        except StoreError:  # they are told at the next look, or ask again
            return
        for (_, future), answer in zip(waiting, answers, strict=True):
            if not answer.empty and not future.done():
                future.set_result(answer)
