"""Sends out what was decided: its requests are made, and handed to executors.

An executor that keeps its tries in the database has them offered in the very transaction that decides them: each try waits for one
commit less, and no crash can come between the two.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from penstock.clock import Clock
from penstock.engine.messages import Dispatch
from penstock.processes.failpoint import failpoint
from penstock.scheduler.outage import Outage
from penstock.spec.executor import Executor, TryFinished, TryRequest
from penstock.store import Store, Transaction
from penstock.tries.try_requests import TryRequests

MOST_AT_ONCE = 100
"""Tries that one step offers in its transaction: beside more of them a commit is nothing, and no other writer is to wait for them all."""


@runtime_checkable
class OffersTries(Protocol):
    """An executor that keeps its tries in the database."""

    def offer(self, tx: Transaction, tries: Sequence[TryRequest]) -> None:
        """Offer tries in the transaction that decides them."""

    def offered(self, tries: Sequence[TryRequest]) -> None:
        """Go on with tries whose offers are durable; instead of `penstock.spec.executor.Executor.submit`."""


class OutgoingRequests(NamedTuple):
    """Requests of one executor's tries, and the ends of those for which none could be made."""

    made: Sequence[TryRequest]
    failed: Sequence[TryFinished]


Offers = Mapping[int, OutgoingRequests]
"""What the transaction of a step has offered, by the identity of the executor."""

NO_OFFERS: Offers = {}


class OutgoingTries:
    """Makes requests and hands them over.

    Args:
        store: The database.
        executors: By the names that the engine knows; several names may share one executor.
        requests: Makes what a try needs out of the engine's dispatch.
        clock: Tells the present.
        outage: Waits for a database that is away.
    """

    def __init__(
        self, store: Store, executors: Mapping[str, Executor], requests: TryRequests, clock: Clock, outage: Outage
    ) -> None:
        self._store, self._executors, self._requests = store, executors, requests
        self._clock, self._outage = clock, outage

    def expect(self, dispatches: Sequence[Dispatch]) -> None:
        """Have what will be dispatched prepared before it is stored; raises StoreError."""
        self._requests.expect(dispatches)

    def offer(self, tx: Transaction, dispatches: Sequence[Dispatch]) -> Offers:
        """Offer the tries of a step in its transaction, where their executor keeps them in the database.

        Raises:
            StoreError: The database failed; the transaction is over.
        """
        if not dispatches or len(dispatches) > MOST_AT_ONCE:
            return NO_OFFERS
        offers: dict[int, OutgoingRequests] = {}
        for executor, chosen in self._by_executor(dispatches):
            if isinstance(executor, OffersTries):
                with self._store.seen_in(tx):  # what a task leaves for the next is stored by this very transaction
                    found = self._made(chosen)
                executor.offer(tx, found.made)
                offers[id(executor)] = found
        return offers

    def send(self, dispatches: Sequence[Dispatch], offers: Offers = NO_OFFERS) -> list[TryFinished]:
        """Hand tries over; returns the ends of those for which no request can be made.

        Args:
            dispatches: The tries of a step that is stored.
            offers: What its transaction has offered of them.

        Raises:
            StoreError: The database failed for good.
        """
        failed: list[TryFinished] = []
        for executor, chosen in self._by_executor(dispatches):
            found = offers.get(id(executor)) or self._outage.through(partial(self._made, chosen))
            failed += found.failed
            failpoint("scheduler.dispatch.before")
            if id(executor) in offers and isinstance(executor, OffersTries):
                executor.offered(found.made)
            else:
                executor.submit(found.made)
            failpoint("scheduler.dispatch.after")
        return failed

    def _made(self, dispatches: Sequence[Dispatch]) -> OutgoingRequests:
        return OutgoingRequests(*self._requests.make(dispatches, self._clock.now()))

    def _by_executor(self, dispatches: Sequence[Dispatch]) -> list[tuple[Executor, list[Dispatch]]]:
        found: dict[int, tuple[Executor, list[Dispatch]]] = {}
        for dispatch in dispatches:
            executor = self._executors[dispatch.executor]
            found.setdefault(id(executor), (executor, []))[1].append(dispatch)
        return list(found.values())
