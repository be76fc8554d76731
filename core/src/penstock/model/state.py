"""States of runs and task instances, the one table of allowed transitions, and the events that alerts are about."""

from enum import StrEnum


class RunState(StrEnum):
    """The life of a DAG run; one that is skipped fell due while others ran, and never started."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def finished(self) -> bool:
        """True if nothing of the run will move again unless a person clears it."""
        return self in _FINISHED_RUN


class TaskState(StrEnum):
    """The life of a task instance; the words are the field's own. One that is removed is no part of its run any more."""

    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    DEFERRED = "deferred"
    UP_FOR_RETRY = "up_for_retry"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    CANCELLED = "cancelled"
    REMOVED = "removed"

    @property
    def finished(self) -> bool:
        """True if the instance counts as done for its downstream."""
        return self in FINISHED

    @property
    def live(self) -> bool:
        """True if a try of it exists somewhere: sent out, running, or waiting in a waiter."""
        return self in LIVE


class Outcome(StrEnum):
    """How one try ended."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"


class TriggerRule(StrEnum):
    """When a task runs, given its upstream's states; names and meanings are Airflow's.

    A skipped task is done: ``all_done_min_one_success`` runs if all are done and one succeeded, where Airflow skips it as soon as one
    is skipped.
    """

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ALL_SKIPPED = "all_skipped"
    ONE_FAILED = "one_failed"
    ONE_SUCCESS = "one_success"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"


class DeliveryState(StrEnum):
    """The life of what is sent to an alert channel."""

    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"
    EXPIRED = "expired"


class AlertEvent(StrEnum):
    """What an alert rule may ask to be told of."""

    RUN_FAILED = "run_failed"
    RUN_SUCCEEDED = "run_succeeded"
    RUN_RECOVERED = "run_recovered"
    RUN_SLOW = "run_slow"
    MISSED_START = "missed_start"
    MISSED_DEADLINE = "missed_deadline"
    TASK_STARTED = "task_started"
    TASK_FAILED = "task_failed"
    TASK_RETRIED = "task_retried"
    TASK_SKIPPED = "task_skipped"
    TASK_SUCCEEDED = "task_succeeded"
    TASK_RECOVERED = "task_recovered"
    TASK_SLOW = "task_slow"
    TASK_MISSED_DEADLINE = "task_missed_deadline"
    IMPORT_BROKEN = "import_broken"
    IMPORT_MENDED = "import_mended"
    UNWELL = "unwell"
    WELL = "well"

    @property
    def of_task(self) -> bool:
        """Whether it is about one task instance."""
        return self.value.startswith("task_")

    @property
    def timed(self) -> bool:
        """Whether it is about time, so that a rule may say after how many seconds."""
        return self in _TIMED

    @property
    def needs_time(self) -> bool:
        """Whether a rule for it must say after how many seconds."""
        return self in _DEADLINES

    @property
    def of_installation(self) -> bool:
        """Whether it is about no DAG run, so that only the settings can ask for it."""
        return self in _OF_INSTALLATION


_OF_INSTALLATION = frozenset({AlertEvent.IMPORT_BROKEN, AlertEvent.IMPORT_MENDED, AlertEvent.UNWELL, AlertEvent.WELL})
_DEADLINES = frozenset({AlertEvent.MISSED_DEADLINE, AlertEvent.TASK_MISSED_DEADLINE})
_TIMED = _DEADLINES | {AlertEvent.RUN_SLOW, AlertEvent.TASK_SLOW, AlertEvent.MISSED_START}
_FINISHED_RUN = frozenset({RunState.SUCCESS, RunState.FAILED, RunState.CANCELLED, RunState.SKIPPED})

FINISHED = frozenset(
    {
        TaskState.SUCCESS,
        TaskState.FAILED,
        TaskState.SKIPPED,
        TaskState.UPSTREAM_FAILED,
        TaskState.CANCELLED,
        TaskState.REMOVED,
    }
)
LIVE = frozenset({TaskState.QUEUED, TaskState.RUNNING, TaskState.DEFERRED})

# From each state, the states that may follow. Clearing (to NONE) is legal from anywhere that is not live: a live try is
# first cancelled, so that never two tries of one instance exist.
_S = TaskState
TRANSITIONS: dict[TaskState, frozenset[TaskState]] = {
    _S.NONE: frozenset({_S.SCHEDULED, _S.SKIPPED, _S.UPSTREAM_FAILED, _S.SUCCESS, _S.CANCELLED, _S.REMOVED}),
    _S.SCHEDULED: frozenset({_S.QUEUED, _S.SUCCESS, _S.SKIPPED, _S.UPSTREAM_FAILED, _S.FAILED, _S.CANCELLED, _S.NONE}),
    _S.QUEUED: frozenset(
        {_S.RUNNING, _S.DEFERRED, _S.SUCCESS, _S.FAILED, _S.SKIPPED, _S.UP_FOR_RETRY, _S.SCHEDULED, _S.CANCELLED}
    ),
    _S.RUNNING: frozenset(
        {_S.DEFERRED, _S.SUCCESS, _S.FAILED, _S.SKIPPED, _S.UP_FOR_RETRY, _S.SCHEDULED, _S.CANCELLED}
    ),
    _S.DEFERRED: frozenset({_S.SUCCESS, _S.FAILED, _S.SKIPPED, _S.UP_FOR_RETRY, _S.SCHEDULED, _S.CANCELLED}),
    _S.UP_FOR_RETRY: frozenset({_S.SCHEDULED, _S.SKIPPED, _S.FAILED, _S.CANCELLED, _S.NONE}),
    _S.SUCCESS: frozenset({_S.NONE}),
    _S.FAILED: frozenset({_S.NONE}),
    _S.SKIPPED: frozenset({_S.NONE}),
    _S.UPSTREAM_FAILED: frozenset({_S.NONE}),
    _S.CANCELLED: frozenset({_S.NONE}),
    _S.REMOVED: frozenset({_S.NONE}),
}
