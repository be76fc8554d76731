"""What a try needs on its worker's machine, held for as long as it is here, and how the try ends that cannot have it: one rule."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from penstock.errors import RequestError
from penstock.model.attempt import TryEnd
from penstock.model.state import Outcome

FETCHES = 3
"""Times that something may come that was not asked for: a line was cut; a server that goes on so will do no better at another worker."""

T = TypeVar("T")


def hold(stack: ExitStack, held: Callable[[], AbstractContextManager[T]]) -> T:
    """Hold something until a stack is unwound; what comes damaged is asked for again, a few times."""
    for _ in range(FETCHES - 1):
        try:
            return stack.enter_context(held())
        except RequestError:
            continue
    return stack.enter_context(held())


def end_without_code(error: Exception, *, final: bool = False) -> TryEnd:
    """How a try ends whose worker could not get ready what it needs.

    What is not there, or is something else than its name says, fails the try: it would fare no better on another worker. What is only
    out of reach, or finds no room on this machine's disk, has it lost: it costs its author no retry.

    Args:
        error: Why.
        final: Whether it is known that no other worker could; of a `penstock.errors.RequestError` it is.
    """
    final = final or isinstance(error, RequestError)
    return TryEnd(Outcome.FAILED if final else Outcome.LOST, f"its worker could not run it: {error}")
