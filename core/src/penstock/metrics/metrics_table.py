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
DROPPED = Metric(
    "metrics.dropped",
    "counter",
    "{value}",
    (),
    "Values that were lost: the process of the sinks was away or behind.",
)

METRICS = {
    each.name: each
    for each in (
        TURN, RUNS_FINISHED, RUN_DURATION, TRIES_FINISHED, TRY_DURATION, TRY_WAIT, CAPACITY, IMPORTS, IMPORT_DURATION,
        BROKEN_FILES, NOTICES, LOGS_WAITING, DROPPED,
    )
}  # fmt: skip
"""All of them by name."""
