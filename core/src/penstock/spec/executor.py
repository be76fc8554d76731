"""The executor spec: where tries run.

An executor gets `TryRequest` values and answers with events. It may lose tries, answer twice or late; the engine fences
every answer by its epoch. It never opens the database and never imports user code in its own process.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from penstock.model.attempt import TryEnd, TryFacts, TryInputs
from penstock.model.dag import SensorPolicy
from penstock.model.run import TaskKey


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


class FileCode(msgspec.Struct, frozen=True, omit_defaults=True, tag="file"):
    """A task of a DAG file, as the file was when the run's version was stored.

    Attributes:
        snapshot: Content hash of the source snapshot that the run is pinned to.
        file: DAG file inside the snapshot.
        variables: Values of the Variables that the file read while it was imported, so that it builds the same DAG.
    """

    snapshot: str
    file: str
    variables: dict[str, str | None] = {}


class PlanCode(msgspec.Struct, frozen=True, omit_defaults=True, tag="plan"):
    """A task that is built from its stored plan; no DAG file is needed.

    Attributes:
        capability: Id of the operator or sensor.
        plan: Its arguments, as `penstock.author.capability` stores them.
        provider: Id of the isolated provider in whose environment it must run; "" for the host's.
    """

    capability: str
    plan: dict[str, Any] = {}
    provider: str = ""


class SensorWait(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a sensor has waited already, and how it goes on waiting.

    Attributes:
        waited_s: Seconds since its first poke, those with workers that were lost included.
    """

    policy: SensorPolicy
    waited_s: float = 0.0


class TryRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a try needs to run far from the database.

    Attributes:
        run: The run's number in the database.
        epoch: Number of this dispatch of the task instance; only the newest is obeyed.
        code: What it runs.
        log: URL of the file that receives its output.
        queue: The queue that its author chose.
        isolation: ``fork``, ``reuse`` or ``inline``.
        wait: How it waits if it is a sensor, else None.
        timeout_s: Seconds after its start when the executor kills it; None for never.
        spill: Where it puts large values; None to have them all travel.
    """

    run: int
    epoch: int
    facts: TryFacts
    code: FileCode | PlanCode
    log: str
    inputs: TryInputs = TryInputs()
    queue: str = "default"
    isolation: str = "fork"
    wait: SensorWait | None = None
    timeout_s: float | None = None
    spill: Spill | None = None

    @property
    def key(self) -> TaskKey:
        """The task instance's name."""
        return TaskKey(self.run, self.facts.task_id, self.facts.map_index)


class TryStarted(msgspec.Struct, frozen=True, tag="started"):
    """A try's process exists and is about to run user code."""

    key: TaskKey
    epoch: int
    pid: int
    at: datetime


class TryFinished(msgspec.Struct, frozen=True, tag="finished"):
    """A try ended."""

    key: TaskKey
    epoch: int
    at: datetime
    end: TryEnd


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The executor still holds these tries, running or waiting inside it: their leases are renewed, and no other's.

    Attributes:
        tries: Key and epoch of each.
    """

    executor: str
    tries: tuple[tuple[TaskKey, int], ...]
    at: datetime


class TryRecovered(msgspec.Struct, frozen=True, tag="recovered"):
    """A try outlived a restart of the scheduler: it goes on under its epoch, with a new lease."""

    key: TaskKey
    epoch: int


ExecutorEvent = TryStarted | TryFinished | TryRecovered | Heartbeat


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
