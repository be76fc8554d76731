"""``[waiters]``: the processes that poke sensors."""

import msgspec

from penstock.settings.numbers import Count


class WaiterSettings(msgspec.Struct, frozen=True):
    """``[waiters]``: processes that poke sensors, one for the sensors of a DAG file.

    Attributes:
        threads: Pokes of plain (not async) sensors that one process makes at once.
    """

    threads: Count = 32
