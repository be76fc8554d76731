"""The time of a stand-in, which a test sets from outside."""

import time


class StreamClock:
    """Tells an instant that was given, and what has passed since then, at a speed of its own.

    Args:
        now: The instant, in seconds since 1970.
        speed: How many seconds pass in a second; with 0 it stands still.
    """

    def __init__(self, now: float, speed: float = 0.0) -> None:
        self._now, self._speed, self._since = now, speed, time.monotonic()

    def __call__(self) -> float:
        """The time, in seconds since 1970."""
        return self._now + self._speed * (time.monotonic() - self._since)
