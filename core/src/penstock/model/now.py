"""The present on two clocks: the time of day, and one that no step of the time of day moves."""

from datetime import datetime
from typing import NamedTuple


class Now(NamedTuple):
    """The present.

    Attributes:
        wall: The time of day, aware UTC: for schedules, and for what users read. It may be set forward or back at any time.
        monotonic_s: Seconds of a clock that only goes forward: for leases, retries and everything that takes a time.
    """

    wall: datetime
    monotonic_s: float
