"""What a scheduler has heard of its tries, until that is noted in the database: many at once, since each note is a transaction."""

from collections.abc import Iterable, Iterator

from penstock.model.remote.remote_try import RemoteNews, RemoteState
from penstock.store import RemoteTries

EVERY_S = 0.25
"""Seconds between two notes: what is not noted is read again, and passed over. That a try was given back is noted at once."""


class ReceivedNews:
    """What was told, and is to be told no more."""

    def __init__(self) -> None:
        self._claims: dict[str, str] = {}
        self._offers: dict[str, None] = {}
        self._ends: dict[str, None] = {}
        self._due_s = 0.0

    def new(self, news: Iterable[RemoteNews]) -> Iterator[RemoteNews]:
        """What was not told before."""
        for each in news:
            claim_known = each.state is RemoteState.CLAIMED and self._claims.get(each.name) == each.worker
            if not claim_known and each.name not in self._ends:
                yield each

    def claimed(self, name: str, worker: str) -> None:
        """Note that a worker has claimed one."""
        self._offers.pop(name, None)
        self._claims[name] = worker

    def offered(self, name: str) -> None:
        """Note that one was given back."""
        self._claims.pop(name, None)
        self._offers[name] = None

    def ended(self, name: str) -> None:
        """Note that one has ended."""
        self._claims.pop(name, None)
        self._offers.pop(name, None)
        self._ends[name] = None

    def stored(self, tries: RemoteTries, owner: str, now_s: float) -> None:
        """Note in the database, if it is time, what was told until now: all of that is stored elsewhere.

        Args:
            tries: The database.
            owner: Whose tries they are.
            now_s: The monotonic instant.

        Raises:
            StoreError: The database failed; it is noted the next time.
        """
        if now_s < self._due_s and not self._offers:
            return
        if not (self._claims or self._offers or self._ends):
            return
        workers: dict[str, list[str]] = {}
        for name, worker in self._claims.items():
            workers.setdefault(worker, []).append(name)
        tries.received(owner, workers, self._ends, self._offers)
        self._claims, self._offers, self._ends = {}, {}, {}
        self._due_s = now_s + EVERY_S
