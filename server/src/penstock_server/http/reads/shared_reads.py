"""Who asks the same at the same time is given one answer: it is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class _Read(Generic[Answer]):
    """A read that is under way."""

    def __init__(self, make: Callable[[], Answer], asked_s: float, own: int) -> None:
        self._make, self.asked_s, self.own = make, asked_s, own
        self.begun = False
        self.answer: asyncio.Future[Answer]

    def __call__(self) -> Answer:
        self.begun = True  # before anything is read: who asks from now on might know of what is not in it
        return self._make()


class SharedReads(Generic[Answer]):
    """Has reads made in threads, the same ones once; those of each event loop by themselves.

    A read that waits for a thread is whoever's asks the same meanwhile: it sees all that was there when they asked. One that has begun is
    shared with those who allow for some age.

    Args:
        now_s: Tells the monotonic time in seconds.
        own: Tells how many transactions this process has committed.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        own: Callable[[], int],
    ) -> None:
        self._now_s, self._own = now_s, own
        self._open: dict[Hashable, _Read[Answer]] = {}

    async def answer(
        self,
        key: Hashable,
        make: Callable[[], Answer],
        in_thread: Callable[[Callable[[], Answer]], Awaitable[Answer]],
        age_s: float = 0.0,
    ) -> Answer:
        """The answer of a read, shared or made.

        Args:
            key: Those with the same one ask the same, and are answered the same.
            make: Makes the answer; what it raises is raised to all who share it.
            in_thread: Has something called in a thread.
            age_s: How old it may be.
        """
        now_s, own, place = self._now_s(), self._own(), (asyncio.get_running_loop(), key)
        found = self._open.get(place)
        if found is None or (found.begun and (found.own != own or now_s >= found.asked_s + age_s)):
            found = _Read(make, now_s, own)
            found.answer = asyncio.ensure_future(in_thread(found))
            found.answer.add_done_callback(lambda _, read=found: self._end(place, read))  # type: ignore[misc] # of this read
            self._open[place] = found
        # Who goes away before the answer is there takes it from nobody else.
        return await asyncio.shield(found.answer)

    def _end(self, place: Hashable, read: _Read[Answer]) -> None:
        if self._open.get(place) is read:
            del self._open[place]
