"""Which run of a DAG falls due next, and when.

A run stands for a data interval and falls due at the interval's end. With ``catchup`` every interval since the start
date is run, oldest first; without it only the newest complete one and those to come, as in Airflow.
"""

from datetime import datetime
from typing import NamedTuple

from penstock.model.dag import DagSpec
from penstock.model.run import NewRun, RunKind
from penstock.model.schedule import DataInterval, ScheduleKind


class Due(NamedTuple):
    """The next data interval of a DAG, and the instant from which its run may be created."""

    interval: DataInterval
    at: datetime


def next_due(dag: DagSpec, cursor: datetime | None, now: datetime) -> Due | None:
    """The interval after ``cursor`` (end of the last one run) that is next; None if the timetable has ended."""
    schedule = dag.schedule
    if schedule.kind is ScheduleKind.NONE:
        return None
    if schedule.kind is ScheduleKind.ONCE:
        at = dag.start_date or now
        return None if cursor is not None else Due(DataInterval(at, at), at)
    start = _first_start(dag, cursor, now)
    if start is not None and not dag.catchup:
        start = _newest_start(dag, start, now)
    if start is None or (dag.end_date is not None and start > dag.end_date):
        return None
    interval = schedule.interval_from(start, dag.start_date)
    return None if interval is None else Due(interval, interval.end)


def _first_start(dag: DagSpec, cursor: datetime | None, now: datetime) -> datetime | None:
    """Start of the oldest interval that has no run yet."""
    schedule, anchor = dag.schedule, dag.start_date
    if cursor is None:
        return schedule.tick_at_or_after(anchor or now, anchor) if dag.catchup or anchor else _before(dag, now)
    if schedule.kind is ScheduleKind.DATES:
        return schedule.tick_after(cursor, anchor)
    return schedule.tick_at_or_after(cursor, anchor)


def _before(dag: DagSpec, now: datetime) -> datetime | None:
    """The last tick until now, or the first one if none has been yet."""
    schedule, anchor = dag.schedule, dag.start_date
    return schedule.tick_at_or_before(now, anchor) or schedule.tick_after(now, anchor)


def _newest_start(dag: DagSpec, start: datetime, now: datetime) -> datetime:
    """Start of the newest interval that is complete now; ``start`` itself if none after it is."""
    schedule, anchor = dag.schedule, dag.start_date
    newest = schedule.tick_at_or_before(now, anchor)
    if newest is not None and schedule.kind is not ScheduleKind.DATES:
        newest = schedule.tick_before(newest, anchor)
    return start if newest is None else max(start, newest)


def scheduled_run(dag: DagSpec, version: str, interval: DataInterval) -> NewRun:
    """The run of a data interval; its id names the logical date, so that no interval can get two."""
    return NewRun(
        dag_id=dag.dag_id,
        run_id=f"scheduled__{interval.start.isoformat()}",
        kind=RunKind.SCHEDULED,
        logical_date=interval.start,
        interval_start=interval.start,
        interval_end=interval.end,
        version=version,
    )
