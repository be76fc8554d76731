"""What joins tasks to runs and tasks of other DAGs: a wait for them, and a mark on them."""

import inspect
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.construct.task_rules import integer_problems, name_problems
from penstock.author.mapping.task import Partial
from penstock.author.operator import Operator
from penstock.author.parse_session import call_site, report
from penstock.author.runtime import current
from penstock.author.scope import current_dag
from penstock.author.sensor import Sensor
from penstock.errors import AuthoringError, PenstockError, SkipTask
from penstock.model.state import RunState, TaskState

if TYPE_CHECKING:
    from penstock.author.run.context import Context
    from penstock.model.history.marked_task import MarkedTask

_LOOK_AGAIN = timedelta(minutes=10)


class ExternalTaskFailedError(PenstockError):
    """What an `ExternalTaskSensor` waits for has ended in one of its ``failed_states``."""


class ExternalTaskSensor(Sensor):
    """Waits until tasks of another DAG, or a whole run of it, are in a state, at a logical date.

    Without tasks and group it is the run. Nothing is polled: the sensor is poked when what it waits for has ended, and once in
    ``poke_interval`` besides.

    Args:
        external_dag_id: The other DAG; a template.
        external_task_id: Its task; a template.
        external_task_ids: Its tasks; a template.
        external_task_group_id: Its task group, whose tasks are all waited for; a template.
        allowed_states: The wait is over once all are in one of these.
        skipped_states: Once one is in one of these, this task is skipped.
        failed_states: Once one is in one of these, this task fails; with ``soft_fail`` it is skipped.
        execution_delta: How much earlier the other run's logical date is than this one's; the same unless given.
        execution_date_fn: Function of this run's logical date, or of that and the context, that returns the other date or dates.
        check_existence: Accepted for Airflow's sake: a task that the other run does not have fails this one anyway.
        poke_interval: Time after which it looks although nothing was heard.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = (
        "external_dag_id", "external_task_id", "external_task_ids", "external_task_group_id",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what is waited for, each by name
        self,
        *,
        external_dag_id: str,
        external_task_id: str = "",
        external_task_ids: Sequence[str] = (),
        external_task_group_id: str = "",
        allowed_states: Sequence[str] = ("success",),
        skipped_states: Sequence[str] = (),
        failed_states: Sequence[str] = (),
        execution_delta: timedelta | None = None,
        execution_date_fn: Callable[..., Any] | None = None,
        check_existence: bool = False,
        poke_interval: timedelta | float = _LOOK_AGAIN,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        if len(list(filter(None, (external_task_id, external_task_ids, external_task_group_id)))) > 1:
            raise AuthoringError(["give one of external_task_id, external_task_ids and external_task_group_id."])
        if execution_delta is not None and execution_date_fn is not None:
            raise AuthoringError(["give execution_delta or execution_date_fn, not both."])
        if not isinstance(execution_delta, timedelta | None):
            raise AuthoringError(
                [f"execution_delta is {execution_delta!r}; write a timedelta, such as timedelta(days=1)."]
            )
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.external_task_ids, self.external_task_group_id = external_task_ids, external_task_group_id
        self.allowed_states = _states("allowed_states", allowed_states)
        self.skipped_states = _states("skipped_states", skipped_states)
        self.failed_states = _states("failed_states", failed_states)
        if twice := sorted({*self.allowed_states} & {*self.failed_states, *self.skipped_states}):
            raise AuthoringError(
                [f"{twice[0]!r} is in allowed_states, and in those that fail or skip it. Take it out of one."]
            )
        self.execution_delta, self.execution_date_fn = execution_delta, execution_date_fn
        self.check_existence = check_existence

    def poke(self, context: "Context") -> bool:
        """Look what has become of it.

        Raises:
            ExternalTaskFailedError: Something ended in one of ``failed_states``.
            SkipTask: Something ended in one of ``skipped_states``.
        """
        task_ids = [self.external_task_id] if self.external_task_id else list(self.external_task_ids)
        dates = [date.isoformat() for date in self.dates(context)]
        found = current.get().external_states(self.external_dag_id, task_ids, self.external_task_group_id, dates)
        named = bool(task_ids or self.external_task_group_id)
        ended = [(each["date"], name, state) for each in found for name, state in _ended(each, named=named)]
        for date, name, state in ended:
            what = f"{name} of DAG {self.external_dag_id!r} at {date} is {state or 'not there yet'}"
            if state in self.failed_states:
                raise SkipTask(what) if self.soft_fail else ExternalTaskFailedError(what)
            if state in self.skipped_states:
                raise SkipTask(what)
        return bool(ended) and all(state in self.allowed_states for _, _, state in ended)

    def poke_key(self) -> str | None:
        """Share no poke: which run it waits for depends on its own."""
        return None

    def dates(self, context: "Context") -> list[datetime]:
        """The logical dates of the runs that are waited for."""
        own = context["logical_date"]
        if self.execution_date_fn is None:
            return [own - (self.execution_delta or timedelta(0))]
        takes = len(inspect.signature(self.execution_date_fn).parameters)
        made = self.execution_date_fn(own, context) if takes > 1 else self.execution_date_fn(own)
        return list(made) if isinstance(made, list | tuple | set) else [made]


class ExternalTaskMarker(Operator):
    """Marks a task of another DAG, which waits for this one: whoever clears this task clears that one, too, and all downstream of it.

    It does nothing when it runs. A clear shows what it would clear of the other DAG, and that of marks there.

    Args:
        external_dag_id: The other DAG; a template.
        external_task_id: Its task, such as an `ExternalTaskSensor`; a template.
        logical_date: That of the other DAG's run, as ISO 8601 text or a datetime; a template. The same as this run's unless given.
        recursion_depth: How often a mark there may lead on to yet another DAG.
        **kwargs: What every task takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("external_dag_id", "external_task_id", "logical_date")
    _SAME = ("{{ logical_date }}", "{{ logical_date.isoformat() }}")

    def __init__(
        self,
        *,
        external_dag_id: str,
        external_task_id: str,
        logical_date: datetime | str = "{{ logical_date }}",
        recursion_depth: int = 10,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        problems = [*integer_problems(recursion_depth, "recursion_depth", least=1)]
        problems += name_problems(external_dag_id, "external_dag_id")
        problems += name_problems(external_task_id, "external_task_id")
        if problems:
            raise AuthoringError(problems)
        self.external_dag_id, self.external_task_id = external_dag_id, external_task_id
        self.logical_date = logical_date.isoformat() if isinstance(logical_date, datetime) else logical_date
        self.recursion_depth = recursion_depth

    @property
    def instant(self) -> bool:  # type: ignore[override] # a template needs a try, which renders it
        """Whether the engine ends it at once: nothing of it has to be rendered."""
        marked = self._marked()
        return "{" not in f"{marked.dag_id}{marked.task_id}{marked.logical_date}"

    @classmethod
    def partial(cls, **arguments: Any) -> Partial:  # noqa: ANN401 - passed on
        """Refuse to be mapped: what a clear follows stands in the DAG file."""
        report(
            current_dag(), call_site(), "an ExternalTaskMarker marks one task, and is not mapped. Write one for each."
        )
        return super().partial(**arguments)

    def execute(self, context: "Context") -> None:
        """Do nothing."""

    def _marked(self) -> "MarkedTask":
        from penstock.model.history.marked_task import MarkedTask  # noqa: PLC0415 - only a build needs msgspec

        date = "" if self.logical_date in self._SAME else self.logical_date
        return MarkedTask(self.external_dag_id, self.external_task_id, date, self.recursion_depth)


def _states(name: str, given: Sequence[str]) -> tuple[str, ...]:
    known = {state.value for kind in (TaskState, RunState) for state in kind}
    chosen = tuple(map(str, given or ()))
    for state in chosen:
        if state not in known:
            raise AuthoringError([f"{name} has {state!r}, which is no state; write of {', '.join(sorted(known))}."])
    return chosen


def _ended(found: dict[str, Any], *, named: bool) -> list[tuple[str, str]]:
    """What there is of a date, each with a state; what has no state yet with none."""
    if not named:
        return [("the run", found["run"] or "")]
    if not found["tasks"]:
        return [("the run", "")]
    return [(f"task {task_id!r}", state) for task_id, states in found["tasks"].items() for state in states or [""]]
