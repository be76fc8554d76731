"""Which run of a DAG falls due next, and when.

A run stands for a data interval and falls due at the interval's end. With ``catchup`` every interval since the start
date is run, oldest first; without it only the newest complete one and those to come, as in Airflow. A window bounds
what is caught up. Both are about the time before somebody watched: what falls due since then is never left out.
"""

from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from penstock.engine.live_dag import NEVER
from penstock.model.schedule import DataInterval, PlannedRun, Schedule, ScheduleKind


class Timetabled(Protocol):
    """What of a DAG says when its runs fall due; as `penstock.model.dag.DagSpec`."""

    @property
    def schedule(self) -> Schedule:
        """Its ticks."""

    @property
    def start_date(self) -> datetime | None:
        """Before it nothing falls due."""

    @property
    def end_date(self) -> datetime | None:
        """No interval starts after it."""

    @property
    def catchup(self) -> bool:
        """Whether all that fell due since the start date is run; else only the newest of the past."""

    @property
    def catchup_window_s(self) -> float | None:
        """With catchup, how long ago a run may have fallen due; None for any time."""


class Due(NamedTuple):
    """The next data interval of a DAG, and the instant from which its run may be created."""

    interval: DataInterval
    at: datetime


def next_due(dag: Timetabled, cursor: datetime | None, now: datetime, since: datetime | None = None) -> Due | None:
    """The run that is next; None if the timetable has ended.

    Args:
        dag: The DAG.
        cursor: When the last run that was created fell due; None before the first.
        now: The present.
        since: The instant since which the timetable is watched; the present unless given.
    """
    since = since or now
    schedule, oldest = dag.schedule, _oldest_due(dag, since)
    if schedule.kind is ScheduleKind.NONE:
        return None
    if schedule.kind is ScheduleKind.ONCE:
        at = dag.start_date or now
        return None if cursor is not None else Due(DataInterval(at, at), at)
    if schedule.kind is ScheduleKind.TIMETABLE:
        planned = _next_planned(dag, cursor, since, oldest)
        return None if planned is None else Due(DataInterval(planned.start, planned.end), planned.run_after)
    start = _first_start(dag, cursor, now)
    due = _due_from(dag, start)
    if start is not None and not dag.catchup and (due is None or due.at <= since):
        # Only what is overdue has newer intervals behind it, which cost several searches: most DAGs of a list are not.
        due = _due_from(dag, _newest_start(dag, start, since))
    if due is not None and oldest is not None and due.at < oldest:
        due = _due_from(dag, _start_within(dag, due.interval.start, oldest))
    return due


def _due_from(dag: Timetabled, start: datetime | None) -> Due | None:
    """The run of the interval that starts there, if there is one and it is not beyond the end of the timetable."""
    if start is None or (dag.end_date is not None and start > dag.end_date):
        return None
    interval = dag.schedule.interval_from(start, dag.start_date)
    return None if interval is None else Due(interval, interval.end)


def first_cursor(dag: Timetabled, now: datetime) -> datetime | None:
    """Where the timetable of a DAG without a start date begins when it is first seen: the tick that was last.

    Its first data interval is the one that is running. None if the start date or explicit dates say where it begins.
    """
    schedule = dag.schedule
    if dag.start_date is not None or not schedule.recurs:
        return None
    return schedule.tick_at_or_before(now) or schedule.tick_after(now)


def _first_start(dag: Timetabled, cursor: datetime | None, now: datetime) -> datetime | None:
    """Start of the oldest interval that has no run yet."""
    schedule, anchor = dag.schedule, dag.start_date
    since = cursor or anchor or first_cursor(dag, now)
    if (
        since is None
    ):  # explicit dates begin with the first; what recurs has, at the end of the calendar, no tick any more
        return None if schedule.recurs else schedule.tick_after(NEVER)
    if schedule.spans or (cursor is None and anchor is not None):
        return schedule.tick_at_or_after(since, anchor)
    return schedule.tick_after(since, anchor)


def _oldest_due(dag: Timetabled, since: datetime) -> datetime | None:
    """The instant at which a run fell due at the earliest that is still caught up; None for any."""
    if not dag.catchup or dag.catchup_window_s is None:
        return None
    try:
        return since - timedelta(seconds=dag.catchup_window_s)
    except OverflowError:
        return None


def _start_within(dag: Timetabled, start: datetime, oldest: datetime) -> datetime | None:
    """Start of the first interval, from ``start`` on, that falls due at ``oldest`` or later; None if there is none."""
    schedule, anchor = dag.schedule, dag.start_date
    tick = schedule.tick_at_or_after(oldest, anchor)
    if tick is not None and schedule.spans:
        tick = schedule.tick_before(tick, anchor)
    elif tick is None and not schedule.spans:
        return None
    return start if tick is None else max(start, tick)


def _next_planned(
    dag: Timetabled, cursor: datetime | None, since: datetime, oldest: datetime | None
) -> PlannedRun | None:
    """The planned run that is next: the oldest that has none yet, or without ``catchup`` the newest that was due ``since``."""
    left = [
        each
        for each in dag.schedule.planned
        if (cursor is None or each.run_after > cursor) and (oldest is None or each.run_after >= oldest)
    ]
    if not left or dag.catchup:
        return left[0] if left else None
    return next((each for each in reversed(left) if each.run_after <= since), left[0])


def _newest_start(dag: Timetabled, start: datetime, since: datetime) -> datetime | None:
    """Start of the newest interval that was complete at ``since``; ``start`` itself if none after it was."""
    schedule, anchor = dag.schedule, dag.start_date
    newest = schedule.tick_at_or_before(since, anchor)
    if (
        newest is None
    ):  # nothing is complete yet; or the search left the calendar, and nobody can say what was the newest
        return start if start > since else None
    if schedule.spans:
        newest = schedule.tick_before(newest, anchor)
    return start if newest is None else max(start, newest)
