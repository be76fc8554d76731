"""Has old things deleted once an hour by a process that may take its time, hang or die, and nothing else with it."""

import subprocess
from collections.abc import Callable

from penstock.clock import Clock
from penstock.processes.group import describe_exit, kill_group

PERIOD_S = 3600.0
"""Seconds from the beginning of one sweep to that of the next."""

FIRST_S = 60.0
"""Seconds until the first: those who wait for a start wait for their DAGs, and what runs for a moment need not sweep."""

LIMIT_S = 1800.0
"""Seconds that a sweep may take; what it has deleted stays deleted, and the next one goes on there."""

_LOOK_S = 2.0


class SweepProcess:
    """Starts a process for each sweep, and ends one that takes too long: stores are providers' code, which may hang.

    Args:
        start: Starts it.
        clock: Tells the present.
        log: Takes what the user should know, a line each.
    """

    def __init__(self, start: Callable[[], subprocess.Popen[bytes]], clock: Clock, log: Callable[[str], None]) -> None:
        self._start, self._clock, self._log = start, clock, log
        self._process: subprocess.Popen[bytes] | None = None
        self._due = self._now_s() + FIRST_S
        self._until = 0.0

    def step(self) -> float:
        """Start a sweep if one is due, and look after the one that runs; returns the seconds until the next call is due."""
        now = self._now_s()
        if self._process is not None:
            return self._look(self._process, now)
        if now >= self._due:
            self._due, self._until = now + PERIOD_S, now + LIMIT_S
            try:
                self._process = self._start()
            except OSError as error:
                self._log(f"old runs and logs cannot be deleted, it is tried again in an hour: {error.strerror}")
            else:
                return _LOOK_S
        return self._due - now

    def close(self) -> None:
        """End the sweep that runs."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.wait()
            self._process = None

    def _look(self, process: subprocess.Popen[bytes], now: float) -> float:
        code = process.poll()
        if code is None and now < self._until:
            return _LOOK_S
        self.close()
        if code is None:
            self._log(
                f"deleting what is old took longer than {LIMIT_S:g} s and was ended; the next sweep goes on there"
            )
        elif code:
            self._log(f"deleting what is old {describe_exit(code)}; it is tried again in an hour")
        return max(0.0, self._due - now)

    def _now_s(self) -> float:
        return self._clock.read().monotonic_s
