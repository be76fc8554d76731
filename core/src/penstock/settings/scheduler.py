"""``[scheduler]``: the scheduler."""

import msgspec

from penstock.settings.numbers import Seconds, SecondsOrZero


class SchedulerSettings(msgspec.Struct, frozen=True):
    """``[scheduler]``.

    Attributes:
        role_lease_s: Seconds after which another scheduler takes over from one that is not heard (PostgreSQL).
        lease_s: Seconds without a heartbeat after which a try counts as lost and is repeated.
        takeover_s: Seconds for which tries of local executors run on while PostgreSQL cannot be had; a scheduler that takes over
            on another machine waits as long, and five more, before it repeats them.
        handover_s: Seconds at most for which no try begins of a DAG that always has some, so that another scheduler can have its part
            (PostgreSQL); 0 for not at all.
    """

    role_lease_s: Seconds = 5.0
    lease_s: Seconds = 30.0
    takeover_s: Seconds = 120.0
    handover_s: SecondsOrZero = 10.0
