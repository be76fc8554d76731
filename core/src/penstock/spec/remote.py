"""The remote executor spec: an executor that only rings.

A try that goes to a machine without the database is a row of it, which the core alone writes: offered, claimed by one worker,
ended. A provider's `RemoteExecutor` carries *tickets* to an engine that exists, such as a broker or a cluster; a worker
(``penstock worker``) exchanges a ticket for its try, once, at the execution API of ``penstock-server``, and tells it there
how the try ended. So a message may be lost, doubled or reordered: nothing is decided by it. A ticket that nobody has claimed is
rung again, and one that somebody has claimed is of no use to anybody else.

A provider names its class in its manifest (``[[executors]]``). Every option of ``[executors.NAME]`` beside those of
`RemoteOptions` is handed to it. Its methods are called in one thread of their own, one at a time, and may take some seconds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from penstock.model.attempt import TryEnd
from penstock.model.connection import Connection

__all__ = [
    "Connection",
    "Refused",
    "RemoteContext",
    "RemoteExecutor",
    "Ticket",
    "TicketSink",
    "TicketSource",
    "TryEnd",
    "WorkerGuard",
]


class Ticket(msgspec.Struct, frozen=True):
    """What a worker exchanges for a try, once.

    Attributes:
        name: Of the try, the same for ever: a DNS label (RFC 1123) of at most 52 characters, for a pod or a job.
        secret: What the worker sends; whoever has it can take the try, and no other. It is not to stand in a log or an argument.
        queue: The queue that the task's author chose.
        run: The run's number in the database.
        epoch: Number of this dispatch of the task instance.
        dag_id: Its DAG.
        run_id: Its run.
        task_id: Its task.
        map_index: Its place among the instances of a mapped task; -1 for one that is not mapped.
        try_number: Which try of the task it is, from 1.
        cpu: Processors that its author asked for; 0 for the executor's own choice.
        memory_bytes: Bytes of memory that its author asked for; 0 for the executor's own choice.
        executor_config: What its author told executors.
    """

    name: str
    secret: str
    queue: str
    run: int
    epoch: int
    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1
    cpu: float = 0.0
    memory_bytes: int = 0
    executor_config: dict[str, Any] = {}


class Refused(NamedTuple):
    """A ticket that can never be carried, such as for what its author told executors.

    Attributes:
        name: Of the ticket.
        reason: What is wrong, and what to do: the try fails with it, and is not repeated.
    """

    name: str
    reason: str


class RemoteOptions(msgspec.Struct, frozen=True):
    """The options that every remote executor has.

    Attributes:
        server: URL under which workers reach the server; that of ``PENSTOCK_SERVER`` at the worker unless given.
        slots: Tries that it holds at once; unless given, as many as `RemoteExecutor.slots` says, or as
            the workers that are there have slots for.
        ahead: Tries beyond the workers' slots that are offered before one is free, as a share of the slots; while tries are short,
            there are more.
        doorbell_s: Seconds after which a ticket that nobody has claimed is sent again.
        worker_lease_s: Seconds after which a worker of which nothing is heard has lost its tries; it ends them itself by then.
        conn_id: Name of the connection by which it reaches its engine; "" for what its own options say.
    """

    server: str = ""
    slots: int = 0
    ahead: float = 1.0
    doorbell_s: float = 30.0
    worker_lease_s: float = 60.0
    conn_id: str = ""


class RemoteContext(NamedTuple):
    """What a remote executor is made with.

    Attributes:
        name: Its name in the settings.
        options: The keys of its table in the settings that are its own.
        server: URL under which workers reach the server; "" if it is for them to know.
        installation: A name of this installation's own: letters and digits, the same for ever.
        folder: A folder of its own that outlives the scheduler; it may not exist yet.
        now: The present as aware UTC.
        waiting: Say what a ticket that is not claimed waits for, by its name, such as that its image is being pulled; from any thread.
        gone: Say that what was to run a ticket, or runs it, is gone, by its name and with a reason; from any thread. The try is
            lost, and repeated, which spends no retry. With ``failed=True`` it has failed by its own doing, as where its memory ran
            out, and is repeated as often as its retries allow; with ``retryable=False`` it fails, and is not repeated.
        connection: The connection that the settings name by ``conn_id``, of one of `RemoteExecutor.connection_types`; None if they
            name none.
    """

    name: str
    options: Mapping[str, Any]
    server: str
    installation: str
    folder: Path
    now: Callable[[], datetime]
    waiting: Callable[[str, str], None]
    gone: "Gone"
    connection: Connection | None = None


class Gone(Protocol):
    """Takes what `RemoteContext.gone` says."""

    def __call__(self, name: str, reason: str, *, retryable: bool = True, failed: bool = False) -> None:
        """Say that what runs a ticket is gone."""


class RemoteExecutor(ABC):
    """Carries tickets to an engine; one object lives in each scheduler's process.

    Args:
        context: What it is made with.

    Attributes:
        secret_environ: Variables of the environment that it reads when it is made, and that no try and no DAG file is to see: what they
            hold lets in at the engine.
        connection_types: Types of connections by which it can reach the engine; none if it takes no ``conn_id``.
    """

    secret_environ: ClassVar[tuple[str, ...]] = ()
    connection_types: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: RemoteContext) -> None:
        self.context = context

    def start(self) -> None:  # noqa: B027 - most have nothing to do here
        """Get ready; raises `penstock.errors.PenstockError` if it cannot, and is asked again later."""

    @abstractmethod
    def ring(self, tickets: Sequence[Ticket]) -> Sequence[Refused]:
        """Carry tickets to where workers find them.

        A ticket may come again: after a restart, or when nobody has claimed it for a while. What is named by a ticket is made once.
        Whatever this raises is shown as what these tickets wait for, and they come again after a pause: no try fails.

        Returns:
            The tickets that can never be carried.
        """

    def silence(self, tickets: Sequence[Ticket], reason: str) -> None:  # noqa: B027 - as above
        """Take tickets back whose tries must not run, or run on: cancelled, given up, lost; as far as that can be done."""

    def release(self, tickets: Sequence[Ticket]) -> None:  # noqa: B027 - as above
        """Remove what is left of tickets whose tries have ended."""

    def look(self, tickets: Sequence[Ticket]) -> None:  # noqa: B027 - as above
        """Compare what the engine has with all tickets that are open; called from time to time.

        What belongs to no open ticket of this installation is to be removed, if it is of this scheduler's doing alone or several
        schedulers' tickets can be told apart; what an open one misses is told by `RemoteContext.gone`.
        """

    def slots(self) -> int | None:
        """Tries that it wants to hold at once; None for those that the announced workers have slots for."""
        return None

    def stop(self) -> None:  # noqa: B027 - as above
        """Let go; what it has carried stays where it is."""

    @classmethod
    def source(
        cls, options: Mapping[str, Any], queues: Sequence[str], name: str, connection: Connection | None = None
    ) -> "TicketSource":
        """What brings tickets to a pool of workers, ``penstock worker --executor NAME``.

        Args:
            options: As `RemoteContext.options`.
            queues: The queues whose tries the worker takes.
            name: Of the executor in the settings.
            connection: As `RemoteContext.connection`, if it is in the worker's environment: a worker has no other.

        Raises:
            penstock.errors.ConfigError: It has no pools of workers, or the options are wrong.
        """
        from penstock.errors import ConfigError  # noqa: PLC0415 - on the rare way alone

        del options, queues, connection
        raise ConfigError(
            f"executor {name!r} has no pool of workers: it starts one for each ticket, as `penstock worker --ticket`."
        )

    @classmethod
    def guard(cls, environ: Mapping[str, str]) -> "WorkerGuard | None":
        """What keeps the machine of a pool's worker while it has tries, where this process runs on a machine of this engine.

        It is asked of the executors of all providers that are installed, whichever of them the worker takes tickets of.

        Args:
            environ: The environment of the worker.

        Returns:
            The guard; None where this is no machine of the engine, or nobody would take it away.

        Raises:
            penstock.errors.PenstockError: It should be one, and something is missing.
        """
        del environ
        return None


class WorkerGuard(Protocol):
    """Asks who runs machines to take none away that is busy; its methods are called in one thread, and may take some seconds.

    What they raise is shown, and asked for again after a pause, but for a `penstock.errors.ProviderError` of kind `invalid`, which ends
    the asking. No try fails by it.
    """

    @property
    def lasts_s(self) -> float:
        """Seconds for which `busy` counts: it is called again after half of them; 0 for ever."""

    def busy(self) -> None:
        """Have the machine kept: a try is about to run on it."""

    def idle(self) -> None:
        """Let the machine be taken away; called at the start as well, and when nothing has run for a while."""


class TicketSink(Protocol):
    """A worker's side that takes tickets; its methods may be called from any thread.

    Attributes:
        slots: Tries that the worker runs at once.
        worker: The worker's name.
    """

    slots: int
    worker: str

    def take(
        self,
        secret: str,
        claimed: Callable[[bool], None],
        ended: Callable[[TryEnd | None], None] | None = None,
        foreign: Callable[[], None] | None = None,
    ) -> None:
        """Take a ticket; returns at once.

        Args:
            secret: Of the ticket.
            claimed: Called once: whether the try is this worker's now. False means that somebody else has it, or nobody needs it
                any more: either way the message has done its work. It is not called while the server cannot be reached, or no
                slot is free.
            ended: Called once after ``claimed(True)``: how the try ended, or None if this worker has lost it.
            foreign: Called in place of ``claimed(False)`` where another installation has made the ticket: it is to be left to its workers.
        """

    @property
    def free(self) -> int:
        """Tickets that it could do with now: it may want more than it has slots while tries are short."""

    @property
    def stopping(self) -> bool:
        """Whether no ticket is to be brought any more."""


class TicketSource(Protocol):
    """Brings tickets to a pool of workers."""

    def listen(self, sink: TicketSink) -> None:
        """Bring tickets until `TicketSink.stopping`, in a thread of its own; what it raises is shown, and it is called again."""

    def stop(self) -> None:
        """Have `listen` return soon; called from another thread."""
