"""Plans the runs of DAGs whose timetable is code, while their file is imported: the scheduler reads the plan alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from penstock.author.build.import_errors import to_problem
from penstock.author.dag import DAG
from penstock.author.parse_session import ParseSession, Problem
from penstock.author.timetable.dates import to_utc
from penstock.author.timetable.run_info import RunInfoTimetable
from penstock.author.timetable.timetable import Timetable
from penstock.author.timetable.timetables import timetable_of
from penstock.errors import AuthoringError
from penstock.model.dag import DagSpec
from penstock.model.schedule import PlannedRun, ScheduleKind, unworkable

PLANNED = 200
"""Runs of a DAG that are planned at once."""

_MOST_ASKED = 100_000  # runs of the past that a timetable may have to go through before it comes to the present
_LOOK_BACK = timedelta(days=366)
_SOONEST_S, _LATEST_S = 30.0, 86_400.0


class Plan(NamedTuple):
    """The runs to come of the DAGs of a file, by DAG id, and why there are none.

    Attributes:
        refresh_s: Seconds after which the plan must be carried on; None if it need not be.
    """

    runs: dict[str, tuple[PlannedRun, ...]]
    problems: tuple[str, ...] = ()
    refresh_s: float | None = None


def plan(session: ParseSession, dags: tuple[DagSpec, ...], cursors: Mapping[str, datetime], now: datetime) -> Plan:
    """Ask the timetables of a file for the runs to come.

    Args:
        session: The session in which the file was imported.
        dags: Its DAGs as data.
        cursors: When the last scheduled run of each DAG fell due, as far as there is one.
        now: The present.

    Raises:
        MemoryError: A timetable takes more memory than it may.
    """
    runs: dict[str, tuple[PlannedRun, ...]] = {}
    problems: list[Problem] = []
    waits: list[float] = []
    authored = {dag.dag_id: dag for dag in reversed(session.dags)}
    for spec in dags:
        if spec.schedule.kind is not ScheduleKind.TIMETABLE:
            continue
        dag = authored[spec.dag_id]
        try:
            made = timetable_of(dag.schedule)
            found = () if made is None else _runs(dag, made, spec, cursors.get(spec.dag_id), now)
        except MemoryError:
            raise
        except BaseException as error:  # noqa: BLE001 - the author's code, which may raise anything
            problems.append(to_problem(error, session, spec.file, dag._site))  # noqa: SLF001 - the same room
            continue
        runs[spec.dag_id] = found
        if len(found) == PLANNED:
            half = (found[PLANNED // 2].run_after - now).total_seconds()
            waits.append(min(max(half, _SOONEST_S), _LATEST_S))
    return Plan({} if problems else runs, tuple(map(str, sorted(problems))), min(waits, default=None))


def _runs(
    dag: DAG, timetable: Timetable | RunInfoTimetable, spec: DagSpec, cursor: datetime | None, now: datetime
) -> tuple[PlannedRun, ...]:
    """The runs after the cursor; without ``catchup`` those of the past are left out, but for the newest."""
    since = cursor or spec.start_date or now
    if cursor is None and not spec.catchup:
        since = max(since, now)
    elif cursor is None and spec.catchup_window_s is not None:
        since = max(since, now - timedelta(seconds=spec.catchup_window_s, microseconds=1))
    found: list[PlannedRun] = []
    if hasattr(timetable, "next_dagrun_info"):
        timetable = RunInfoTimetable(timetable, _first_asked(spec, since), spec.end_date)
    for number, run in enumerate(_following(dag, timetable, since)):
        if number == _MOST_ASKED:
            raise AuthoringError(
                f"the schedule {timetable.summary()}: {_MOST_ASKED:,} runs after {since.isoformat()} are not enough to come "
                f"to the present. Write a later start_date."
            )
        if spec.end_date is not None and run.start > spec.end_date:
            break
        if spec.start_date is not None and run.start < spec.start_date:
            continue
        if not spec.catchup and run.run_after <= now:
            found.clear()
        found.append(run)
        if len(found) == PLANNED:
            break
    return tuple(found)


def _first_asked(spec: DagSpec, since: datetime) -> datetime | None:
    """Where a timetable that can only be asked run after run begins; without catchup, nobody wants all that it has of the past."""
    return spec.start_date if spec.start_date is None or spec.catchup else max(spec.start_date, since - _LOOK_BACK)


def _following(dag: DAG, timetable: Timetable | RunInfoTimetable, since: datetime) -> Iterator[PlannedRun]:
    """Each run that a timetable gives after an instant.

    Raises:
        AuthoringError: An answer is none, or goes back in time.
    """
    after, start = since, None
    while (answer := timetable.next_run(after)) is not None:
        run = _checked(dag, timetable, answer, after)
        if run.run_after <= after:
            raise AuthoringError(
                f"{_asked(timetable, after)} answered a run that falls due at {run.run_after.isoformat()}, which is not later."
            )
        if start is not None and run.start <= start:
            raise AuthoringError(
                f"{_asked(timetable, after)} answered the data interval that starts at {run.start.isoformat()}, which is not later "
                f"than that of the run before it ({start.isoformat()})."
            )
        yield run
        after, start = run.run_after, run.start


def _checked(dag: DAG, timetable: Timetable | RunInfoTimetable, answer: object, after: datetime) -> PlannedRun:
    values = (answer, answer, answer) if isinstance(answer, datetime) else answer
    if not isinstance(values, tuple) or len(values) != len(PlannedRun._fields):
        raise AuthoringError(
            f"{_asked(timetable, after)} answered {answer!r:.200}; it must be a PlannedRun, an aware datetime or None."
        )
    zone = dag.timezone or "UTC"
    instants = []
    for name, value in zip(PlannedRun._fields, values, strict=True):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise AuthoringError(
                f"{_asked(timetable, after)} answered {value!r:.200} as {name}; it must be an aware datetime."
            )
        instant = to_utc(value, zone, f"{name} of a run").astimezone(UTC)
        if fault := unworkable(instant):
            raise AuthoringError(f"{_asked(timetable, after)} answered as {name}, {fault}.")
        instants.append(instant)
    run = PlannedRun(*instants)
    if run.end < run.start:
        raise AuthoringError(
            f"{_asked(timetable, after)} answered the data interval from {run.start.isoformat()} to {run.end.isoformat()}, whose end is "
            "before its start."
        )
    return run


def _asked(timetable: Timetable | RunInfoTimetable, after: datetime) -> str:
    return f"the schedule {timetable.summary()}, asked for the run after {after.isoformat()},"
