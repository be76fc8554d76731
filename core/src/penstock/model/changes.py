"""What one step of the engine wants persisted: rows to write, in one transaction."""

from datetime import datetime

import msgspec

from penstock.model.run import NewRun, Run, TaskInstance, Try, XCom


class DagCursor(msgspec.Struct, frozen=True):
    """How far a DAG's timetable has been worked off.

    Attributes:
        interval_end: End of the last data interval for which a run was created; None before the first.
    """

    dag_id: str
    interval_end: datetime | None


class Changes(msgspec.Struct):
    """Rows to persist together or not at all; each row appears once, in its newest form.

    Attributes:
        new_runs: Runs to create; the store answers with their numbers.
        runs: Runs whose row changed.
        tasks: Task instances, inserted or updated.
        tries: Tries, inserted or updated.
        xcoms: Values that finished tries left; they replace older ones under the same key.
        cleared: Task instances whose values must go, because they will run again.
        cursors: Timetables that moved on.
        handled: Numbers of the requests that this step has carried out.
    """

    new_runs: list[NewRun] = []
    runs: list[Run] = []
    tasks: list[TaskInstance] = []
    tries: list[Try] = []
    xcoms: list[XCom] = []
    cleared: list[tuple[int, str, int]] = []
    cursors: list[DagCursor] = []
    handled: list[int] = []

    def __bool__(self) -> bool:
        """True if there is anything to write."""
        return any(getattr(self, name) for name in self.__struct_fields__)
