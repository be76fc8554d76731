"""The one place that reads the machine's clocks."""

import time
from datetime import UTC, datetime
from typing import Protocol

from penstock.model.now import Now


class Clock(Protocol):
    """Gives the present; tests hand in one that they set."""

    def now(self) -> datetime:
        """The present as aware UTC."""

    def read(self) -> Now:
        """The present on both clocks."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The present as aware UTC; earlier than before if the machine's clock was set back."""
        return datetime.now(UTC)

    def read(self) -> Now:
        """The present on both clocks."""
        return Now(self.now(), time.monotonic())
