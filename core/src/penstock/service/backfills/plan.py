"""Plans backfills: which dates are run and what becomes of each, by the code that the scheduler decides with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock.author.build.param_schema import check_params
from penstock.engine.graph.subset import chosen_tasks, missing_inputs
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.backfills.backfill import MOST_DATES, BackfillAction, BackfillSpec, Rerun
from penstock.model.dag import DagSpec
from penstock.model.names import check_conf
from penstock.model.schedule import DataInterval, ScheduleKind, unworkable
from penstock.model.text import utc_text
from penstock.model.values.content_hashes import content_hash
from penstock.service.installation import Installation
from penstock.service.names import find_dag
from penstock.service.operations.operation import operation
from penstock.store import DagRow

MOST_ACTIVE_RUNS = 10_000
"""Runs of one backfill at once at most."""
SHOWN = 12
"""Digits of a plan's hash that are shown, and that are enough to name it."""


class PlannedDate(msgspec.Struct, frozen=True):
    """What becomes of one date.

    Attributes:
        reason: Why it is not simply run; "" if it is.
    """

    logical_date: datetime
    data_to: datetime
    action: BackfillAction
    reason: str


class BackfillPlan(msgspec.Struct, frozen=True):
    """What a backfill would do if it began now.

    Attributes:
        spec: What is asked for.
        version: The version of the DAG that its runs begin with.
        dates: Each date in its order.
        note: What of the span is left out, and why, and what is run although it lies before the DAG's start; "" if nothing is.
        hash: Names what is planned: two plans of one hash do the same.
    """

    spec: BackfillSpec
    version: str
    dates: list[PlannedDate]
    note: str
    hash: str

    @property
    def counts(self) -> dict[BackfillAction, int]:
        """How many dates have which action."""
        found: dict[BackfillAction, int] = {}
        for date in self.dates:
            found[date.action] = found.get(date.action, 0) + 1
        return found


@operation("POST", "/dags/{dag_id}/backfills/plan", needs=Permission.DAGS_READ, reads=True)
def plan_backfill(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    dag_id: str,
    since: datetime,
    until: datetime,
    *,
    tasks: list[str] | None = None,
    upstream: bool = False,
    downstream: bool = False,
    backwards: bool = False,
    max_active_runs: int = 10,
    rerun: Rerun = Rerun.NONE,
    conf: Mapping[str, Any] | None = None,
) -> BackfillPlan:
    """Tell what a backfill would do; nothing is changed.

    Args:
        installation: The installation.
        dag_id: The DAG.
        since: The first logical date, an aware instant.
        until: The last one; it is included.
        tasks: The only tasks to run, with the setups and teardowns that they need; all unless given.
        upstream: Whether all that is upstream of these runs, too.
        downstream: Whether all that is downstream of them does.
        backwards: Whether the latest date is first.
        max_active_runs: Runs of it at once.
        rerun: What becomes of dates that have a run.
        conf: Values for each new run that override the DAG's params.

    Raises:
        NotFoundError: There is no such DAG, task or param.
        RequestError: The DAG has no dates in this span, or too many, is paused or retired, or a value cannot be used; or the latest date is
            to be first, and tasks wait for their past.
        StoreError: The database failed.
    """
    store = installation.store
    row = find_dag(store, dag_id)
    _check(row, since, until, max_active_runs)
    check_conf(conf or {})
    check_params(row.spec, conf or {})
    subset = _subset(row.spec, tasks or (), upstream=upstream, downstream=downstream)
    if backwards:
        _check_past(row.spec, subset)
    intervals, note = _intervals(row.spec, since.astimezone(UTC), until.astimezone(UTC), installation.now())
    spec = BackfillSpec(
        dag_id, replace(row.spec.schedule, planned=()), intervals[0].start, intervals[-1].start, len(intervals),
        anchor=row.spec.start_date, backwards=backwards, max_active_runs=max_active_runs, rerun=rerun,
        tasks=subset, conf=dict(conf or {}),
    )  # fmt: skip
    runs = store.backfills.newest_runs(dag_id, spec.since, spec.until)
    # They are those of `spec.intervals`, by which the scheduler goes on from date to date, found once.
    in_order = reversed(intervals) if backwards else intervals
    dates = [PlannedDate(*each, *spec.action(runs.get(each.start))) for each in in_order]
    named = content_hash(msgspec.json.encode((spec, row.version, dates), order="deterministic"))
    return BackfillPlan(spec, row.version, dates, note, named)


def _check(row: DagRow, since: datetime, until: datetime, max_active_runs: int) -> None:
    dag_id = row.dag_id
    if not row.active:
        raise RequestError(f"DAG {dag_id!r} is retired: no file defines it any more. Its last file was {row.file}.")
    if row.paused:
        raise RequestError(
            f"DAG {dag_id!r} is paused, and nothing of a paused DAG starts. Unpause it with: penstock dags unpause {dag_id}"
        )
    match row.spec.schedule.kind:
        case ScheduleKind.NONE | ScheduleKind.ONCE:
            raise RequestError(
                f"DAG {dag_id!r} has no schedule that recurs, so no dates of it lie in a span of time. "
                f"Run it for a date with: penstock dags trigger {dag_id} --date ISO"
            )
        case ScheduleKind.TIMETABLE:
            raise RequestError(
                f"the schedule of DAG {dag_id!r} is a timetable in code, which tells what comes next and not what was. "
                f"Run it for a date with: penstock dags trigger {dag_id} --date ISO"
            )
        case _:
            pass
    for name, at in (("first", since), ("last", until)):
        if at.tzinfo is None:
            raise RequestError(f"the {name} date {at.isoformat()} has no time zone. Write it with one: +00:00.")
        if problem := unworkable(at):
            raise RequestError(f"the {name} date {problem}.")
    if not 1 <= max_active_runs <= MOST_ACTIVE_RUNS:
        raise RequestError(f"{max_active_runs} runs at once cannot be. Choose 1 to {MOST_ACTIVE_RUNS}.")


def _check_past(spec: DagSpec, subset: Sequence[str]) -> None:
    """Refuse to go backwards where a date waits for the one before it."""
    chosen = [task for task in spec.tasks if not subset or task.task_id in subset]
    waits = [task.task_id for task in chosen if task.depends_on_past and not task.teardown]
    if waits:
        raise RequestError(
            f"task {waits[0]!r} of DAG {spec.dag_id!r} waits for its past (depends_on_past): "
            "each date would wait for one that comes later. Leave out --run-backwards."
        )


def _subset(spec: DagSpec, tasks: Sequence[str], *, upstream: bool, downstream: bool) -> list[str]:
    known = [task.task_id for task in spec.tasks]
    for task_id in tasks:
        if task_id not in known:
            raise NotFoundError(f"task of DAG {spec.dag_id!r}", task_id, known)
    if not tasks:
        return []
    subset = chosen_tasks(spec, tasks, upstream=upstream, downstream=downstream)
    if missing := missing_inputs(spec, subset):
        task_id, source = missing[0]
        raise RequestError(
            f"task {task_id!r} takes the value of task {source!r}, which would not run. "
            "Name that one, too, or run all that is upstream of what you name."
        )
    return subset


def _intervals(spec: DagSpec, since: datetime, until: datetime, now: datetime) -> tuple[list[DataInterval], str]:
    """The complete data intervals of a span, oldest first, and which of them are not complete."""
    if since > until:
        raise RequestError(
            f"the first date, {utc_text(since)}, is later than the last one, {utc_text(until)}. Exchange them."
        )
    found = [*islice(spec.schedule.intervals(since, until, spec.start_date), MOST_DATES + 1)]
    if len(found) > MOST_DATES:
        raise RequestError(
            f"more than {MOST_DATES} dates of DAG {spec.dag_id!r} lie between {utc_text(since)} and {utc_text(until)}. "
            "Choose a shorter span."
        )
    complete = [each for each in found if each.end <= now]
    later = found[len(complete) :]
    note = ""
    if later:
        first = later[0]
        note = f"what begins at {utc_text(first.start)} or later is left out, as its data is complete only at {utc_text(first.end)}"
    if not complete:
        none = f"no run of DAG {spec.dag_id!r} stands for a date between {utc_text(since)} and {utc_text(until)}"
        raise RequestError(f"{none}; {note}." if note else f"{none}. `penstock dags show` tells its schedule.")
    early = [each for each in complete if spec.start_date is not None and each.start < spec.start_date]
    if early and spec.start_date is not None:
        many = "1 of these dates lies" if len(early) == 1 else f"{len(early)} of these dates lie"
        before = f"{many} before the DAG's start_date, {utc_text(spec.start_date)}, and would be run all the same"
        note = f"{before}; {note}" if note else before
    return complete, note
