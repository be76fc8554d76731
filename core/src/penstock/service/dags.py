"""Operations on DAGs: list, show, pause, trigger."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from penstock.author.build.param_schema import check_params
from penstock.engine.runs.due import next_due
from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.changes import Changes
from penstock.model.dag import DagSpec
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.names import check_conf, check_name
from penstock.model.request import RunRequested
from penstock.model.run import NewRun, Run
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.state import RunState
from penstock.service.assets.assets import DagWait, dag_wait
from penstock.service.history.seen_files import readable_files
from penstock.service.installation import Installation
from penstock.service.names import find_dag, find_dag_state
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import DagChoice, ListedDag, listed

MOST_NEXT_RUNS = 1_000
"""Runs that are foreseen at once: each costs a look into the schedule."""


class DagSummary(msgspec.Struct, frozen=True):
    """One line of the list of DAGs.

    Attributes:
        next_run_at: When its next run falls due; None if it is paused, retired or not scheduled.
        runs: Number of its runs by state; states without a run are absent.
    """

    dag_id: str
    file: str
    schedule: str
    paused: bool
    active: bool
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    tasks: int
    next_run_at: datetime | None
    runs: dict[RunState, int]


class DagDetails(msgspec.Struct, frozen=True):
    """A DAG with its structure, its newest runs, and what it waits for if assets start it."""

    summary: DagSummary
    spec: DagSpec
    version: str
    latest: list[Run]
    waits: DagWait | None = None


class ImportErrors(msgspec.Struct, frozen=True):
    """What is wrong with a DAG file, or worth a note; each is a sentence that begins with file and line."""

    file: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]


class TriggeredRun(msgspec.Struct, frozen=True):
    """What `trigger` did.

    Attributes:
        created: False if a run of this id existed already; it was left as it is.
        paused: True if the DAG is paused, so that the run waits until it is unpaused.
    """

    run: Run
    created: bool
    paused: bool


class NextRun(msgspec.Struct, frozen=True):
    """A run that falls due.

    Attributes:
        run_after: When.
        interval_start, interval_end: Its data interval.
        local: When, as a clock reads it in the zone of its schedule.
    """

    run_after: datetime
    interval_start: datetime
    interval_end: datetime
    local: datetime


_DAGS, _PROBLEMS = PagedList("DAGs", str), PagedList("import errors", str)


@operation("GET", "/dags", needs=Permission.DAGS_READ, subject="", stored=True)
def list_dags(  # noqa: PLR0913 - one argument a filter
    installation: Installation,
    *,
    search: str = "",
    tag: str = "",
    owner: str = "",
    paused: bool | None = None,
    state: RunState | None = None,
    retired: bool = False,
    after: str = "",
    limit: PageSize = 200,
) -> Page[DagSummary]:
    """List a page of DAGs, by id.

    Args:
        installation: The installation.
        search: Only those whose id contains this, in any case.
        tag: Only those that have this tag.
        owner: Only those of which a task names this owner.
        paused: Only those that are paused, or that are not.
        state: Only those whose newest run is in this state.
        retired: Also those that no file defines any more.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    now, behind = installation.now(), _DAGS.key(after) or ""
    choice = DagChoice(search, tag, owner, paused, state, retired)
    seen = installation.sees if installation.limited else None
    rows = installation.store.views.dag_list.page(choice, seen=seen, after=behind, limit=limit + 1)
    chosen, end = _DAGS.cut(rows, limit, lambda row: row.dag_id)
    return Page(items=[_summary(row, now) for row in chosen], next=end)


@operation("GET", "/dags/{dag_id}", needs=Permission.DAGS_READ)
def show_dag(installation: Installation, dag_id: str) -> DagDetails:
    """Show a DAG; raises NotFoundError or StoreError."""
    store = installation.store
    row = find_dag(store, dag_id)
    latest = store.runs.page(dag_id=dag_id, limit=10)
    return DagDetails(
        _summary(listed(row), installation.now()), row.spec, row.version, latest, dag_wait(installation, dag_id)
    )


@operation("GET", "/import-errors", needs=Permission.CODE_READ, subject="")
def dag_problems(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[ImportErrors]:
    """List a page of the DAG files that could not be imported, or of which notes were made, by file; raises PageError or StoreError."""
    found, named = installation.store.dags.problems(), readable_files(installation)
    listed = [
        ImportErrors(file, each.problems, each.notes) for file, each in found.items() if named is None or file in named
    ]
    return _PROBLEMS.page_of_all(listed, after, limit, lambda each: each.file)


@operation("GET", "/dags/{dag_id}/next-runs", needs=Permission.DAGS_READ)
def next_runs(installation: Installation, dag_id: str, count: int = 5) -> list[NextRun]:
    """List the next runs of a DAG, at most ``count``, as if it were not paused.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: So many cannot be listed at once.
        StoreError: The database failed.
    """
    if not 1 <= count <= MOST_NEXT_RUNS:
        raise RequestError(f"{count} runs cannot be foreseen at once. Choose 1 to {MOST_NEXT_RUNS:,}.")
    row, now = find_dag(installation.store, dag_id), installation.now()
    zone, found = ZoneInfo(row.spec.schedule.timezone), list[NextRun]()
    cursor = row.cursor
    while len(found) < count:
        due = next_due(row.spec, cursor, now)
        if due is None or due.at == cursor:
            break
        found.append(NextRun(due.at, *due.interval, due.at.astimezone(zone)))
        cursor, now = due.at, max(now, due.at)
    return found


@operation("GET", "/dags/{dag_id}/paused", needs=Permission.DAGS_READ)
def is_paused(installation: Installation, dag_id: str) -> bool:
    """Tell whether a DAG is paused; raises NotFoundError or StoreError."""
    return find_dag(installation.store, dag_id).paused


@operation("PUT", "/dags/{dag_id}/paused", needs=Permission.DAGS_WRITE)
def pause(installation: Installation, dag_id: str, *, paused: bool, by: AskedBy = NOBODY) -> bool:
    """Pause or unpause a DAG; returns whether that changed anything. Raises NotFoundError or StoreError."""
    row, now = find_dag_state(installation.store, dag_id), installation.now()
    if row.paused == paused:
        return False
    action = AuditAction.PAUSE if paused else AuditAction.UNPAUSE
    audit = by.entry(now, action, dag_id)
    return installation.store.dags.set_paused(dag_id, now, paused=paused, audit=audit)


@operation("POST", "/bulk/dags/pause", needs=Permission.DAGS_WRITE, subject="")
def pause_all(installation: Installation, dag_ids: list[str], *, paused: bool, by: AskedBy = NOBODY) -> dict[str, bool]:
    """Pause or unpause DAGs, all of them or none; returns by id whether that changed anything.

    Raises:
        NotFoundError: One of them does not exist; nothing was changed.
        ForbiddenError: One of them may not be paused; nothing was changed.
        StoreError: The database failed.
    """
    for dag_id in dag_ids:
        find_dag_state(installation.store, dag_id)
        installation.require(Permission.DAGS_WRITE, dag_id)
    return {dag_id: pause(installation, dag_id, paused=paused, by=by) for dag_id in dag_ids}


@operation("POST", "/dags/{dag_id}/runs", needs=Permission.RUNS_WRITE)
def trigger(
    installation: Installation,
    dag_id: str,
    *,
    run_id: str = "",
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | None = None,
    by: AskedBy = NOBODY,
) -> TriggeredRun:
    """Create a run and ask the scheduler to start it, in one transaction.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_id: Name of the run; a second call with the same name makes no second run. Made from the present if empty.
        conf: Values that override the DAG's params.
        logical_date: The aware instant the run stands for; the present unless given.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG, or it has no such param.
        RequestError: The DAG is retired, or a value cannot be used.
        StoreError: The database failed.
    """
    store, now = installation.store, installation.now()
    row = find_dag(store, dag_id)
    check_conf(conf or {})
    if not row.active:
        raise RequestError(f"DAG {dag_id!r} is retired: no file defines it any more. Its last file was {row.file}.")
    if logical_date is not None and logical_date.tzinfo is None:
        raise RequestError(f"the logical date {logical_date.isoformat()} has no time zone. Write it with one: +00:00.")
    check_params(row.spec, conf or {})
    logical = _instant(logical_date or now)
    name = run_id or f"manual__{now.astimezone(UTC).isoformat()}"
    check_name("run", name)
    interval = row.spec.schedule.manual_interval(logical, row.spec.start_date)
    new = NewRun.manual(dag_id, name, logical, interval, conf=conf, version=row.version)
    with store.transaction() as tx:
        created = [each for each in tx.apply(Changes(new_runs=[new]), now) if isinstance(each, Run)]
        tx.submit([RunRequested(run.run) for run in created], now)
        if created:
            tx.audit(by.entry(now, AuditAction.TRIGGER, dag_id, name))
    run = created[0] if created else store.runs.find(dag_id, name)
    if run is None:
        raise RequestError(f"run {name!r} of DAG {dag_id!r} was deleted while it was asked for. Try again.")
    return TriggeredRun(run, bool(created), row.paused)


def _instant(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise RequestError(f"the logical date {at.isoformat()} lies before the year 1 or after 9999 in UTC.") from None


def schedule_text(schedule: Schedule) -> str:
    """The schedule as its author wrote it, or as near as it is known."""
    if schedule.text:
        return schedule.text
    match schedule.kind:
        case ScheduleKind.CRON:
            return ", ".join(schedule.crons)
        case ScheduleKind.INTERVAL:
            return f"every {schedule.every_s:g} s"
        case ScheduleKind.DATES:
            return f"{len(schedule.dates)} dates"
        case _:
            return schedule.kind.value


def catchup_text(spec: DagSpec) -> str:
    """What of the past is run, in the words that an author may write."""
    if not spec.catchup:
        return "latest"
    if spec.catchup_window_s is None:
        return "all"
    return f"{timedelta(seconds=spec.catchup_window_s)}" if spec.catchup_window_s else "none"


def _summary(row: ListedDag, now: datetime) -> DagSummary:
    head = row.head
    due = None if row.paused or not row.active else next_due(head, row.cursor, now)
    return DagSummary(
        dag_id=row.dag_id,
        file=row.file,
        schedule=schedule_text(head.schedule),
        paused=row.paused,
        active=row.active,
        tags=head.tags,
        owners=head.owners,
        tasks=head.tasks,
        next_run_at=due.at if due else None,
        runs=row.runs,
    )
