"""Operations on times: the tries of a run as a chart, days of a calendar, and how long runs and tasks take."""

from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from penstock.alerts.usual import LEAST_RUNS, longest_usual_s
from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission
from penstock.model.run import Run, TaskInstance, Try
from penstock.model.state import RunState, TaskState
from penstock.service.installation import Installation
from penstock.service.names import find_dag, find_dag_state, find_run
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize
from penstock.store import ShortRun

MOST_DAYS = 400
"""Days of a calendar at most."""
MOST_DURATIONS = 365
"""Runs whose durations are shown at most."""


class Gantt(Page[Try], frozen=True, kw_only=True):
    """The tries of a run, as bars of a chart, by task id, map index and epoch."""

    run: Run


class InstancePage(Page[TaskInstance], frozen=True, kw_only=True):
    """A page of the task instances of a run."""

    run: Run


class CalendarDay(msgspec.Struct, frozen=True):
    """A day of a calendar.

    Attributes:
        day: As ISO 8601 writes it.
        runs: How many runs whose logical date is on it are in which state.
    """

    day: str
    runs: dict[RunState, int]


class Duration(msgspec.Struct, frozen=True):
    """How long a run took, or a task instance of it.

    Attributes:
        state: Of the run, or of the instance.
        took_s: Seconds from its start to its end; None while it goes on.
    """

    run: ShortRun
    state: str
    started_at: datetime
    took_s: float | None


class Durations(msgspec.Struct, frozen=True):
    """How long the newest runs of a DAG took, or the instances of a task of it.

    Attributes:
        items: Newest first.
        median_s: The median of those that succeeded; None if there are none.
        low_s, high_s: Between these lie eight of ten of them; None likewise.
        longest_usual_s: Beyond which it is unusual; None if too little is known.
    """

    items: list[Duration]
    median_s: float | None
    low_s: float | None
    high_s: float | None
    longest_usual_s: float | None


class TaskDurations(msgspec.Struct, frozen=True):
    """How long a task usually takes.

    Attributes:
        successes: How many of its instances succeeded in the runs that were looked at.
        median_s: Their median; None if there are too few.
        low_s, high_s: Between these lie eight of ten of them; None likewise.
    """

    task_id: str
    successes: int
    median_s: float | None
    low_s: float | None
    high_s: float | None


_TRIES = PagedList("tries of a run", tuple[str, int, int])
_INSTANCES = PagedList("task instances of a run", tuple[str, int])


@operation("GET", "/dags/{dag_id}/runs/{run_id}/gantt", needs=Permission.DAGS_READ, stored=True)
def show_gantt(
    installation: Installation, dag_id: str, run_id: str = "", *, after: str = "", limit: PageSize = 1000
) -> Gantt:
    """Show when each try of a run was queued, started and ended, or of the newest run if ``run_id`` is empty.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The DAG has no run yet.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    run = find_run(installation.store, dag_id, run_id)
    found = installation.store.views.tries(run.run, _TRIES.key(after, run.run), limit + 1)
    items, end = _TRIES.cut(found, limit, lambda each: (each.task_id, each.map_index, each.epoch), run.run)
    return Gantt(items=items, next=end, run=run)


@operation("GET", "/dags/{dag_id}/runs/{run_id}/task-instances", needs=Permission.DAGS_READ, stored=True)
def list_instances(
    installation: Installation,
    dag_id: str,
    run_id: str = "",
    *,
    states: list[TaskState] | None = None,
    after: str = "",
    limit: PageSize = 100,
) -> InstancePage:
    """List a page of the task instances of a run, or of the newest run if ``run_id`` is empty, by task id and index.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_id: The run.
        states: Only those in one of these; all unless given.
        after: ``next`` of the page before; "" for the first page.
        limit: Length of the page.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: The DAG has no run yet.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    run = find_run(installation.store, dag_id, run_id)
    behind = _INSTANCES.key(after, run.run)
    found = installation.store.views.instances(run.run, states=states or (), after=behind, limit=limit + 1)
    items, end = _INSTANCES.cut(found, limit, lambda each: (each.task_id, each.map_index), run.run)
    return InstancePage(items=items, next=end, run=run)


@operation("GET", "/dags/{dag_id}/calendar", needs=Permission.DAGS_READ, stored=True)
def show_calendar(
    installation: Installation, dag_id: str, since: datetime, until: datetime, zone: str = "UTC"
) -> list[CalendarDay]:
    """Count the runs of a DAG by the day of their logical date; days without a run are absent.

    Args:
        installation: The installation.
        dag_id: The DAG.
        since: The first instant, aware.
        until: The end, which is not in it.
        zone: The time zone that says where days begin.

    Raises:
        NotFoundError: There is no such DAG or time zone.
        RequestError: The span is none, or longer than is shown at once.
        StoreError: The database failed.
    """
    if since.tzinfo is None or until.tzinfo is None:
        raise RequestError("an instant has no time zone. Write it with one: +00:00.")
    if not timedelta(0) < until - since <= timedelta(days=MOST_DAYS):
        raise RequestError(f"a calendar shows 1 to {MOST_DAYS} days, and its end comes after its start.")
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NotFoundError("time zone", zone, hint="Name one as Europe/Berlin.") from None
    find_dag_state(installation.store, dag_id)
    days: dict[str, dict[RunState, int]] = {}
    for at, state in installation.store.views.dates(dag_id, since.astimezone(UTC), until.astimezone(UTC)):
        counts = days.setdefault(at.astimezone(clock).date().isoformat(), {})
        counts[state] = counts.get(state, 0) + 1
    return [CalendarDay(day, runs) for day, runs in days.items()]


@operation("GET", "/dags/{dag_id}/durations", needs=Permission.DAGS_READ, stored=True)
def show_durations(installation: Installation, dag_id: str, task_id: str = "", *, limit: PageSize = 50) -> Durations:
    """Show how long the newest runs of a DAG took, or the instances of one task in them, and how long is usual.

    Raises:
        NotFoundError: There is no such DAG, or its present version has no such task.
        RequestError: More is asked for than is shown at once.
        StoreError: The database failed.
    """
    if not 1 <= limit <= MOST_DURATIONS:
        raise RequestError(f"{limit} runs cannot be shown at once. Choose 1 to {MOST_DURATIONS}.")
    known = [task.task_id for task in find_dag(installation.store, dag_id).spec.tasks]
    if task_id and task_id not in known:
        raise NotFoundError(f"task of DAG {dag_id!r}", task_id, known)
    items = [
        Duration(run, state, began, None if ended is None else (ended - began).total_seconds())
        for run, began, ended, state in installation.store.views.took(dag_id, task_id, limit)
    ]
    took = [each.took_s for each in items if each.took_s is not None and each.state == RunState.SUCCESS]
    middle, low, high = _usual(took)
    return Durations(items, middle, low, high, longest_usual_s(took))


@operation("GET", "/dags/{dag_id}/task-durations", needs=Permission.DAGS_READ, stored=True)
def show_task_durations(installation: Installation, dag_id: str, *, limit: PageSize = 20) -> list[TaskDurations]:
    """Show how long each task of a DAG took in its newest runs, in the order of its present version.

    Args:
        installation: The installation.
        dag_id: The DAG.
        limit: How many of its newest runs are looked at.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: More runs are asked for than are looked at at once.
        StoreError: The database failed.
    """
    if not 1 <= limit <= MOST_DURATIONS:
        raise RequestError(f"{limit} runs cannot be looked at at once. Choose 1 to {MOST_DURATIONS}.")
    row = find_dag(installation.store, dag_id)
    took: dict[str, list[float]] = {}
    for task_id, began, ended in installation.store.views.took_by_task(dag_id, limit):
        took.setdefault(task_id, []).append((ended - began).total_seconds())
    return [
        TaskDurations(task.task_id, len(found), *_usual(found))
        for task in row.spec.tasks
        for found in [took.get(task.task_id, [])]
    ]


def _usual(took_s: list[float]) -> tuple[float | None, float | None, float | None]:
    """The median, and the tenth and ninetieth of a hundred; None each if too little is known."""
    if len(took_s) < LEAST_RUNS:
        return None, None, None
    tenths = quantiles(took_s, n=10, method="inclusive")
    return median(took_s), tenths[0], tenths[-1]
