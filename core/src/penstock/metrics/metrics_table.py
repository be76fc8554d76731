"""The one table of metrics. Whatever is measured is a row here, and the reference page is made of it."""

from typing import NamedTuple

from penstock.spec.metrics_sink import MetricKind


class Metric(NamedTuple):
    """One thing that is measured.

    Attributes:
        name: As sinks are told it.
        kind: Whether its values are added up, the last one counts, or they are spread over time spans.
        unit: Of its values, by UCUM: ``s``, ``By``, ``{run}``.
        tags: What tells its series apart.
        meaning: What it says, as a sentence.
    """

    name: str
    kind: MetricKind
    unit: str
    tags: tuple[str, ...]
    meaning: str


TURN = Metric("scheduler.turn", "timing", "s", (), "What the scheduler needs to decide and store what has come in.")
COMMIT = Metric("scheduler.commit", "timing", "s", (), "What of that the database needs.")
HEARTBEATS = Metric(
    "scheduler.heartbeats", "counter", "{beat}", (), "Times that the scheduler's loop came round: at least one in 10 s."
)
RUN_DELAY = Metric(
    "runs.delay",
    "timing",
    "s",
    (),
    "From the instant at which a scheduled run was due to its start; what is caught up counts, too.",
)
TASK_WAIT = Metric(
    "tasks.wait",
    "timing",
    "s",
    (),
    "From the instant at which a task instance could start, since its upstream had ended or its retry was due, to its start.",
)
LEASES_EXPIRED = Metric(
    "leases.expired",
    "counter",
    "{lease}",
    ("executor",),
    "Tries that were given up because their executor said nothing of them.",
)
RUNS_FINISHED = Metric("runs.finished", "counter", "{run}", ("dag_id", "state"), "Runs that have ended.")
RUN_DURATION = Metric("runs.duration", "timing", "s", ("dag_id", "state"), "From the start of a run to its end.")
TRIES_FINISHED = Metric("tries.finished", "counter", "{try}", ("executor", "outcome"), "Tries that have ended.")
TRY_DURATION = Metric("tries.duration", "timing", "s", ("executor", "outcome"), "From the start of a try to its end.")
TRY_WAIT = Metric("tries.wait", "timing", "s", ("executor",), "From the dispatch of a try to its start.")
CAPACITY = Metric("executor.capacity", "gauge", "{try}", ("executor",), "Tries that an executor wants to hold at once.")
IMPORTS = Metric("loader.imports", "counter", "{file}", ("result",), "DAG files that were imported: `ok` or `broken`.")
IMPORT_DURATION = Metric("loader.import", "timing", "s", (), "What the import of a DAG file takes.")
BROKEN_FILES = Metric("loader.broken_files", "gauge", "{file}", (), "DAG files that have problems now.")
NOTICES = Metric(
    "notifier.notices",
    "counter",
    "{notice}",
    ("provider", "result"),
    "Notices that a listener was given.",
)
LOGS_WAITING = Metric("logs.waiting", "gauge", "By", (), "Bytes of logs that are not in the log store yet.")
COLLAPSED = Metric(
    "metrics.collapsed",
    "counter",
    "{value}",
    ("tag",),
    "Values that were counted under `other`, because the tag has too many values already.",
)
DROPPED = Metric(
    "metrics.dropped",
    "counter",
    "{value}",
    (),
    "Values that were lost: the process of the sinks was away or behind.",
)

DATABASE_UP = Metric("database.up", "gauge", "1", (), "1 if the database answers, else 0.")
SCHEDULERS_UP = Metric("scheduler.up", "gauge", "{scheduler}", (), "Schedulers at work, whose loops come round.")
SCHEDULER_SILENT = Metric("scheduler.silent", "gauge", "s", (), "How long ago the loop came round that did so last.")
RUNS_LIVE = Metric("runs.live", "gauge", "{run}", ("state",), "Runs that have not ended.")
QUEUE_WAITING = Metric(
    "queue.waiting", "gauge", "{task}", ("queue",), "Task instances of a queue that are ready and wait."
)
QUEUE_HELD = Metric("queue.held", "gauge", "{try}", ("queue",), "Tries of a queue that executors hold.")
QUEUE_OLDEST = Metric("queue.oldest", "gauge", "s", ("queue",), "How long the one has been ready that waits longest.")
QUEUE_WANTED = Metric(
    "queue.wanted", "gauge", "{try}", ("queue",), "Tries of a queue that could run now, were there workers."
)
POOL_SLOTS = Metric("pool.slots", "gauge", "{slot}", ("pool",), "Slots of a pool.")
POOL_USED = Metric("pool.used", "gauge", "{slot}", ("pool",), "Slots of a pool that tries hold.")
POOL_WAITING = Metric("pool.waiting", "gauge", "{slot}", ("pool",), "Slots that ready task instances wait for.")
EXECUTOR_HELD = Metric("executor.held", "gauge", "{try}", ("executor",), "Tries that an executor holds.")
LISTENER_LAG = Metric(
    "listener.lag", "gauge", "s", ("provider",), "Age of the oldest change that a listener has not been told of."
)
LAST_SUCCESS = Metric(
    "dag.last_success_timestamp",
    "gauge",
    "s",
    ("dag_id",),
    "When the newest run of a DAG that succeeded ended, since 1970; of the DAGs under `other`, the oldest.",
)
FILE_IMPORT = Metric(
    "file.import",
    "gauge",
    "s",
    ("file",),
    "What the last import of a DAG file took; of the files under `other`, the longest.",
)

MEASURED = (
    TURN, COMMIT, HEARTBEATS, RUNS_FINISHED, RUN_DURATION, RUN_DELAY, TASK_WAIT, TRIES_FINISHED, TRY_DURATION, TRY_WAIT,
    LEASES_EXPIRED, CAPACITY, IMPORTS, IMPORT_DURATION, BROKEN_FILES, NOTICES, LOGS_WAITING, COLLAPSED, DROPPED,
)  # fmt: skip
"""What processes measure as they work."""
FIGURES = (
    DATABASE_UP, SCHEDULERS_UP, SCHEDULER_SILENT, RUNS_LIVE, QUEUE_WAITING, QUEUE_HELD, QUEUE_OLDEST, QUEUE_WANTED,
    POOL_SLOTS, POOL_USED, POOL_WAITING, EXECUTOR_HELD, LISTENER_LAG, LAST_SUCCESS, FILE_IMPORT,
)  # fmt: skip
"""What is read from the database, at most once in ten seconds."""
METRICS = {each.name: each for each in (*MEASURED, *FIGURES)}
"""All of them by name."""
