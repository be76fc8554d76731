"""`run_dag`: a whole run in this process, in milliseconds, by the engine that runs in production."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from penstock.author.build.build import build_dag
from penstock.author.dag import DAG
from penstock.author.operator import Operator
from penstock.author.timetable.timetables import schedule_of
from penstock.inline import InlineRun, TryDone
from penstock.model.connection import Connection
from penstock.model.dag import XComRef
from penstock.model.run import NewRun, Run
from penstock.model.schedule import DataInterval, Schedule, ScheduleKind
from penstock.model.values.value import decode
from penstock.testing.clock import FakeClock
from penstock.testing.fake_runtime import FakeRuntime, RecordedTrigger


class TaskResult(NamedTuple):
    """How a task instance ended.

    Attributes:
        state: ``success``, ``failed``, ``skipped``, ``upstream_failed`` or another state of the field.
        reason: Why, in one sentence.
        tries: Number of tries.
        errors: What each failed try said.
        map_key: What its ``map_index_template`` gave.
    """

    state: str
    reason: str
    tries: int
    errors: tuple[str, ...]
    map_key: str = ""


class DagResult:
    """How a run ended.

    Attributes:
        run: The run's row.
        order: Task instances in the order in which their tries ended; one that was tried twice stands there twice.
        triggered: Runs of other DAGs that tasks asked for.
        variables: Variables as the run left them, as text.
        asset_events: Events of assets that the run's tasks made, in their order: the asset's URI, and what the event carries.
        clock: The clock, where the run left it.
    """

    def __init__(self, inline: InlineRun, run: Run, tries: list[TryDone], fake: FakeRuntime, clock: FakeClock) -> None:
        self._inline, self.run, self._tries = inline, run, tries
        self.order = [str(each.task.key) for each in tries]
        self.triggered: list[RecordedTrigger] = fake.triggered
        self.variables, self.clock = fake.variables, clock
        self.asset_events: list[tuple[str, dict[str, Any]]] = [(each.asset, each.extra) for each in inline.asset_events]

    @property
    def state(self) -> str:
        """``success``, ``failed`` or ``cancelled``."""
        return self.run.state.value

    @property
    def tasks(self) -> dict[str, TaskResult]:
        """Every task instance by its name, ``task`` or ``task[0]`` for one of a mapped task."""
        found = {}
        for key, task in sorted(self._inline.tasks.items()):
            mine = [each.end for each in self._tries if each.task.key == key]
            errors = tuple(end.error for end in mine if end.error)
            found[str(key)] = TaskResult(task.state.value, task.reason, len(mine), errors, task.map_key)
        return found

    @property
    def states(self) -> dict[str, str]:
        """State of every task instance by its name."""
        return {name: task.state for name, task in self.tasks.items()}

    def value(self, task_id: str, key: str = "return_value", *, map_index: int | None = None) -> Any:  # noqa: ANN401 - any value
        """What a task left under a key, or None; of a mapped task the list of all, or one by its index."""
        inline, ref = self._inline, XComRef(task_id, key)
        raw = inline.value(ref) if map_index is None else inline.xcoms.one(1, ref, map_index)
        return None if raw is None else decode(raw, typed=True)

    def check(self) -> "DagResult":
        """This result if the run succeeded; raises AssertionError with each failed task's error otherwise."""
        if self.state != "success":
            lines = [
                f"{name}: {task.state}: {task.errors[-1] if task.errors else task.reason}"
                for name, task in self.tasks.items()
                if task.state not in ("success", "skipped")
            ]
            raise AssertionError(f"the run of DAG {self.run.dag_id!r} is {self.state}\n" + "\n".join(lines))
        return self


def run_dag(  # noqa: PLR0913 - what surrounds a run, each by name
    dag: DAG,
    *,
    conf: Mapping[str, Any] | None = None,
    logical_date: datetime | None = None,
    connections: Mapping[str, Connection | str | Mapping[str, Any]] | None = None,
    variables: Mapping[str, Any] | None = None,
    stores: Mapping[str, Any] | None = None,
    run_states: Mapping[str, str] | None = None,
    asset_events: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    clock: FakeClock | None = None,
    operators: Mapping[str, type[Operator]] | None = None,
) -> DagResult:
    """Run a DAG to its end in this process; sensors and retries wait on a clock that jumps.

    Args:
        dag: The DAG.
        conf: What the run is passed; overrides the DAG's params.
        logical_date: The logical date, aware. A DAG with a schedule gets its first data interval if none is given.
        connections: By id: a `Connection`, a URI or JSON, or a dict of fields.
        variables: By key: text, or a value whose JSON is the text.
        stores: Object stores by URL scheme.
        run_states: States of other DAGs' runs by run id; for an `ExternalTaskSensor`, of a DAG's run and tasks by its id.
        asset_events: By URI of an asset, what each of the events carries that the run is made for, oldest first.
        clock: The clock; one that starts at the end of the data interval unless given.
        operators: Classes by capability id; those of installed providers serve the others.

    Raises:
        AuthoringError: If anything is wrong with the DAG; a task that fails is a result, no exception.
    """
    interval = _interval(dag, logical_date)
    clock = clock or FakeClock(interval.end if interval is not None else datetime(2026, 1, 1, tzinfo=UTC))
    fake = FakeRuntime(connections, variables, stores=stores, run_states=run_states, asset_events=asset_events)
    tries: list[TryDone] = []

    def resolve(capability: str) -> type[Operator]:
        if operators is not None and capability in operators:
            return operators[capability]
        from penstock.testing.installed import installed  # noqa: PLC0415 - only DAGs with capabilities need it

        found: type[Operator] = installed().resolve(capability)
        return found

    inline = InlineRun(dag, fake, clock, resolve=resolve, on_try_end=tries.append)
    when = interval.start if interval is not None else None
    new = NewRun.manual(dag.dag_id, f"test__{(when or clock.now()).isoformat()}", when, interval, conf=conf)
    consumed = {uri: [0, len(events)] for uri, events in (asset_events or {}).items()}
    run = inline.play(replace(new, consumed=consumed))
    return DagResult(inline, run, tries, fake, clock)


def _interval(dag: DAG, logical_date: datetime | None) -> DataInterval | None:
    """The data interval of a run: the one that starts at the logical date, or the schedule's first."""
    build_dag(dag)
    schedule, anchor = schedule_of(dag)
    if logical_date is not None:
        if logical_date.tzinfo is None:
            raise ValueError(f"logical_date {logical_date!r} is naive; write it with tzinfo=UTC")
        start = logical_date.astimezone(UTC)
        return _from(schedule, start, anchor)
    if schedule.kind is ScheduleKind.NONE:
        return None
    start = anchor or datetime(2026, 1, 1, tzinfo=UTC)
    return _from(schedule, schedule.tick_at_or_after(start, anchor) or start, anchor)


def _from(schedule: Schedule, start: datetime, anchor: datetime | None) -> DataInterval:
    return schedule.interval_from(start, anchor) or DataInterval(start, start)
