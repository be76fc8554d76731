"""What one step of the engine wants persisted: rows to write, in one transaction."""

from datetime import datetime

import msgspec

from penstock.model.assets.event import AssetCursor, NewAssetEvent
from penstock.model.backfills.backfill import Backfill, BackfillItem
from penstock.model.limits.rate import RateUsed
from penstock.model.notice import Notice
from penstock.model.run import NewRun, Rendered, Run, TaskInstance, TaskKey, Try, XCom
from penstock.model.state import Outcome


class DagCursor(msgspec.Struct, frozen=True):
    """How far a DAG's timetable has been worked off: when its last run fell due that was created, None before the first."""

    dag_id: str
    due_at: datetime | None


class LateAnswer(msgspec.Struct, frozen=True):
    """A try answered after its lease had ended, or twice: it is recorded, and changes nothing."""

    key: TaskKey
    epoch: int
    outcome: Outcome
    at: datetime


class Changes(msgspec.Struct):
    """Rows to persist together or not at all; each row appears once, in its newest form.

    Attributes:
        new_runs: Runs to create; the store answers with their numbers.
        runs: Runs whose row changed.
        tasks: Task instances, inserted or updated.
        tries: Tries, inserted or updated.
        xcoms: Values that finished tries left; they replace older ones under the same key.
        rendered: What the templates of finished tries had become.
        removed: Task instances to delete: the placeholder of a mapped task, once its instances exist.
        cleared: Task instances whose XComs must go, because they will run again.
        forgotten: Those among them whose checkpoints must go, too.
        late: Answers that came late and change nothing; noted on the try's row, which keeps its outcome.
        cursors: Timetables that moved on.
        rates: Pools whose rate was used, each with when the next task may start.
        backfills: Backfills whose row changed.
        backfill_items: Dates of backfills that have had their turn.
        handled: Numbers of the requests that this step has carried out.
        asset_events: Events of assets; the store answers with their numbers.
        asset_cursors: How far DAGs have taken the events of assets, where that has changed.
        notices: Every change of a state, for listeners, in the order in which they were decided; none if nobody listens.
    """

    new_runs: list[NewRun] = []
    runs: list[Run] = []
    tasks: list[TaskInstance] = []
    tries: list[Try] = []
    xcoms: list[XCom] = []
    rendered: list[Rendered] = []
    removed: list[TaskKey] = []
    cleared: list[TaskKey] = []
    forgotten: list[TaskKey] = []
    late: list[LateAnswer] = []
    cursors: list[DagCursor] = []
    rates: list[RateUsed] = []
    backfills: list[Backfill] = []
    backfill_items: list[BackfillItem] = []
    handled: list[int] = []
    asset_events: list[NewAssetEvent] = []
    asset_cursors: list[AssetCursor] = []
    notices: list[Notice] = []

    def __bool__(self) -> bool:
        """True if there is anything to write."""
        return any(msgspec.structs.astuple(self))
