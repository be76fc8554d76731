"""How long to wait before a try is repeated."""

import hashlib
from datetime import timedelta

import msgspec

LONGEST_DELAY_S = 365 * 86400.0
LONGEST_GROWN_DELAY_S = 86400.0
"""Bound of a growing pause without ``max_delay_s``: Apache Airflow's ``MAX_RETRY_DELAY``."""
GROWING_JITTER = 0.5
"""Jitter of a growing pause unless the author says otherwise: tasks that failed together shall not come back together."""


class RetrySpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often a failed try is repeated, and after which pause.

    Attributes:
        retries: Further tries after the first, 0 or more.
        delay_s: Seconds before the first repetition.
        backoff: Factor from one repetition to the next; 1.0 keeps the delay constant, Airflow's
            ``retry_exponential_backoff=True`` is 2.0.
        max_delay_s: Upper bound of the delay in seconds, before jitter; None for a day if the delay grows, else for none.
        jitter: Part of the delay that is spread at random, 0 to 1: the pause lies within
            ``delay * (1 - jitter)`` and ``delay``.
    """

    retries: int = 0
    delay_s: float = 300.0
    backoff: float = 1.0
    max_delay_s: float | None = None
    jitter: float = 0.0

    def delay_before(self, repetition: int, seed: str) -> timedelta:
        """Pause before the given repetition, 1 for the first.

        The jitter is drawn from ``seed`` alone, so that the same try of the same run always waits equally long,
        in a simulation as in production. No pause is longer than a year.
        """
        default = LONGEST_GROWN_DELAY_S if self.backoff > 1 else LONGEST_DELAY_S
        longest = default if self.max_delay_s is None else min(self.max_delay_s, LONGEST_DELAY_S)
        try:
            delay = min(self.delay_s * self.backoff ** (repetition - 1), longest)
        except OverflowError:
            delay = longest
        if self.jitter:
            digest = hashlib.blake2b(f"{seed}/{repetition}".encode(), digest_size=8).digest()
            delay -= delay * self.jitter * int.from_bytes(digest) / 2**64
        return timedelta(seconds=delay)
