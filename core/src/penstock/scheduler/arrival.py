"""What has come in, one thing at a time: so that the one that cannot be handled is told from all others."""

import msgspec

from penstock.engine.messages import (
    CapacityChanged,
    ClockRead,
    DagHeld,
    DagLost,
    DagUpdated,
    Event,
    PoolsUpdated,
    RunAdded,
    RunVersionChanged,
    SharesLent,
    TryInterrupted,
)
from penstock.errors import InternalError
from penstock.model.assets.event import NewAssetEvent
from penstock.model.history.quarantine import QuarantineKind
from penstock.model.request import DagChanged, Request, TriggerDagRun, UnreadableRequest
from penstock.model.run import NewRun, TaskKey
from penstock.spec.executor import Heartbeat, TryFinished, TryRecovered, TryStarted


class Arrival(msgspec.Struct, frozen=True):
    """One thing that a step has to handle: what is stored, a request, or what an executor tells.

    Attributes:
        event: What it is to the engine; None for nothing.
        number: Of the request that is thereby handled; 0 if it comes from none.
        request: The request.
        new_run: A run to create.
        asset_event: An event of an asset to store.
        dag_id: Of the DAG that it is.
        run: Number of the run that it is.
        fault: Why it cannot be given to the engine; "" if it can.
        last: Whether it stands for something of the same try that could not be handled.
    """

    event: Event | None = None
    number: int = 0
    request: Request | UnreadableRequest | None = None
    new_run: NewRun | None = None
    asset_event: NewAssetEvent | None = None
    dag_id: str = ""
    run: int = 0
    fault: str = ""
    last: bool = False

    @property
    def kind(self) -> QuarantineKind:
        """What it is, for the quarantine.

        Raises:
            InternalError: It is nothing that anybody outside has made.
        """
        match self.event:
            case _ if self.dag_id:
                return QuarantineKind.DAG
            case _ if self.run:
                return QuarantineKind.RUN
            case Heartbeat():
                return QuarantineKind.HEARTBEAT
            case _ if self.number:
                return QuarantineKind.REQUEST
            case PoolsUpdated() | CapacityChanged() | ClockRead() | DagLost() | DagHeld() | SharesLent() | None:
                raise InternalError(f"the scheduler cannot take up {self.event}")
            case _:
                return QuarantineKind.TRY

    @property
    def of_try(self) -> tuple[TaskKey, int] | None:
        """Key and epoch of the try that it is told of; None if it is told of none."""
        event = self.event
        if isinstance(event, TryStarted | TryRecovered | TryFinished | TryInterrupted):
            return event.key, event.epoch
        return None

    @property
    def subject(self) -> str:
        """Its name for people."""
        match self.event, self.request:
            case DagUpdated(), _:
                return f"DAG {self.dag_id!r}"
            case RunAdded(run=run), _:
                return f"run {run.run_id!r} of DAG {run.dag_id!r}"
            case Heartbeat(executor=executor), _:
                return f"heartbeat of executor {executor!r}"
            case _, UnreadableRequest(body=body):
                return f"request {body[:200].decode(errors='backslashreplace')}"
            case _, TriggerDagRun(dag_id=dag_id, run_id=run_id):
                return f"request of a task for run {run_id!r} of DAG {dag_id!r}"
            case _, request if request is not None and not isinstance(request, DagChanged):
                return f"request {msgspec.json.encode(request).decode()[:500]}"
        if self.of_try is not None:
            key, epoch = self.of_try
            return f"try of task {str(key)!r} of run {key.run}, epoch {epoch}"
        return f"DAG {self.dag_id!r}" if self.dag_id else f"run {self.run}"


def of_event(event: Event) -> Arrival:
    """An event by itself."""
    match event:
        case DagUpdated(dag=dag):
            return Arrival(event, dag_id=dag.dag_id)
        case RunAdded(run=run):
            return Arrival(event, run=run.run)
        case RunVersionChanged(run=run):
            return Arrival(event, run=run)
        case _:
            return Arrival(event)
