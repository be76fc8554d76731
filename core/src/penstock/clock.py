"""The one place that reads the time of day."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present; tests hand in one that they set."""

    def now(self) -> datetime:
        """The present as aware UTC."""


class SystemClock:
    """The machine's clock, kept from running backwards: the engine's time only goes forward."""

    def __init__(self) -> None:
        self._last = datetime.now(UTC)

    def now(self) -> datetime:
        """The present as aware UTC, never earlier than the call before."""
        self._last = max(self._last, datetime.now(UTC))
        return self._last
