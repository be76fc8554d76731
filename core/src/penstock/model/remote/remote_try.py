"""A try that was handed to a remote executor, as it is stored, and the worker that has it."""

from datetime import datetime
from enum import StrEnum

import msgspec

from penstock.model.run import TaskKey


class RemoteState(StrEnum):
    """How far a try on another machine has come: each state follows the one before it, and only a claim may be undone."""

    OFFERED = "offered"
    CLAIMED = "claimed"
    ENDED = "ended"


class OfferedTry(msgspec.Struct, frozen=True):
    """A try as it is offered to workers.

    Attributes:
        name: Of its ticket.
        executor: The executor's name in the settings.
        queue: The queue that its author chose.
        request: The `penstock.spec.executor.TryRequest` as MessagePack.
        lease_s: Seconds for which a worker may hold it after it was heard of.
    """

    name: str
    key: TaskKey
    epoch: int
    dag_id: str
    run_id: str
    executor: str
    queue: str
    request: bytes
    lease_s: float


class RemoteNews(msgspec.Struct, frozen=True):
    """What has become of an offered try.

    Attributes:
        worker: Who has it.
        claimed_at: When that worker took it.
        ended_at: When it ended, by the server's clock.
        ended: The `penstock.model.attempt.TryEnd` as MessagePack; None while it has not ended.
        claim_stored: Whether its scheduler has stored that it was claimed.
    """

    name: str
    state: RemoteState
    worker: str
    claimed_at: datetime | None = None
    ended_at: datetime | None = None
    ended: bytes | None = None
    claim_stored: bool = False


class ClaimedTry(msgspec.Struct, frozen=True):
    """A try that a worker has claimed.

    Attributes:
        request: As in `OfferedTry`.
        lease_s: As in `OfferedTry`.
    """

    name: str
    request: bytes
    lease_s: float


class HeldTry(msgspec.Struct, frozen=True):
    """A try whose worker says something of it: what its claim says is true.

    Attributes:
        key: Its task instance.
        epoch: Its own.
        dag_id: Its DAG.
        run_id: Its run.
        executor: Who offered it.
        ended: Whether its end is stored: all that comes now, came before.
        cancelled: Why its worker is to end it; "" to go on.
    """

    key: TaskKey
    epoch: int
    dag_id: str
    run_id: str
    executor: str
    ended: bool
    cancelled: str


class WorkerStatus(msgspec.Struct, frozen=True):
    """What a worker says of itself.

    Attributes:
        worker: A name of its own, new at each start.
        executor: The executor whose tries it takes, by its name in the settings.
        queues: Whose tries it takes; none for a worker that was started for one ticket.
        host: Its machine.
        version: Of its core.
        slots: Tries that it runs at once.
        running: Tries that it has now.
        draining: Whether it takes none any more.
        period_s: Seconds within which it speaks again.
        done: Tries that have ended there since it began, however they ended.
        failed: Those of them that have failed.
        taken_s: Seconds that all of these took together.
        load: How many processes of its machine ran or waited for a processor, over the last minute; None if that is not known.
    """

    worker: str
    executor: str = ""
    queues: tuple[str, ...] = ()
    host: str = ""
    version: str = ""
    slots: int = 1
    running: int = 0
    draining: bool = False
    period_s: float = 10.0
    done: int = 0
    failed: int = 0
    taken_s: float = 0.0
    load: float | None = None


class RemoteWorker(msgspec.Struct, frozen=True):
    """A worker as it was last heard of.

    Attributes:
        drain_requested: Whether somebody has asked that it take no try any more.
        beats: How often it was heard of: who reads it twice sees whether it lives, whatever the clocks say.
    """

    status: WorkerStatus
    drain_requested: bool
    beats: int
    started_at: datetime
    seen_at: datetime


class WorkerTask(msgspec.Struct, frozen=True):
    """A task instance whose try a worker has.

    Attributes:
        worker: The worker's name.
        since: When it claimed the try.
    """

    worker: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    since: datetime
