"""Answers what foreign code asks the notifier; one whose answer a secrets backend owes stays open, and the notifier goes on."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from penstock.errors import ConfigError, StoreUnavailableError
from penstock.spec.wire import Ask, Reply
from penstock.tries.asks import answered, refusal
from penstock.tries.open_searches import Done, OpenSearches
from penstock.tries.vault import Search

if TYPE_CHECKING:
    from penstock.tries.backend_source import BackendSource  # not imported: most installations have none

Begin = Callable[[Ask], Reply | Search[Reply]]
"""Begins to answer a question; may raise what the answer is then."""

Answering = Callable[[Ask, Done], None]
"""Answers a question, now or later."""


class Answers:
    """Carries on what has been asked; a part of the notifier.

    Args:
        backends: The secrets backends among the sources of the vault.
    """

    def __init__(self, backends: Sequence["BackendSource"]) -> None:
        self._searches = OpenSearches(backends, _without_waiting)
        self.busy = False

    def by(self, begin: Begin) -> Answering:
        """What answers the questions that ``begin`` begins to answer."""

        def answering(ask: Ask, done: Done) -> None:
            try:
                begun = answered(begin, ask)
            except StoreUnavailableError as error:
                begun = refusal(error)
            if isinstance(begun, Reply):
                done(begun)
            else:
                self._searches.begin(begun, done)

        return answering

    @property
    def readable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be read."""
        return self._searches.readable

    @property
    def writable(self) -> Sequence[int]:
        """Descriptors to wait on until they can be written."""
        return self._searches.writable

    @property
    def due(self) -> float | None:
        """Monotonic instant at which `step` is due even if nothing arrives; None for never."""
        return self._searches.due

    def woken(self) -> None:
        """Note nothing: it is asked."""

    def step(self, *, more: bool = True) -> None:  # noqa: ARG002 - what was asked is answered in any case
        """Take in what backends have answered, and keep their time limits."""
        self._searches.go_on()

    def finish(self) -> None:
        """There is nothing to store."""

    def close(self) -> None:
        """End the processes of the backends."""
        self._searches.close()


def _without_waiting(answer: Callable[[], Any]) -> Any:  # noqa: ANN401 - any answer
    """Ask the database once: whoever asked is told that it cannot be had, and the notifier goes on."""
    try:
        return answer()
    except StoreUnavailableError as error:
        raise ConfigError(str(error)) from error
