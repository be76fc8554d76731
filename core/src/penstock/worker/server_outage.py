"""Tells once that the server cannot take what a worker has for it, and once that it can again, whoever of its threads finds that."""

import threading
from collections.abc import Callable

from penstock.clock import Clock


class ServerOutage:
    """One server, and who of the worker cannot have what it wants of it; safe to use from several threads.

    Args:
        where: The server, for people.
        report: Takes a sentence for people.
        clock: Tells the monotonic instant.
    """

    def __init__(self, where: str, report: Callable[[str], None], clock: Clock) -> None:
        self._where, self._report, self._clock = where, report, clock
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}
        self._reported, self._began_s = "", 0.0

    def lacks(self, what: str, reason: str) -> None:
        """Note that something cannot be had now; it is told unless what was told before is still the reason of another.

        Args:
            what: That is wanted of the server.
            reason: Why it cannot be had, as a sentence.
        """
        with self._lock:
            if not self._reasons:
                self._began_s = self._clock.read().monotonic_s
            self._reasons[what] = reason
            self._report_it()

    def has(self, what: str) -> None:
        """Note that something can be had."""
        with self._lock:
            if self._reasons.pop(what, None) is not None:
                self._report_it()

    def _report_it(self) -> None:
        if not self._reasons:
            self._reported = ""
            after_s = self._clock.read().monotonic_s - self._began_s
            self._report(f"the server {self._where} takes all again, after {after_s:.0f} s")
        elif self._reported not in self._reasons.values():
            self._reported = next(reversed(self._reasons.values()))
            self._report(self._reported)


def unrepeated(report: Callable[[str], None]) -> Callable[[str], None]:
    """Report a sentence unless it was the last one."""
    last = [""]

    def log(sentence: str) -> None:
        if sentence != last[0]:
            last[0] = sentence
            report(sentence)

    return log
