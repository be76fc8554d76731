"""``[executor]`` and ``[waiters]``: the local executor, and its processes that poke sensors."""

from typing import Annotated

import msgspec

from penstock.model.dag import Isolation
from penstock.settings.numbers import Count, Seconds, SecondsOrZero


class ExecutorSettings(msgspec.Struct, frozen=True):
    """``[executor]``: the local executor.

    Attributes:
        parallelism: Tries that run at once; 0 for the number of CPUs.
        isolation: ``fork`` (a fresh process per try), ``reuse`` (one serves many) or ``inline``; a DAG may differ.
        spawn_servers: File servers, each of which has imported a DAG file of a source snapshot, that are kept warm when idle.
        import_timeout_s: Seconds that a file server may take to import its DAG file.
        stop_grace_s: Seconds that a try gets to clean up when it is cancelled, out of time, or Penstock stops.
    """

    parallelism: Annotated[int, msgspec.Meta(ge=0)] = 0
    isolation: Isolation = "fork"
    spawn_servers: Count = 8
    import_timeout_s: Seconds = 60.0
    stop_grace_s: SecondsOrZero = 5.0


class WaiterSettings(msgspec.Struct, frozen=True):
    """``[waiters]``: processes that poke sensors, one for the sensors of a DAG file.

    Attributes:
        threads: Pokes of plain (not async) sensors that one process makes at once.
    """

    threads: Count = 32
