"""The hub: hands what was read once to all who look on, each of whom sees what it may and wants. No I/O, no clock."""

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from penstock.model.feed.delta import DagDeleted, DagDelta, Delta
from penstock.model.feed.position import FeedPosition, FeedRow
from penstock_server.stream import event_text

QUEUED = 256
"""Messages that wait for one who does not take them, at most."""
QUEUED_BYTES = 4 * 2**20
"""Bytes of these at most, but for one message that is longer by itself."""
_encode = msgspec.json.Encoder().encode


class Viewer(Protocol):
    """Who looks on.

    Attributes:
        group: Whoever has the same one sees the same.
    """

    group: Hashable

    def sees(self, delta: Delta) -> bool:
        """Whether it may learn of this."""

    def forget(self, dag_ids: Collection[str]) -> None:
        """Find out anew whether it may learn of some DAGs."""


class Wanted(NamedTuple):
    """What of all that may be seen is wanted; empty for all.

    Attributes:
        dags: Ids of DAGs; what is about none is left out.
        run: Id of a run.
        kinds: Kinds of deltas.
    """

    dags: frozenset[str] = frozenset()
    run: str = ""
    kinds: frozenset[str] = frozenset()

    def takes(self, delta: Delta) -> bool:
        """Whether a delta is wanted."""
        return (
            (not self.dags or delta.dag_id in self.dags)
            and (not self.run or getattr(delta, "run_id", "") == self.run)
            and (not self.kinds or str(delta.__struct_config__.tag) in self.kinds)
        )


class Subscriber:
    """One stream.

    Args:
        viewer: Who looks on.
        wanted: What of it.
        after: All up to here it knows, or will be told by who opened it.
        wake: Called when there is something to take.

    Attributes:
        ended: Whether nothing more comes once what waits is taken.
    """

    def __init__(self, viewer: Viewer, wanted: Wanted, after: FeedPosition, wake: Callable[[], None]) -> None:
        self.viewer, self.wanted, self.after, self._wake = viewer, wanted, after, wake
        self.ended = False
        self._queue: deque[bytes] = deque()
        self._size = 0

    def take(self) -> list[bytes]:
        """What waits."""
        taken = list(self._queue)
        self._queue.clear()
        self._size = 0
        return taken

    def put(self, message: bytes, position: FeedPosition, most: int, most_bytes: int) -> None:
        """Have a message wait. Who does not take them loses them all: it is to read anew what is stored, and to come again."""
        if len(self._queue) >= most or (self._queue and self._size + len(message) > most_bytes):
            self._queue.clear()
            self._size = 0
            message = event_text.event("reset", position, b"{}")
            self.ended = True
        self._queue.append(message)
        self._size += len(message)
        self._wake()

    def end(self, reason: str) -> None:
        """Have nothing more come but why that is."""
        if not self.ended:
            self.ended = True
            self._queue.append(event_text.end(self.after, reason))
        self._wake()


class _Audience(NamedTuple):
    """Whoever has the same one is told the same, of all rows but the first ones, which are known."""

    group: Hashable
    wanted: Wanted
    known: int


class Hub:
    """All streams of a process.

    Args:
        position: All up to here was handed out before.
        queued: Messages that wait for one stream at most.
        queued_bytes: Bytes of these at most.

    Attributes:
        position: How far the feed was handed out.
    """

    def __init__(self, position: FeedPosition, *, queued: int = QUEUED, queued_bytes: int = QUEUED_BYTES) -> None:
        self.position, self._most = position, (queued, queued_bytes)
        self._subscribers: list[Subscriber] = []

    def __len__(self) -> int:
        """How many streams are open."""
        return len(self._subscribers)

    def join(
        self, viewer: Viewer, wanted: Wanted, wake: Callable[[], None], after: FeedPosition | None = None
    ) -> Subscriber:
        """Open a stream, to which all comes that is handed out from now on and lies after a position."""
        joined = Subscriber(viewer, wanted, self.position if after is None else max(after, self.position), wake)
        self._subscribers.append(joined)
        return joined

    def leave(self, subscriber: Subscriber) -> None:
        """Close a stream."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def messages(self, rows: Sequence[FeedRow]) -> Callable[[], dict[Hashable, bytes | None]]:
        """What makes the messages of rows, one for all who see and want the same.

        It is called in a thread: whether a thing may be seen may have to be asked of the database, which would hold up all streams.
        """
        chosen = {audience: each for each, audience in reversed(self._audiences(rows))}
        return lambda: {audience: _message(audience, rows, each.viewer) for audience, each in chosen.items()}

    def publish(self, rows: Sequence[FeedRow], made: Mapping[Hashable, bytes | None] | None = None) -> None:
        """Hand out what was read.

        Args:
            rows: What that is.
            made: The messages of it that are made already; one of somebody who has come since is made here.
        """
        if not rows:
            return
        end = rows[-1].position
        known = dict(made or {})
        for each, audience in self._audiences(rows):
            if audience not in known:
                known[audience] = _message(audience, rows, each.viewer)
            message, each.after = known[audience], end
            if message is not None:
                each.put(message, end, *self._most)
        self.position = end

    def _audiences(self, rows: Sequence[FeedRow]) -> list[tuple[Subscriber, _Audience]]:
        end = rows[-1].position if rows else self.position
        return [
            (each, _Audience(each.viewer.group, each.wanted, sum(row.position <= each.after for row in rows)))
            for each in self._subscribers
            if not each.ended and each.after < end
        ]

    def notify(self, delta: Delta) -> None:
        """Hand out what has changed and stands in no feed: it moves no place."""
        for each in [each for each in self._subscribers if not each.ended and each.wanted.takes(delta)]:
            if each.viewer.sees(delta):
                each.put(event_text.event("changes", each.after, _encode([delta])), each.after, *self._most)

    def lose(self, position: FeedPosition) -> None:
        """What comes next was dropped before it was read: all are to read anew what is stored, and to go on from a position."""
        for each in self._subscribers:
            each.after = position
            each.put(event_text.event("reset", position, b"{}"), position, *self._most)
        self.position = position

    def end(self, reason: str) -> None:
        """End all streams, each with the reason."""
        for each in self._subscribers:
            each.end(reason)

    def forget(self, rows: Iterable[FeedRow]) -> None:
        """Have all who look on find out anew whether they may learn of the DAGs that have changed: one may have lost its tags."""
        kinds = (DagDelta, DagDeleted)
        changed = {delta.dag_id for row in rows for delta in row.deltas if isinstance(delta, kinds)}
        for each in self._subscribers if changed else ():
            each.viewer.forget(changed)


def _message(audience: _Audience, rows: Sequence[FeedRow], viewer: Viewer) -> bytes | None:
    return encoded(rows[audience.known :], viewer, audience.wanted)


def encoded(rows: Iterable[FeedRow], viewer: Viewer, wanted: Wanted) -> bytes | None:
    """What somebody is told of some rows: of each thing the newest; None if that is nothing."""
    newest: dict[Hashable, Delta] = {}
    position = None
    for row in rows:
        position = row.position
        for delta in row.deltas:
            if wanted.takes(delta) and viewer.sees(delta):
                newest.pop(delta.thing, None)
                newest[delta.thing] = delta
    return event_text.event("changes", position, _encode(list(newest.values()))) if newest else None
