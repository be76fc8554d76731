"""``[scheduler]``: the scheduler."""

import msgspec

from penstock.settings.numbers import Seconds


class SchedulerSettings(msgspec.Struct, frozen=True):
    """``[scheduler]``.

    Attributes:
        lease_s: Seconds without a heartbeat after which a try counts as lost and is repeated.
        takeover_s: Seconds for which tries of local executors run on while PostgreSQL cannot be had; a scheduler that takes over
            on another machine waits as long, and five more, before it repeats them.
    """

    lease_s: Seconds = 30.0
    takeover_s: Seconds = 120.0
