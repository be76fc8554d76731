"""When a time of day that was set far ahead may still be doubted, apart from what the engine makes of it."""

from datetime import timedelta

from penstock.engine.limits.time_of_day import DOUBTED_S, FAR_AHEAD
from penstock.engine.messages import LONGEST_WAIT_S
from penstock.model.now import Now


class DoubtedClock:
    """The steps of the time of day, as they are seen at the end of each turn."""

    def __init__(self) -> None:
        self._last: Now | None = None
        self._until_s = 0.0

    def doubted(self, now: Now) -> bool:
        """Whether runs may be missing that are due by now: the time of day was set far ahead, minutes ago at most."""
        last, self._last = self._last or now, now
        if now.wall - last.wall - timedelta(seconds=now.monotonic_s - last.monotonic_s) > FAR_AHEAD:
            self._until_s = now.monotonic_s + DOUBTED_S + LONGEST_WAIT_S
        return now.monotonic_s < self._until_s
