"""The streams of a process: reads the change feed while somebody looks on, and carries each stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from penstock.errors import StoreError
from penstock.model.feed.delta import HealthDelta
from penstock.model.feed.position import FeedPosition, FeedRow
from penstock_server.stream import event_text
from penstock_server.stream.hub import Hub, Subscriber, Viewer, Wanted, encoded

LOOK_S = 0.04
"""Seconds from look to look: what comes between is told as one."""
BEAT_S = 15.0
"""Seconds after which a stream with nothing to say says so: proxies close lines that are silent for a minute."""
_AGAIN_S = 1.0
_REPORT_S = 0.25
"""Seconds from look to look at files into which services and others report."""
_SCHEMA_S = 1.0
_STOPPED = "The server stops. Come again: what happens meanwhile is told then."


class Follower(Protocol):
    """Reads the feed; as `penstock.service.stream.changes.ChangeFollower`."""

    def position(self) -> FeedPosition:
        """Where it ends now."""

    def moved(self) -> bool:
        """Whether there may be more."""

    def rows(self, after: FeedPosition, until: FeedPosition | None = None) -> Sequence[FeedRow] | None:
        """A page of it; None if what comes next is lost."""

    def reported(self) -> bool:
        """Whether what reports into files has said something else."""

    def outgrown(self) -> str:
        """Why nothing may be read any more; "" if it may."""

    def close(self) -> None:
        """Read no more."""


class EventStream(NamedTuple):
    """One stream.

    Attributes:
        content: What is sent of it; it ends when the server stops.
        end: Has it say why it ends, and end.
        close: Has nothing more be kept for it.
    """

    content: AsyncIterator[bytes]
    end: Callable[[str], None]
    close: Callable[[], None]


class EventStreams:
    """Opens streams, and ends them all when the server stops.

    Args:
        follow: Makes what reads the feed, when the first stream is opened.
        look_s: Seconds from look to look.
        beat_s: Seconds of silence at most.
    """

    def __init__(self, follow: Callable[[], Follower], *, look_s: float = LOOK_S, beat_s: float = BEAT_S) -> None:
        self._follow, self._look_s, self._beat_s = follow, look_s, beat_s
        self._follower: Follower | None = None
        self._hub: Hub | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._over = False
        self._problem = ""

    async def open(self, viewer: Viewer, wanted: Wanted, after: FeedPosition | None = None) -> EventStream:
        """Open a stream, which whoever asked for it closes.

        Raises:
            StoreError: The database failed, or its schema has left this code behind, of which the streams before were told.
        """
        hub, follower = await self._started()
        if self._problem:
            raise StoreError(self._problem)
        woken = asyncio.Event()
        begin = hub.position
        subscriber = hub.join(viewer, wanted, woken.set, after)
        if self._over:
            subscriber.end(_STOPPED)
        carried = self._carried(follower, subscriber, woken, after, begin)
        return EventStream(carried, subscriber.end, lambda: hub.leave(subscriber))

    async def end(self) -> None:
        """End all streams, and read no more."""
        self._over = True
        if self._hub is not None:
            self._hub.end(_STOPPED)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._follower is not None:
            self._follower.close()

    async def _started(self) -> tuple[Hub, Follower]:
        async with self._starting:
            if self._follower is None:
                self._follower = await asyncio.to_thread(self._follow)
            if self._hub is None or self._reading is None or self._reading.done():
                self._hub = Hub(await asyncio.to_thread(self._follower.position))
                self._problem = ""
                self._reading = asyncio.create_task(self._read(self._hub, self._follower))
            return self._hub, self._follower

    async def _read(self, hub: Hub, follower: Follower) -> None:
        """Hand out what is committed for as long as somebody looks on; an outage of the database is waited for."""
        behind = True
        idle = 0
        checking = [asyncio.create_task(each) for each in (self._report(hub, follower), self._outgrow(hub, follower))]
        try:
            while idle * self._look_s < self._beat_s:
                try:
                    if behind or await asyncio.to_thread(follower.moved):
                        behind = await self._page(hub, follower)
                    await asyncio.sleep(0 if behind else self._look_s)
                except StoreError:
                    behind = True
                    await asyncio.sleep(_AGAIN_S)
                idle = 0 if len(hub) else idle + 1
        finally:
            for each in checking:
                each.cancel()

    async def _report(self, hub: Hub, follower: Follower) -> None:
        """Tell of what is reported into files."""
        while True:
            if await asyncio.to_thread(follower.reported):
                hub.notify(HealthDelta())
            await asyncio.sleep(_REPORT_S)

    async def _outgrow(self, hub: Hub, follower: Follower) -> None:
        """End all streams once the schema has left this code behind: what it read from then on might be misread."""
        while True:
            with suppress(StoreError):  # a database that cannot be asked is waited for where it is read
                self._problem = await asyncio.to_thread(follower.outgrown)
                if self._problem:
                    hub.end(self._problem)
            await asyncio.sleep(_SCHEMA_S)

    async def _page(self, hub: Hub, follower: Follower) -> bool:
        """Hand out a page; returns whether another one may follow at once."""
        rows = await asyncio.to_thread(follower.rows, hub.position)
        if rows is None:
            hub.lose(await asyncio.to_thread(follower.position))
            return True
        hub.forget(rows)
        hub.publish(rows, await asyncio.to_thread(hub.messages(rows)))
        return bool(rows)

    async def _carried(
        self,
        follower: Follower,
        subscriber: Subscriber,
        woken: asyncio.Event,
        after: FeedPosition | None,
        begin: FeedPosition,
    ) -> AsyncIterator[bytes]:
        yield event_text.RETRY
        if after is None:
            yield event_text.event("ready", begin, b"{}")
        else:
            async for message in self._missed(follower, subscriber, after, begin):
                yield message
        while True:
            woken.clear()
            for message in subscriber.take():
                yield message
            if subscriber.ended:
                return
            try:
                await asyncio.wait_for(woken.wait(), self._beat_s)
            except TimeoutError:
                yield event_text.beat(subscriber.after)

    async def _missed(
        self, follower: Follower, subscriber: Subscriber, after: FeedPosition, until: FeedPosition
    ) -> AsyncIterator[bytes]:
        """What was told between where a client has come to and where its stream has begun."""
        while not subscriber.ended:
            rows = await asyncio.to_thread(follower.rows, after, until)
            if rows is None:
                subscriber.after = max(subscriber.after, until) if after.database == until.database else until
                yield event_text.event("reset", until, b"{}")
                return
            if not rows:
                return
            message = await asyncio.to_thread(encoded, rows, subscriber.viewer, subscriber.wanted)
            if message is not None:
                yield message
            after = rows[-1].position
