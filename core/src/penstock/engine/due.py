"""Which run of a DAG falls due next, and when.

A run stands for a data interval and falls due at the interval's end. With ``catchup`` every interval since the start
date is run, oldest first; without it only the newest complete one and those to come, as in Airflow.
"""

from datetime import datetime
from typing import NamedTuple

from penstock.model.dag import DagSpec
from penstock.model.schedule import DataInterval, PlannedRun, ScheduleKind


class Due(NamedTuple):
    """The next data interval of a DAG, and the instant from which its run may be created."""

    interval: DataInterval
    at: datetime


def next_due(dag: DagSpec, cursor: datetime | None, now: datetime) -> Due | None:
    """The run after ``cursor``, at which the last one fell due, that is next; None if the timetable has ended."""
    schedule = dag.schedule
    if schedule.kind is ScheduleKind.NONE:
        return None
    if schedule.kind is ScheduleKind.ONCE:
        at = dag.start_date or now
        return None if cursor is not None else Due(DataInterval(at, at), at)
    if schedule.kind is ScheduleKind.TIMETABLE:
        planned = _next_planned(dag, cursor, now)
        return None if planned is None else Due(DataInterval(planned.start, planned.end), planned.run_after)
    start = _first_start(dag, cursor, now)
    if start is not None and not dag.catchup:
        start = _newest_start(dag, start, now)
    if start is None or (dag.end_date is not None and start > dag.end_date):
        return None
    interval = schedule.interval_from(start, dag.start_date)
    return None if interval is None else Due(interval, interval.end)


def first_cursor(dag: DagSpec, now: datetime) -> datetime | None:
    """Where the timetable of a DAG without a start date begins when it is first seen: the tick that was last.

    Its first data interval is the one that is running. None if the start date or explicit dates say where it begins.
    """
    schedule = dag.schedule
    if dag.start_date is not None or schedule.kind not in (ScheduleKind.CRON, ScheduleKind.INTERVAL):
        return None
    return schedule.tick_at_or_before(now) or schedule.tick_after(now)


def _first_start(dag: DagSpec, cursor: datetime | None, now: datetime) -> datetime | None:
    """Start of the oldest interval that has no run yet."""
    schedule, anchor = dag.schedule, dag.start_date
    since = cursor or anchor or first_cursor(dag, now)
    if since is None:
        return schedule.dates[0] if schedule.dates else None
    if schedule.spans or (cursor is None and anchor is not None):
        return schedule.tick_at_or_after(since, anchor)
    return schedule.tick_after(since, anchor)


def _next_planned(dag: DagSpec, cursor: datetime | None, now: datetime) -> PlannedRun | None:
    """The planned run that is next: the oldest that has none yet, or without ``catchup`` the newest that is due."""
    left = [each for each in dag.schedule.planned if cursor is None or each.run_after > cursor]
    if not left or dag.catchup:
        return left[0] if left else None
    return next((each for each in reversed(left) if each.run_after <= now), left[0])


def _newest_start(dag: DagSpec, start: datetime, now: datetime) -> datetime:
    """Start of the newest interval that is complete now; ``start`` itself if none after it is."""
    schedule, anchor = dag.schedule, dag.start_date
    newest = schedule.tick_at_or_before(now, anchor)
    if newest is not None and schedule.spans:
        newest = schedule.tick_before(newest, anchor)
    return start if newest is None else max(start, newest)
