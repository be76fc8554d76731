"""Answers what tries ask; one whose answer a secrets backend owes stays open until it has come, and the scheduler goes on."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from penstock.errors import StoreUnavailableError
from penstock.scheduler.in_hand import InHand
from penstock.scheduler.outage import Outage
from penstock.spec.executor import Executor, TryAsked
from penstock.spec.wire import Reply
from penstock.tries.asks import Asks, refusal
from penstock.tries.vault import Question, Search
from penstock.tries.vault_sources import failure


class _OpenAsk(NamedTuple):
    """A question of a try, and the search through the vault that will answer it."""

    executor: Executor
    asked: TryAsked
    search: Search[Reply]


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
        self._backends = asks.backends

    @property
    def readable(self) -> list[int]:
        """Descriptors that are readable once `go_on` has something to do."""
        return [each for backend in self._backends for each in backend.line.readable]

    @property
    def wait_s(self) -> float:
        """Seconds until `go_on` is due if none of them is."""
        due = [backend.line.due for backend in self._backends]
        return max(0.0, min((each for each in due if each is not None), default=math.inf) - self._monotonic())

    def take(self, executor: Executor, asked: TryAsked) -> None:
        """Answer a question, at once if no secrets backend has to be waited for.

        Raises:
            StoreUnavailableError: The scheduler is to stop while the database cannot be had.
        """
        with self._in_hand.dealing([(asked.key, asked.epoch)]):
            begun = self._outage.through(lambda: self._asks.begin(asked.key, asked.ask))
            if isinstance(begun, Reply):
                executor.reply(asked, begun)
            else:
                self._go_on(_OpenAsk(executor, asked, begun), None)

    def go_on(self) -> None:
        """Take in what backends have answered, and keep their time limits."""
        for backend in self._backends:
            backend.line.step()

    def close(self) -> None:
        """End the processes of the backends."""
        for backend in self._backends:
            backend.close()

    def _resume(self, open_ask: _OpenAsk, question: Question, value: Any, problem: str) -> None:  # noqa: ANN401 - any answer
        with self._in_hand.dealing([(open_ask.asked.key, open_ask.asked.epoch)]):
            if problem:
                error = failure(question.source, question.method, question.arguments, problem)
                open_ask.executor.reply(open_ask.asked, refusal(error))
            else:
                self._go_on(open_ask, value)

    def _go_on(self, open_ask: _OpenAsk, value: Any) -> None:  # noqa: ANN401 - any answer
        """Send a search an answer, and ask what it wants to know next until that must be waited for."""
        executor, asked, search = open_ask
        try:
            while True:
                question = search.send(value)
                if question.source.remote:
                    backend = next(each for each in self._backends if each is question.source)
                    backend.begin(question.method, question.arguments, partial(self._resume, open_ask, question))
                    return
                value = self._outage.through(question.answer)
        except StopIteration as end:
            executor.reply(asked, end.value)
        except StoreUnavailableError:
            raise  # the scheduler is to stop
        except Exception as error:  # noqa: BLE001 - a question of one task must not end the scheduler of all
            executor.reply(asked, refusal(error))
