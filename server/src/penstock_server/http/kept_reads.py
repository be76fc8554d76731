"""Answers to reads that are true until something is committed: they are given again without asking for what is in them."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, NamedTuple

from penstock.model.access.principal import OWNER, Principal
from penstock.service.installation import Installation

MOST_BYTES = 16 * 1024 * 1024
"""Bytes of all answers that are kept."""
MOST_OF_ONE = 2 * 1024 * 1024
"""Bytes of an answer that is kept."""
KEPT_S = 1.0
"""Seconds for which one is kept: what an answer has of the time of day, such as when the next run falls due, is no older."""
_OF_EACH = 1_000  # bytes that it takes to keep an answer, however short
_LONGEST_QUERY = 1_000
"""Bytes of a question that is kept with its answer: whoever asks longer ones asks anew."""


class TaggedBody(NamedTuple):
    """What a read is answered.

    Attributes:
        body: What it is, encoded.
        tag: Its ETag.
    """

    body: bytes
    tag: str


class _Kept(NamedTuple):
    answer: TaggedBody
    stamp: str
    until_s: float

    @property
    def size(self) -> int:
        return len(self.answer.body) + _OF_EACH


class KeptReads:
    """Keeps answers; for several threads.

    An answer is found by what was asked and by who asks with all that whoever it is may: a grant that is given or taken leads to
    others. It counts for as long as nothing was committed, whoever did (`penstock.store.outbox.commit_stamp.CommitStamp`).

    Args:
        installation: What is asked.
        most_bytes: Bytes of all answers together.
    """

    def __init__(self, installation: Installation, most_bytes: int = MOST_BYTES) -> None:
        self._installation, self._most = installation, most_bytes
        self._stamp = installation.store.feed.stamp
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def at_once(self, principal: Principal, path: str, query: bytes) -> TaggedBody | None:
        """The answer, if it is kept and that can be told without a question to a server; raises StoreError."""
        if not self._stamp.at_once:
            return None
        found = self._kept.get(_key(principal, path, query))
        return None if found is None else self._true(found, self._stamp.read())

    def answer(self, principal: Principal, path: str, query: bytes, make: Callable[[], TaggedBody]) -> TaggedBody:
        """The answer, kept or made: all that it reads is of one view of the database.

        Args:
            principal: Who asks.
            path: What is asked, as it was written.
            query: Likewise.
            make: Makes the answer.

        Raises:
            StoreError: The database failed; or what ``make`` raises.
        """
        key = _key(principal, path, query)
        # SQLite's stamp is read before the view begins: what is committed between them costs an answer that is true, and no more.
        stamp = self._stamp.read() if self._stamp.at_once else ""
        with self._installation.store.view():
            stamp = stamp or self._stamp.read()
            found = self._kept.get(key)
            if found is not None and (known := self._true(found, stamp)):
                return known
            made = make()
        if len(made.body) <= MOST_OF_ONE and len(path) + len(query) <= _LONGEST_QUERY:
            self._keep(key, _Kept(made, stamp, self._now_s() + KEPT_S))
        return made

    def _true(self, found: _Kept, stamp: str) -> TaggedBody | None:
        return found.answer if found.stamp == stamp and self._now_s() < found.until_s else None

    def _keep(self, key: Hashable, made: _Kept) -> None:
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = made
            self._bytes += made.size - (before.size if before else 0)
            while self._bytes > self._most:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.size

    def _now_s(self) -> float:
        return self._installation.clock.read().monotonic_s


def _key(principal: Principal, path: str, query: bytes) -> Hashable:
    asks: Any = OWNER if principal is OWNER else (principal.name, principal.grants, principal.only)
    return asks, path, query
