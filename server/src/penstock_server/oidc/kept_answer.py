"""What an identity provider has answered, for as long as it counts; where it answers no more, what it has answered last."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from penstock.service.installation import Installation
from penstock_server.http.problems import RefusedError

FAILED_S = 10.0
"""Seconds in which a provider that has failed is not asked again: whoever waits meanwhile is told at once."""

OLDEST_S = 86_400.0
"""Seconds for which an answer counts at most, while the provider gives no newer one."""

T = TypeVar("T")


class KeptAnswer(Generic[T]):
    """One answer of a provider; one thread asks at a time.

    Args:
        installation: Has the clock.
        ask: Asks the provider; raises RefusedError.
    """

    def __init__(self, installation: Installation, ask: Callable[[], T]) -> None:
        self._installation, self._ask = installation, ask
        self._guard = threading.Lock()
        self._answer: tuple[T, float] | None = None
        self._failure: tuple[RefusedError, float] | None = None

    @property
    def last(self) -> T | None:
        """The last answer, however old; None if there was none."""
        return None if self._answer is None else self._answer[0]

    def get(self, lasts_s: float) -> T:
        """The answer, asked anew if it is older than so many seconds.

        Raises:
            RefusedError: The provider fails, or has failed just now, and its last answer is too old.
        """
        with self._guard:
            now = self._now_s()
            if self._answer is not None and now < self._answer[1] + lasts_s:
                return self._answer[0]
            if self._failure is None or now >= self._failure[1] + FAILED_S:
                try:
                    answer = self._ask()
                except RefusedError as error:
                    self._failure = error, self._now_s()
                else:
                    self._answer, self._failure = (answer, now), None
                    return answer
            if self._answer is not None and now < self._answer[1] + OLDEST_S:
                return self._answer[0]
            raise self._failure[0].with_traceback(None)

    def _now_s(self) -> float:
        return self._installation.clock.read().monotonic_s
