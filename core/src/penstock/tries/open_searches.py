"""Carries searches through the vault on as secrets backends answer, so that whoever serves many waits for none of them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.errors import StoreUnavailableError
from penstock.spec.wire import Reply
from penstock.tries.asks import refusal
from penstock.tries.vault import Question, Search
from penstock.tries.vault_sources import failure

if TYPE_CHECKING:
    from penstock.tries.backend_source import BackendSource  # not imported: most installations have none

Done = Callable[[Reply], None]
"""Takes the reply in which a search has ended."""


def _at_once(answer: Callable[[], Any]) -> Any:  # noqa: ANN401 - any answer
    return answer()


class _OpenSearch(NamedTuple):
    search: Search[Reply]
    done: Done
    around: Callable[[], AbstractContextManager[object]]


class OpenSearches:
    """Searches that have begun. A question to a backend fails after that backend's time limit, and the search with it.

    Args:
        backends: The secrets backends among the sources of the vault.
        through: Carries out a question to another source; may wait for the database.
    """

    def __init__(
        self,
        backends: Sequence["BackendSource"],
        through: Callable[[Callable[[], Any]], Any] = _at_once,
    ) -> None:
        self._backends, self._through = backends, through

    @property
    def readable(self) -> list[int]:
        """Descriptors that are readable once `go_on` has something to do."""
        return [each for backend in self._backends for each in backend.line.readable]

    @property
    def writable(self) -> list[int]:
        """Descriptors that have yet to take something."""
        return [each for backend in self._backends for each in backend.line.writable]

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `go_on` is due even if nothing arrives; None for never."""
        due = [backend.line.due for backend in self._backends]
        return min((each for each in due if each is not None), default=None)

    def begin(
        self, search: Search[Reply], done: Done, around: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        """Begin a search.

        Args:
            search: The search; a `penstock.tries.asks` reply at its end.
            done: Called with that reply, within this call or a later `go_on`.
            around: Makes what surrounds each piece of work on it.

        Raises:
            StoreUnavailableError: ``through`` gave up.
        """
        with around():
            self._go_on(_OpenSearch(search, done, around), None)

    def go_on(self) -> None:
        """Take in what backends have answered, and keep their time limits; raises StoreUnavailableError."""
        for backend in self._backends:
            backend.line.step()

    def close(self) -> None:
        """End the processes of the backends."""
        for backend in self._backends:
            backend.close()

    def _resume(self, open_search: _OpenSearch, question: Question, value: Any, problem: str) -> None:  # noqa: ANN401 - any answer
        with open_search.around():
            if problem:
                error = failure(question.source, question.method, question.arguments, problem)
                open_search.done(refusal(error))
            else:
                self._go_on(open_search, value)

    def _go_on(self, open_search: _OpenSearch, value: Any) -> None:  # noqa: ANN401 - any answer
        """Send a search an answer, and ask what it wants to know next until that must be waited for."""
        try:
            while True:
                question = open_search.search.send(value)
                if question.source.remote:
                    backend = next(each for each in self._backends if each is question.source)
                    backend.begin(question.method, question.arguments, partial(self._resume, open_search, question))
                    return
                value = self._through(question.answer)
        except StopIteration as end:
            open_search.done(end.value)
        except StoreUnavailableError:
            raise  # whoever waits for the database is to stop
        except Exception as error:  # noqa: BLE001 - a question of one must not end the process that serves all
            open_search.done(refusal(error))
