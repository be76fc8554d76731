"""What happened, of which somebody may be told."""

from datetime import datetime

import msgspec

from penstock.model.notice import Notice, RunStateChanged
from penstock.model.run import UNMAPPED
from penstock.model.state import AlertEvent, RunState, TaskState


class Occurrence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened; it is stored with each alert that is made of it.

    Attributes:
        reason: Why, as a sentence; may be empty.
        run: Number of the run; 0 for what is about no run that exists.
        version: Content hash of the DAG that the run is pinned to.
        subject: What it is about if that is no DAG: a file, a part of the installation.
        after_s: What the rule says that it is about, of an event that is about time.
        callback: Name of the functions that are to be called; "" if it is for a channel.
    """

    event: AlertEvent
    at: datetime
    reason: str = ""
    dag_id: str = ""
    run_id: str = ""
    run: int = 0
    version: str = ""
    task_id: str = ""
    map_index: int = UNMAPPED
    try_number: int = 0
    subject: str = ""
    after_s: float | None = None
    callback: str = ""

    @property
    def key(self) -> str:
        """Its name: the same whenever it is found again, and no other one's."""
        # How long is usual is learnt anew meanwhile, so that the instant at which something is late is no part of its name.
        when = self.after_s if self.event.timed else self.at.isoformat()
        parts = (
            self.event, self.subject, self.dag_id, self.run_id, self.run, self.task_id, self.map_index, self.try_number,
            when, self.callback,
        )  # fmt: skip
        return "|".join(map(str, parts))

    @property
    def trouble(self) -> str:
        """Names what is wrong as long as what failed has not succeeded again."""
        return f"task|{self.dag_id}|{self.task_id}|{self.map_index}" if self.event.of_task else f"run|{self.dag_id}"


_OF_RUN = {RunState.FAILED.value: AlertEvent.RUN_FAILED, RunState.SUCCESS.value: AlertEvent.RUN_SUCCEEDED}
_OF_TASK = {
    TaskState.RUNNING.value: AlertEvent.TASK_STARTED,
    TaskState.FAILED.value: AlertEvent.TASK_FAILED,
    TaskState.UP_FOR_RETRY.value: AlertEvent.TASK_RETRIED,
    TaskState.SKIPPED.value: AlertEvent.TASK_SKIPPED,
    TaskState.SUCCESS.value: AlertEvent.TASK_SUCCEEDED,
}
_RECOVERIES = (
    (AlertEvent.RUN_FAILED, AlertEvent.RUN_SUCCEEDED, AlertEvent.RUN_RECOVERED),
    (AlertEvent.TASK_FAILED, AlertEvent.TASK_SUCCEEDED, AlertEvent.TASK_RECOVERED),
)


def recovery_after(failure: AlertEvent) -> AlertEvent | None:
    """What the first success after this will be; None if it is no failure."""
    return next((recovered for failed, _, recovered in _RECOVERIES if failed is failure), None)


def recovery_by(success: AlertEvent) -> AlertEvent | None:
    """What this is if it follows a failure; None if it is no success."""
    return next((recovered for _, succeeded, recovered in _RECOVERIES if succeeded is success), None)


def occurrence_of(notice: Notice) -> Occurrence | None:
    """What a change of a state is to those who may be told; None if nobody can ask for it."""
    if isinstance(notice, RunStateChanged):
        event = _OF_RUN.get(notice.state)
        if event is None:
            return None
        return Occurrence(
            event, notice.at, notice.reason, notice.dag_id, notice.run_id, notice.run, notice.version
        )  # fmt: skip
    event = _OF_TASK.get(notice.state)
    if event is None:
        return None
    return Occurrence(
        event, notice.at, notice.reason, notice.dag_id, notice.run_id, notice.run, notice.version,
        notice.task_id, notice.map_index, notice.try_number,
    )  # fmt: skip
