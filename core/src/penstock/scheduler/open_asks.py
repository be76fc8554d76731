"""Answers what tries ask; one whose answer a secrets backend owes stays open until it has come, and the scheduler goes on."""

import math
from collections.abc import Callable
from functools import partial

from penstock.processes.failpoint import failpoint
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.outage import Outage
from penstock.spec.executor import Executor, TryAsked
from penstock.spec.wire import Reply
from penstock.tries.asks import Asks
from penstock.tries.open_searches import OpenSearches


class OpenAsks:
    """Answers what tries ask.

    Args:
        asks: Begins the answers.
        monotonic: Tells seconds that never go back.
        outage: Waits for the database.
        in_hand: Notes the tries that the scheduler is dealing with.
    """

    def __init__(self, asks: Asks, monotonic: Callable[[], float], outage: Outage, in_hand: InHand) -> None:
        self._asks, self._monotonic, self._outage, self._in_hand = asks, monotonic, outage, in_hand
        self._searches = OpenSearches(asks.backends, outage.through)

    @property
    def readable(self) -> list[int]:
        """Descriptors that are readable once `go_on` has something to do."""
        return self._searches.readable

    @property
    def wait_s(self) -> float:
        """Seconds until `go_on` is due if none of them is."""
        due = self._searches.due
        return math.inf if due is None else max(0.0, due - self._monotonic())

    def take(self, executor: Executor, asked: TryAsked) -> None:
        """Answer a question, at once if no secrets backend has to be waited for.

        Raises:
            StoreUnavailableError: The scheduler is to stop while the database cannot be had.
        """
        dealing = partial(self._in_hand.dealing, [(asked.key, asked.epoch)])
        with dealing():
            begun = self._outage.through(lambda: self._asks.begin(asked.key, asked.epoch, asked.ask))
            failpoint("scheduler.ask.after")
            if isinstance(begun, Reply):
                executor.reply(asked, begun)
            else:
                self._searches.begin(begun, partial(executor.reply, asked), dealing)

    def go_on(self) -> None:
        """Take in what backends have answered, and keep their time limits."""
        self._searches.go_on()

    def close(self) -> None:
        """End the processes of the backends."""
        self._searches.close()
