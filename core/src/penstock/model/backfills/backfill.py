"""A backfill: which dates of a DAG are run, how, and how far it has come."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from penstock.model.run import Run
from penstock.model.schedule import DataInterval, Schedule
from penstock.model.state import RunState

MOST_DATES = 100_000
"""Dates of one backfill at most: so many are counted within a few seconds when it is planned."""


class BackfillState(StrEnum):
    """The life of a backfill; one that is cancelling waits for the end of its last run."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"

    @property
    def final(self) -> bool:
        """Whether it makes no run any more, and has none that lives."""
        return self in (BackfillState.CANCELLED, BackfillState.FINISHED)


class Rerun(StrEnum):
    """What becomes of a date that has a run already.

    ``none``: it stays as it is. ``failed``: what failed of a run that failed or was cancelled runs again. ``all``: all of it runs again.
    """

    NONE = "none"
    FAILED = "failed"
    ALL = "all"


class BackfillAction(StrEnum):
    """What a backfill does with a date."""

    RUN = "run"
    RERUN = "rerun"
    SKIP = "skip"
    WAIT = "wait"


class BackfillSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for; it never changes.

    Attributes:
        schedule, anchor: The DAG's schedule and its start date when the backfill was made: an edit of the DAG moves no date of it.
        since, until: The first and the last logical date that it may run, both included.
        total: How many dates that are.
        backwards: Whether the latest date is first.
        max_active_runs: Runs of it at once; those of its DAG bound them, too.
        rerun: What becomes of dates that have a run.
        tasks: The only tasks that run; empty for all.
        conf: What each new run is given; overrides the DAG's params.
    """

    dag_id: str
    schedule: Schedule
    since: datetime
    until: datetime
    total: int
    anchor: datetime | None = None
    backwards: bool = False
    max_active_runs: int = 10
    rerun: Rerun = Rerun.NONE
    tasks: list[str] = []
    conf: dict[str, Any] = {}

    def after(self, cursor: datetime | None) -> DataInterval | None:
        """The data interval that follows the one that starts at ``cursor``, the first for None; None behind the last."""
        schedule, anchor = self.schedule, self.anchor
        if self.backwards:
            find = schedule.tick_at_or_before if cursor is None else schedule.tick_before
            start = find(cursor or self.until, anchor)
            within = start is not None and start >= self.since
        else:
            find = schedule.tick_at_or_after if cursor is None else schedule.tick_after
            start = find(cursor or self.since, anchor)
            within = start is not None and start <= self.until
        return schedule.interval_from(start, anchor) if start is not None and within else None

    def intervals(self, cursor: datetime | None = None) -> Iterator[DataInterval]:
        """All data intervals that follow, in the backfill's order."""
        interval = self.after(cursor)
        while interval is not None:
            yield interval
            interval = self.after(interval.start)

    def action(self, run: Run | None) -> tuple[BackfillAction, str]:
        """What is done with a date whose newest run is this one, and why, if it is not simply run."""
        if run is None:
            return BackfillAction.RUN, ""
        if self.rerun is Rerun.NONE:
            return BackfillAction.SKIP, f"run {run.run_id} of this date is there ({run.state.value})"
        if not run.state.finished:
            return BackfillAction.WAIT, f"run {run.run_id} of this date is {run.state.value}"
        if self.rerun is Rerun.FAILED and run.state is RunState.SUCCESS:
            return BackfillAction.SKIP, f"run {run.run_id} of this date has not failed"
        return BackfillAction.RERUN, f"run {run.run_id} of this date ended as {run.state.value}"


class Backfill(msgspec.Struct, frozen=True):
    """A backfill as stored.

    Attributes:
        number: Its number in this database.
        done: How many dates have had their turn.
        cursor: The last of them; None before the first.
        reason: Why it is in its state, or what it waits for, as a sentence.
    """

    number: int
    spec: BackfillSpec
    state: BackfillState
    created_at: datetime
    done: int = 0
    cursor: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""


class BackfillItem(msgspec.Struct, frozen=True):
    """A date that has had its turn.

    Attributes:
        ordinal: Its place in the backfill's order, from 1.
        run_id: The run that was made, runs again, or is why nothing does.
        reason: Why it was not simply run.
    """

    backfill: int
    ordinal: int
    logical_date: datetime
    action: BackfillAction
    run_id: str
    reason: str = ""


def run_id_of(start: datetime) -> str:
    """The id of the run that a backfill makes of a date: no date can get two."""
    return f"backfill__{start.isoformat()}"
