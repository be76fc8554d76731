"""The executor spec: where tries run.

An executor gets `TryRequest` values and answers with events. It may lose tries, answer twice or late; the engine fences
every answer by its epoch. It never opens the database and never imports user code in its own process.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from penstock.model.run import TaskKey
from penstock.model.state import Outcome


class Spill(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a try puts large values.

    Attributes:
        url: What the URLs of its run's objects begin with, a slash at its end.
        conn_id: Connection of the object store; "" for the scheme's default.
        threshold_bytes: Values whose JSON is longer go there.
    """

    url: str
    conn_id: str = ""
    threshold_bytes: int = 65536


class TryRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a try needs to run far from the database.

    Attributes:
        snapshot: Folder of the source snapshot that the run is pinned to; "" if only ``plan`` is needed.
        file: DAG file inside the snapshot.
        variables: Values of the Variables that the file read while it was imported, so that it builds the same DAG.
        inputs: JSON of other tasks' values by ``task_id``/``key``; for mapped sources already the one element.
        isolation: ``fork``, ``reuse`` or ``inline``.
        provider: Id of the isolated provider in whose environment it must run; "" for the host's.
        timeout_s: Seconds after its start when the executor kills it; None for never.
        log: File that receives its output.
        spill: Where it puts large values; None to have them all travel.
    """

    run: int
    task_id: str
    map_index: int
    epoch: int
    try_number: int
    max_tries: int
    dag_id: str
    run_id: str
    run_kind: str
    snapshot: str
    file: str
    log: str
    isolation: str = "fork"
    provider: str = ""
    capability: str | None = None
    plan: dict[str, Any] | None = None
    version: str = ""
    sensor: bool = False
    waited_s: float = 0.0
    poke_interval_s: float = 60.0
    poke_timeout_s: float | None = None
    soft_fail: bool = False
    timeout_s: float | None = None
    logical_date: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    run_started_at: datetime | None = None
    conf: dict[str, Any] = {}
    params: dict[str, Any] = {}
    variables: dict[str, str | None] = {}
    inputs: dict[str, bytes] = {}
    templated: bool = False
    spill: Spill | None = None

    @property
    def key(self) -> TaskKey:
        """The task instance's name."""
        return TaskKey(self.run, self.task_id, self.map_index)


class TryStarted(msgspec.Struct, frozen=True, tag="started"):
    """A try's process exists and is about to run user code."""

    key: TaskKey
    epoch: int
    pid: int
    at: datetime


class XComValue(msgspec.Struct, frozen=True):
    """A value that a try left under a key: JSON text or a reference, and the number of elements of a list or dict."""

    value: bytes
    length: int | None = None


class TryFinished(msgspec.Struct, frozen=True, tag="finished"):
    """A try ended.

    Attributes:
        outcome: How it ended.
        error: Why, for anything but success: one sentence, then the traceback if user code raised.
        retryable: False if the task's code or a provider said that a repetition is useless.
        xcoms: Values it left, by key.
        follow: For a branch, the tasks directly downstream that go on; None if it is no branch.
        skip_downstream: For a short circuit, ``all`` or ``direct`` downstream tasks are skipped; "" for none.
        retry_after_s: Seconds that the outside world asked to wait before the next try; None if it did not.
    """

    key: TaskKey
    epoch: int
    outcome: Outcome
    at: datetime
    error: str = ""
    retryable: bool = True
    xcoms: dict[str, XComValue] = {}
    follow: tuple[str, ...] | None = None
    skip_downstream: str = ""
    retry_after_s: float | None = None


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The executor still holds these tries, running or waiting inside it: their leases are renewed, and no other's.

    Attributes:
        tries: Key and epoch of each.
    """

    executor: str
    tries: tuple[tuple[TaskKey, int], ...]
    at: datetime


ExecutorEvent = TryStarted | TryFinished | Heartbeat


class Executor(Protocol):
    """A place where tries run; one object lives in the scheduler's process."""

    name: str

    def start(self) -> None:
        """Get ready to take tries; raises `penstock.errors.ConfigError` if it cannot."""

    def capacity(self) -> int:
        """Number of tries it wants to hold at once, those that wait inside it included."""

    def fileno(self) -> int:
        """A descriptor that is readable whenever `events` has something to tell."""

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries; returns at once. A try that cannot be started is answered by an event."""

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries, named by key and epoch; each is answered by a `TryFinished`."""

    def events(self) -> list[ExecutorEvent]:
        """What happened since the last call, in order for each try; never blocks."""

    def stop(self, grace_s: float) -> None:
        """End everything it started, within about ``grace_s`` seconds."""
