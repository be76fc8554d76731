"""Renewals that wait for their answer: a worker is told at once that it is to end something, and is not asked to come again and again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from penstock.errors import StoreError
from penstock.model.remote.execution_messages import Renewal, RenewalAnswer
from penstock.service.execution.execution import Execution
from penstock.service.execution.worker_wakeup import WorkerWakeup

LOOK_S = 3.0
"""Seconds between two looks where nothing wakes: a wakeup is lost if its sender is killed."""
MOST_S = 30.0
"""Seconds for which an answer waits, at most: what stands between may close a connection that says nothing for a minute."""


class Orders:
    """Answers renewals when there is something to tell, or when they have waited.

    Args:
        execution: Knows what is to be told.
        wakeup: Opens what tells that there may be something.
    """

    def __init__(self, execution: Execution, wakeup: Callable[[], WorkerWakeup]) -> None:
        self._execution, self._open = execution, wakeup
        self._waiting: dict[Renewal, asyncio.Future[RenewalAnswer]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def answer(self, asked: Renewal) -> RenewalAnswer:
        """Wait with the answer to a renewal, of whose worker nothing is to be told now."""
        future: asyncio.Future[RenewalAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[asked] = future
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(min(asked.wait_s, MOST_S)):
                return await future
        except TimeoutError:
            return RenewalAnswer()
        finally:
            self._waiting.pop(asked, None)

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
        asked: Sequence[Renewal] = list(self._waiting)
        try:
            answers = await asyncio.to_thread(self._execution.answers, asked)
        except StoreError:  # they are told at the next look, or ask again
            return
        for renewal, answer in zip(asked, answers, strict=True):
            future = self._waiting.get(renewal)
            if not answer.empty and future is not None and not future.done():
                future.set_result(answer)
