"""The executor spec: where tries run.

An executor is one object in the scheduler's process. It gets `TryRequest` values and returns events; it never opens the
database and never runs user code in that process. It may lose tries, answer twice or late: the engine fences every answer by
its epoch. Each try has a lease of its own: an executor that goes on holding a try says so by a `Heartbeat` that names it,
at least every third of ``lease_s``; a try that is not named for a whole lease is lost, and no other.

What a try asks (`penstock.spec.wire.Ask`) comes as a `TryAsked`; the scheduler answers with `Executor.reply`. Code is named
by the content hash of a source snapshot, which `ExecutorContext.snapshot` packs; logs are named by URL. So a worker needs
neither the project nor the database: `penstock.spec.worker` runs a try from what its executor sends.

A provider names its executor in its manifest (``[[executors]]``), the settings choose it (``[executors]``), and queues are
routed to it (``[queues]``). Its object is called with an `ExecutorContext` and returns an `Executor`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from penstock.model.attempt import TryEnd, TryFacts, TryInputs
from penstock.model.dag import Isolation, SensorPolicy
from penstock.model.run import TaskKey
from penstock.model.state import Outcome
from penstock.spec.wire import Ask, Reply

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = [
    "LOCAL",
    "WAITER",
    "Executor",
    "ExecutorContext",
    "ExecutorEvent",
    "FileCode",
    "Heartbeat",
    "Offload",
    "Outcome",
    "PlanCode",
    "SensorWait",
    "TaskKey",
    "TryAsked",
    "TryEnd",
    "TryFinished",
    "TryRecovered",
    "TryRequest",
    "TryStarted",
]

LOCAL, WAITER = "local", "waiter"
"""Names of the executors that are always there: that of this machine, and that in which sensors wait."""


class Offload(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a try puts large values.

    Attributes:
        url: What the URLs of its run's objects begin with, a slash at its end; "" if there is no store that the try's machine reaches.
        conn_id: Connection of the object store; "" for the scheme's default.
        threshold_bytes: Values whose JSON is longer go there; without a store, they are refused.
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


class LogBounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a try's log may take.

    Attributes:
        most_bytes: Bytes of its output that are kept: the head, and the last of them at the end; 0 for all.
        least_free_bytes: Bytes that it leaves free on the disk where it is a file, but for a tenth of the disk at most; 0 for none.
    """

    most_bytes: int = 0
    least_free_bytes: int = 0


class TryRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything a try needs to run far from the database.

    Attributes:
        run: The run's number in the database.
        epoch: Number of this dispatch of the task instance; only the newest counts.
        code: What it runs.
        log: URL of the file that receives its output.
        queue: The queue that its author chose.
        isolation: ``fork``, ``reuse`` or ``inline``.
        wait: How it waits if it is a sensor, else None.
        timeout_s: Seconds after its start when the executor ends it; None for never.
        grace_s: Seconds that it gets to clean up when it is ended, between SIGTERM and SIGKILL.
        offload: Where it puts large values; None to have them all travel.
        cpu, memory_bytes: Processors and bytes of memory that its author asked for; 0 for no matter how many.
        executor_config: What its author told executors.
        log_bounds: What its log may take. `penstock.spec.worker.Worker` sees to the first of them.
    """

    run: int
    epoch: int
    facts: TryFacts
    code: FileCode | PlanCode
    log: str
    inputs: TryInputs = TryInputs()
    queue: str = "default"
    isolation: Isolation = "fork"
    wait: SensorWait | None = None
    timeout_s: float | None = None
    grace_s: float = 5.0
    offload: Offload | None = None
    log_bounds: LogBounds = LogBounds()
    cpu: float = 0.0
    memory_bytes: int = 0
    executor_config: dict[str, Any] = {}

    @property
    def key(self) -> TaskKey:
        """The task instance's name."""
        return TaskKey(self.run, self.facts.task_id, self.facts.map_index)


class TryStarted(msgspec.Struct, frozen=True, tag="started"):
    """A try's process exists and is about to run user code.

    Attributes:
        pid: The process id, where it helps the user; 0 elsewhere.
        worker: Name of the worker, or else of the machine, that runs it; "" where there is none that helps the user.
    """

    key: TaskKey
    epoch: int
    pid: int
    at: datetime
    worker: str = ""


class TryRecovered(msgspec.Struct, frozen=True, tag="recovered"):
    """A try that was open when the scheduler was started lives on at its executor: its lease begins anew.

    Attributes:
        elsewhere: Whether it takes none of the places of the executor that says so: another machine has it.
    """

    key: TaskKey
    epoch: int
    elsewhere: bool = False


class TryFinished(msgspec.Struct, frozen=True, tag="finished"):
    """A try ended."""

    key: TaskKey
    epoch: int
    at: datetime
    end: TryEnd


class TryAsked(msgspec.Struct, frozen=True, tag="asked"):
    """A try asks for something and waits for the reply.

    Attributes:
        number: Tells this question from others of the executor; handed back with the reply.
    """

    key: TaskKey
    epoch: int
    number: int
    ask: Ask


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """The executor still holds these tries, by key and epoch, running or waiting inside it: their leases are renewed, and no other's."""

    executor: str
    tries: tuple[tuple[TaskKey, int], ...]
    at: datetime


ExecutorEvent = TryStarted | TryRecovered | TryFinished | TryAsked | Heartbeat


class ExecutorContext(NamedTuple):
    """What an executor is made with.

    Attributes:
        name: Its name in the settings, which its heartbeats carry.
        options: The other keys of its table in the settings.
        lease_s: Seconds after which a try that no heartbeat names is lost.
        folder: A folder of its own that outlives the scheduler; it may not exist yet.
        snapshot: Has the source snapshot of a content hash packed (`penstock.spec.snapshot`), in a thread of its own, so that no
            call of an executor waits for it. The future gives the bytes; it raises a `penstock.errors.PenstockError` if the
            snapshot is gone or damaged.
        now: The present as aware UTC.
    """

    name: str
    options: Mapping[str, Any]
    lease_s: float
    folder: Path
    snapshot: "Callable[[str], Future[bytes]]"
    now: Callable[[], datetime]


class Executor(Protocol):
    """A place where tries run; one object lives in the scheduler's process.

    A provider's executor is made in the scheduler's thread, and all calls then come from one other thread, one at a time. None
    may block: the scheduler waits a second for it at most, and then goes on without the executor until it returns.
    """

    name: str

    def start(self) -> None:
        """Get ready to take tries; raises `penstock.errors.ConfigError` if it cannot."""

    def recover(self, tries: Sequence[TryRequest]) -> list[TryStarted | TryRecovered | TryFinished]:
        """Take up tries that were open when an earlier scheduler ended; called once, between `start` and the first `submit`.

        Returns:
            What is known of them: a `TryRecovered` for one that lives on, a `TryFinished` for one that has ended. A try that
            no event names is lost, and sent out again.
        """

    def capacity(self) -> int:
        """Number of tries it wants to hold at once, those that wait inside it included; asked after each `events`."""

    def fileno(self) -> int:
        """A descriptor that is readable whenever `events` has something to return."""

    def submit(self, tries: Sequence[TryRequest]) -> None:
        """Take tries; returns at once. A try that cannot be started is answered by an event."""

    def cancel(self, tries: Sequence[tuple[TaskKey, int]], reason: str) -> None:
        """End tries, named by key and epoch; each is answered by a `TryFinished`, even one that it does not know."""

    def reply(self, asked: TryAsked, reply: Reply) -> None:
        """Hand a try the answer to what it asked; a try that has ended meanwhile needs none."""

    def events(self) -> list[ExecutorEvent]:
        """What happened since the last call, in order for each try; never blocks.

        It is called before leases are judged, and at least six times a lease while tries are open. Once it is called again, what
        it returned before is stored: what an executor must not forget until then, it may forget now.
        """

    def stop(self, grace_s: float) -> None:
        """Let go, within about ``grace_s`` seconds; tries that a later `recover` can take up may live on."""
