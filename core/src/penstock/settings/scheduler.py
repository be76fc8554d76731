"""``[scheduler]``: the scheduler."""

import msgspec

from penstock.settings.numbers import Seconds


class SchedulerSettings(msgspec.Struct, frozen=True):
    """``[scheduler]``.

    Attributes:
        lease_s: Seconds without a heartbeat after which a try counts as lost and is repeated.
    """

    lease_s: Seconds = 30.0
