"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from penstock.model.now import Now


class FakeClock:
    """A clock with a time of its own; sleeping moves it at once.

    Args:
        start: The first moment, aware.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a FakeClock starts at an aware datetime, not at {start!r}; write tzinfo=UTC")
        self._now = start.astimezone(UTC)
        self.slept = timedelta()

    def now(self) -> datetime:
        """The present as aware UTC."""
        return self._now

    def read(self) -> Now:
        """The present on both clocks, which go alike here."""
        return Now(self._now, self._now.timestamp())

    def sleep_until(self, moment: datetime) -> None:
        """Jump to a moment; one in the past changes nothing."""
        if moment > self._now:
            self.slept += moment - self._now
            self._now = moment.astimezone(UTC)

    def advance(self, span: timedelta | float) -> None:
        """Move on by a timedelta or so many seconds."""
        self.sleep_until(self._now + (span if isinstance(span, timedelta) else timedelta(seconds=span)))
