"""``ti``: what a try may ask of itself, and the door to values of other tasks."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from penstock.author.log import LoggingMixin
from penstock.author.run.absent import absent
from penstock.errors import RequestError, as_sentence

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.run.context import Context
    from penstock.author.run.dag_run import RuntimeDagRun


class RuntimeTaskInstance(LoggingMixin):
    """``ti``: this try, and the door to values of other tasks.

    Attributes:
        state: Always "running": who asks is the try itself.
        logical_date: The run's; None if it has none.
    """

    state = "running"

    def __init__(self, context: "Context") -> None:
        facts = context.facts
        self._context = context
        self.dag_id, self.run_id, self.task_id = facts.dag_id, facts.run_id, facts.task_id
        self.map_index, self.try_number, self.max_tries = facts.map_index, facts.try_number, facts.max_tries
        self.logical_date: datetime | None = facts.logical_date

    def __getattr__(self, name: str) -> NoReturn:
        raise absent("ti", name, (*vars(self), *dir(type(self))))

    @property
    def task(self) -> "AbstractOperator | None":
        """The task; None in a process that did not import its file."""
        return self._context.task

    @property
    def operator(self) -> str:
        """The name of the task's class."""
        return type(self._context.task).__name__

    @property
    def dag_run(self) -> "RuntimeDagRun":
        """The run."""
        run: RuntimeDagRun = self._context["dag_run"]
        return run

    def get_dagrun(self) -> "RuntimeDagRun":
        """The run: Airflow's name for `dag_run`."""
        return self.dag_run

    @property
    def hostname(self) -> str:
        """The name of the machine on which the try runs."""
        import platform  # noqa: PLC0415 - only a task that asks needs it

        return platform.node()

    def xcom_push(self, key: str, value: Any) -> None:  # noqa: ANN401 - any value with a JSON form
        """Leave a value under a key for other tasks, once this try succeeds.

        Raises:
            penstock.errors.RequestError: Nothing can be kept under this key.
            penstock.model.values.not_serialisable.NotSerialisableError: The value has no JSON form.
        """
        from penstock.author.xcom.sequences import LazySequence  # noqa: PLC0415 - only a task that pushes needs these
        from penstock.model.names import xcom_key_problem  # noqa: PLC0415 - as above
        from penstock.model.values.not_serialisable import NotSerialisableError  # noqa: PLC0415 - as above
        from penstock.model.values.value import to_plain  # noqa: PLC0415 - as above

        if problem := xcom_key_problem(key):
            raise RequestError(f"{as_sentence(problem)} Choose another key.")
        value = list(value) if isinstance(value, LazySequence) else value
        try:
            to_plain(value, typed=True)
        except NotSerialisableError as error:
            raise error.within(key) from None
        self._context.pushed[key] = value

    def xcom_pull(
        self,
        task_ids: str | list[str] | tuple[str, ...] | None = None,
        key: str = "return_value",
        *,
        map_indexes: "int | Iterable[int] | None" = None,
        default: Any = None,  # noqa: ANN401 - any value
        dag_id: str | None = None,
        run_id: str | None = None,
        include_prior_dates: bool = False,
    ) -> Any:  # noqa: ANN401 - any value
        """The value of a task of this run, or a list of several tasks' values.

        Args:
            task_ids: The task or tasks; this task itself unless given.
            key: The key under which the value was left.
            map_indexes: The instance of a mapped task, or several, whose values come as a list; that of all unless given, or
                that of this index if both stand in one mapped group.
            default: What is returned for a value that does not exist.
            dag_id: This DAG, or None.
            run_id: This run, or None.
            include_prior_dates: False; runs do not look at earlier runs.

        Raises:
            penstock.errors.RequestError: The value of another DAG or run was asked for, or nothing can have this key.
        """
        if dag_id not in (None, self.dag_id) or run_id not in (None, self.run_id) or include_prior_dates:
            raise RequestError(
                "xcom_pull() gives values of the same run alone, without dag_id, run_id and include_prior_dates. "
                "Pass a value to another DAG by the conf of TriggerDagRunOperator, or keep it in a Variable."
            )
        from penstock.model.names import xcom_key_problem  # noqa: PLC0415 - only a task that pulls needs it

        if problem := xcom_key_problem(key):
            raise RequestError(f"{problem}, so that nothing was left under it.")
        if isinstance(task_ids, list | tuple):
            return [self._pull(task_id, key, map_indexes, default) for task_id in task_ids]
        return self._pull(task_ids or self.task_id, key, map_indexes, default)

    def _pull(self, task_id: str, key: str, map_indexes: "int | Iterable[int] | None", default: Any) -> Any:  # noqa: ANN401
        if map_indexes is None or isinstance(map_indexes, int):
            return self._pull_one(task_id, key, map_indexes, default)
        return [self._pull_one(task_id, key, index, default) for index in map_indexes]

    def _pull_one(self, task_id: str, key: str, map_index: int | None, default: Any) -> Any:  # noqa: ANN401 - any value
        if task_id == self.task_id and key in self._context.pushed:
            return self._context.pushed[key]
        import msgspec  # noqa: PLC0415 - only a task that pulls needs it

        from penstock.author.run.values import resolve_value  # noqa: PLC0415 - as above

        runtime = self._context.runtime
        raw = self._context.inputs.value(task_id, key) if map_index is None else None
        index = self._index(task_id, map_index)
        plain = runtime.xcom(task_id, key, index) if raw is None else msgspec.json.decode(raw)
        value = resolve_value(plain, runtime, f"the value {key!r} of task {task_id!r}")
        return default if value is None else value

    def _index(self, task_id: str, map_index: int | None) -> int | None:
        from penstock.author.mapping.mapped_group import mapped_group  # noqa: PLC0415 - only a task that pulls needs these
        from penstock.model.run import UNMAPPED  # noqa: PLC0415 - as above

        if map_index is not None:
            return map_index
        dag, own = self._context.dag, self._context.task
        task = dag.task_dict.get(task_id) if dag is not None else None
        group = None if task is None else mapped_group(task.task_group)
        if group is not None and own is not None and group is mapped_group(own.task_group):
            return self.map_index
        return None if group is not None or hasattr(task, "mapped") else UNMAPPED
