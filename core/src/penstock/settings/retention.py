"""``[retention]``: what is deleted when it is old."""

import msgspec

from penstock.settings.numbers import Days


class RetentionSettings(msgspec.Struct, frozen=True):
    """``[retention]``: what is deleted when it is old; 0 keeps it for ever.

    Attributes:
        runs_days: Days after which a finished run goes, with its task instances, tries, values and logs.
        logs_days: Days after which a log goes, unless its run lives.
        audit_days: Days after which `penstock audit` forgets what was asked for.
        state_days: Days after which what a task or an asset keeps from run to run goes, counted from when it was last set.
    """

    runs_days: Days = 0.0
    logs_days: Days = 0.0
    audit_days: Days = 0.0
    state_days: Days = 0.0
