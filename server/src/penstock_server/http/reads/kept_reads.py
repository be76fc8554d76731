"""Answers to reads that are true until something is committed: they are given again without asking for what is in them."""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import ceil
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


_DIRECTIVES = re.compile(r'([\w-]+)(?:="?(\d{1,9})"?)?', re.ASCII)


def allowed_age_s(cache_control: str) -> float:
    """How old an answer may be for whoever sends this header (RFC 9111, 5.2.1): 0 unless it allows for some age, and a second at most."""
    directives = dict(_DIRECTIVES.findall(cache_control.lower()))
    return (
        0.0
        if "no-cache" in directives or "no-store" in directives
        else min(float(directives.get("max-age") or 0), KEPT_S)
    )


class TaggedBody(NamedTuple):
    """What a read is answered.

    Attributes:
        body: What it is, encoded.
        tag: Its ETag.
        age_s: Seconds that it is old at most; 0 if it is what would be answered now.
    """

    body: bytes
    tag: str
    age_s: int = 0


class _Kept(NamedTuple):
    answer: TaggedBody
    stamp: str
    own: int  # transactions that this process had committed before it was read
    read_s: float

    @property
    def size(self) -> int:
        return len(self.answer.body) + _OF_EACH


class KeptReads:
    """Keeps answers; for several threads.

    An answer is found by what was asked and by who asks with all that whoever it is may: a grant that is given or taken leads to
    others. It counts for as long as nothing was committed, whoever did (`penstock.store.outbox.commit_stamp.CommitStamp`); for whoever
    allows for some age, until it has that or this process has committed something.

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

    def at_once(self, principal: Principal, path: str, query: bytes, age_s: float = 0.0) -> TaggedBody | None:
        """The answer, if it is kept and that can be told without a question to a server; else None.

        Args:
            principal: Who asks.
            path: What is asked, as it was written.
            query: Likewise.
            age_s: How old it may be, though something was committed since by another process.

        Raises:
            StoreError: The database failed.
        """
        found = self._kept.get(asked_key(principal, path, query))
        if found is None:
            return None
        if self._now_s() < found.read_s + age_s and found.own == self._stamp.own():
            return found.answer._replace(age_s=ceil(age_s))  # whatever others have committed: they are not even asked
        return self._true(found, self._stamp.read()) if self._stamp.at_once else None

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
        key = asked_key(principal, path, query)
        own, read_s = self._stamp.own(), self._now_s()
        # SQLite's stamp is read before the view begins: what is committed between them costs an answer that is true, and no more.
        stamp = self._stamp.read() if self._stamp.at_once else ""
        with self._installation.store.view():
            stamp = stamp or self._stamp.read()
            found = self._kept.get(key)
            if found is not None and (known := self._true(found, stamp)):
                return known
            made = make()
        if len(made.body) <= MOST_OF_ONE and len(path) + len(query) <= _LONGEST_QUERY:
            self._keep(key, _Kept(made, stamp, own, read_s))
        return made

    def _true(self, found: _Kept, stamp: str) -> TaggedBody | None:
        return found.answer if found.stamp == stamp and self._now_s() < found.read_s + KEPT_S else None

    def _keep(self, key: Hashable, made: _Kept) -> None:
        with self._lock:
            before = self._kept.get(key)
            if before is not None and before.read_s > made.read_s:
                return  # whoever was answered that one is not to be answered what was before it
            self._kept.pop(key, None)
            self._kept[key] = made
            self._bytes += made.size - (before.size if before else 0)
            while self._bytes > self._most:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.size

    def _now_s(self) -> float:
        return self._installation.clock.read().monotonic_s


def asked_key(principal: Principal, path: str, query: bytes) -> Hashable:
    """What finds an answer: what is asked, and who asks with all that whoever it is may."""
    asks: Any = OWNER if principal is OWNER else (principal.name, principal.grants, principal.only)
    return asks, path, query
