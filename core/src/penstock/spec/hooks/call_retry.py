"""The one layer that repeats calls to a service: by the error's kind, within a total deadline, with full jitter.

A hook uses it, or its SDK's own, never both. Pauses are "full jitter" of Marc Brooker, "Exponential Backoff And Jitter"
(AWS Architecture Blog, 2015): a random part of a bound that doubles, so that callers who failed together do not come
again together.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from penstock.errors import ErrorKind, ProviderError

T = TypeVar("T")

_REPEATED = frozenset({ErrorKind.TRANSIENT, ErrorKind.THROTTLED, ErrorKind.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long a call is repeated.

    Attributes:
        max_attempts: Attempts, the first included.
        deadline_s: Seconds from the first attempt after which none is begun; a pause that would end later is not made.
        first_pause_s: Bound of the first pause; it doubles from pause to pause.
        longest_pause_s: Where it stops doubling. A service that names a time is given that time, however long.
    """

    max_attempts: int = 5
    deadline_s: float = 120.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 20.0

    def call(
        self,
        ask: Callable[[], T],
        *,
        repeated: Callable[[ProviderError], bool] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> T:
        """Call until it succeeds, fails for good, or its attempts or its time are used up.

        Args:
            ask: Makes one attempt; raises `penstock.errors.ProviderError`.
            repeated: Whether the same call may be made again after an error; by default after transient, throttled and
                timeout ones. A call that is not idempotent says False for those whose fate is unknown.
            sleep: Waits seconds.
            monotonic: Tells seconds that never go back.
            chance: Makes a number from 0 to 1.

        Raises:
            penstock.errors.ProviderError: That of the last attempt, as it is.
        """
        end = monotonic() + self.deadline_s
        for attempt in range(1, self.max_attempts + 1):
            try:
                return ask()
            except ProviderError as error:
                again = error.kind in _REPEATED if repeated is None else repeated(error)
                pause = self.pause_s(attempt, error.retry_after_s, chance())
                # A pause beyond the deadline is the task's: it fails now, and its retry waits without holding a slot.
                if not again or attempt == self.max_attempts or monotonic() + pause > end:
                    raise
                sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pause_s(self, attempt: int, asked_s: float | None, chance: float) -> float:
        """Seconds between an attempt, counted from 1, and the next.

        Args:
            attempt: The attempt that failed.
            asked_s: Seconds that the service asked for, if it did.
            chance: A number from 0 to 1.
        """
        bound = min(self.longest_pause_s, self.first_pause_s * 2.0 ** min(attempt - 1, 60))
        return bound * chance if asked_s is None else asked_s + bound * chance
