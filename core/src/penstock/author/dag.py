"""DAGs: a named graph of tasks, when it runs and under which limits."""

import sys
from collections.abc import Callable, Sequence
from contextvars import Token
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from penstock.author.alert import Alert, Callback
from penstock.author.construct.checked import Checked
from penstock.author.graph.free_ids import FreeIds
from penstock.author.graph.task_graph import TaskGraph
from penstock.author.graph.task_group import TaskGroup
from penstock.author.parse_session import Problem, call_site, current_session, report
from penstock.author.scope import Scope, current_group, enter, leave
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.graph.edges import Node
    from penstock.model.dag import Isolation


class Param(Checked):
    """A parameter of a DAG or a task: a default, which the ``conf`` of a run may override, a sentence about it, and what it must be.

    Args:
        default: The value of a run whose ``conf`` has none; if there is no default, ``conf`` must have one.
        doc: The sentence; ``description`` and ``description_md`` are the same.
        **schema: Keywords of JSON Schema (draft 2020-12), checked whole: the default at import, ``conf`` when a run is asked
            for. What is no keyword (``title``, ``section``) is for people.
    """

    def __init__(self, default: Any = None, description: str = "", *, doc: str = "", **schema: Any) -> None:  # noqa: ANN401 - any JSON value
        self.default, self.schema = default, schema
        self.doc = doc or description or str(schema.pop("description_md", ""))
        self.required = "default" not in self._arguments

    def _fallback(self, arguments: dict[str, Any]) -> None:
        self.default, self.doc, self.schema, self.required = arguments.get("default"), "", {}, False


# Dates that Airflow's authors give in default_args: those of all tasks are the DAG's.
_DATES = frozenset({"start_date", "end_date"})


class DAG(Checked):
    """A graph of tasks; used as ``with DAG(...):``, the tasks made inside belong to it.

    Args:
        dag_id: Unique in the installation: letters, digits, ``-``, ``_`` and ``.``, up to 250.
        description: One sentence for people.
        schedule: A cron expression or several, a preset (``@hourly``, ``@daily``, ``@weekly``, ``@monthly``,
            ``@quarterly``, ``@yearly``), ``"@once"``, a timedelta, a timetable (`Cron`, `Interval`, `Dates`, `AnyOf` these, a
            `Timetable` of code), assets that must have an event (a list, ``a & b``, ``a | b``), or None for runs by hand only.
        start_date: The first data interval starts then or later.
        end_date: The last data interval starts then or earlier.
        catchup: What is run of the past, oldest first: True (``"all"``) every interval since the start date; False
            (``"latest"``) the newest complete one; ``"none"`` nothing; a timedelta what fell due no longer ago than that.
        overlap: What becomes of a run that falls due while ``max_active_runs`` are active: ``"queue"`` it waits;
            ``"queue_latest"`` only the newest waits; ``"skip"`` it is skipped; ``"cancel"`` the oldest active run is cancelled
            for it.
        timezone: IANA name of the zone of cron expressions and of dates that name none.
        params: Parameters with their defaults, as values or `Param`.
        default_args: Arguments for every task that takes them and does not give them.
        tags: Words to find it by.
        max_active_runs: Runs of it at once.
        max_active_tasks: Tasks of it at once, over all its runs.
        tenant: Who shares the installation with others by it, such as a team: what is limited is shared among tenants by their weights.
        dagrun_timeout: Time from its start after which a run is ended: what runs is cancelled, its tasks fail, and its teardowns
            run; None for no limit.
        doc: Documentation in Markdown; ``doc_md`` is the same.
        isolation: ``fork``, ``reuse`` or ``inline``; None for the installation's default.
        is_paused_upon_creation: Whether it waits for a person to unpause it.
        template_searchpath: Further folders for template files, relative to the DAG file.
        render_template_as_native_obj: Whether a template gives the value that it comes to (``{{ [1, 2] }}`` a list, ``{{ 1 }}2`` a
            number) in place of its text.
        user_defined_macros: Further names for templates.
        user_defined_filters: Further filters for templates.
        alerts: Who is told of what happens to its runs and its tasks: a list of `penstock.Alert`.
        on_failure_callback: Function or functions that are called with a context, in a process of their own, once a run has failed.
        on_success_callback: The same, once a run has succeeded.
    """

    _STATE: ClassVar[frozenset[str]] = frozenset(
        {"_group_ids", "_path", "_task_ids", "_tasks", "_tokens", "group_edges", "groups", "problems"}
    )

    problems: list[Problem]
    groups: list[TaskGroup]
    group_edges: "list[tuple[Node, Node]]"
    _path: str
    _task_ids: FreeIds | None
    _group_ids: FreeIds | None
    _tasks: "dict[AbstractOperator, None]"
    _tokens: list[Token[Scope]]
    default_args: dict[str, Any]
    params: dict[str, Any]
    template_searchpath: tuple[str, ...]
    user_defined_macros: dict[str, Any]
    user_defined_filters: dict[str, Callable[..., Any]]

    def __init__(  # noqa: PLR0913 - the rules of a DAG, each by name
        self,
        dag_id: str,
        *,
        description: str = "",
        schedule: Any = None,  # noqa: ANN401 - checked when the DAG is built, with the author's line
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        catchup: bool | timedelta | Literal["all", "latest", "none"] = False,
        overlap: Literal["queue", "queue_latest", "skip", "cancel"] = "queue",
        timezone: str | None = None,
        params: dict[str, Any] | None = None,
        default_args: dict[str, Any] | None = None,  # noqa: ARG002 - read by _before_init, before this is called
        tags: Sequence[str] = (),
        max_active_runs: int = 16, max_active_tasks: int = 16, tenant: str = "",
        dagrun_timeout: timedelta | float | None = None,
        doc: str = "", doc_md: str = "",
        isolation: "Isolation | None" = None,
        is_paused_upon_creation: bool = False,
        template_searchpath: str | Sequence[str] = (),
        render_template_as_native_obj: bool = False,
        user_defined_macros: dict[str, Any] | None = None,
        user_defined_filters: dict[str, Callable[..., Any]] | None = None,
        alerts: Sequence[Alert] = (),
        on_failure_callback: Callback = None, on_success_callback: Callback = None,
    ) -> None:  # fmt: skip
        self.dag_id, self.description = dag_id, description
        self.schedule, self.start_date, self.end_date = schedule, start_date, end_date
        self.catchup, self.overlap, self.timezone, self.tags = catchup, overlap, timezone, tags
        self.params = _dict("params", params)
        self.max_active_runs, self.max_active_tasks, self.tenant = max_active_runs, max_active_tasks, tenant
        self.dagrun_timeout, self.isolation, self.alerts, self.doc = dagrun_timeout, isolation, alerts, doc or doc_md
        self.is_paused_upon_creation = is_paused_upon_creation
        self.render_template_as_native_obj = render_template_as_native_obj
        self.template_searchpath = _folders("template_searchpath", template_searchpath)
        self.user_defined_macros = _dict("user_defined_macros", user_defined_macros)
        self.user_defined_filters = _dict("user_defined_filters", user_defined_filters)
        self.on_failure_callback, self.on_success_callback = on_failure_callback, on_success_callback

    @property
    def path(self) -> str:
        """The file that made it, as Python knows it."""
        return self._path

    @property
    def tasks(self) -> "list[AbstractOperator]":
        """Its tasks, in the order in which they were made."""
        return list(self._tasks)

    @property
    def task_ids(self) -> list[str]:
        """The ids of its tasks."""
        return [task.task_id for task in self._tasks]

    @property
    def owner(self) -> str:
        """The owners of its tasks, each once."""
        return ", ".join(sorted({task.owner for task in self._tasks if task.owner}))

    @property
    def roots(self) -> "list[AbstractOperator]":
        """Its tasks that run after no other."""
        below = {lower for _, lower in self.graph().edges()}
        return [task for task in self._tasks if task not in below]

    @property
    def leaves(self) -> "list[AbstractOperator]":
        """Its tasks after which no other runs."""
        above = {upper for upper, _ in self.graph().edges()}
        return [task for task in self._tasks if task not in above]

    @property
    def doc_md(self) -> str:
        """Documentation in Markdown; the same as ``doc``."""
        return self.doc

    @doc_md.setter
    def doc_md(self, text: str) -> None:
        self.doc = text

    @property
    def task_dict(self) -> "dict[str, AbstractOperator]":
        """Its tasks by id."""
        return {task.task_id: task for task in reversed(self._tasks)}

    def get_task(self, task_id: str) -> "AbstractOperator":
        """The task of this id; raises KeyError if there is none."""
        return self.task_dict[task_id]

    def add_task(self, task: "AbstractOperator") -> None:
        """Add a task."""
        self._tasks[task] = None
        if self._task_ids is not None:
            self._task_ids.take(task.task_id)

    def add_group(self, group: TaskGroup) -> None:
        """Add a task group."""
        self.groups.append(group)
        if self._group_ids is not None:
            self._group_ids.take(group.group_id)

    def _free_task_id(self, label: str) -> str:
        """Find an id for a task that is free in the innermost ``with`` block, given and found without the prefix of groups."""
        ids = self.__dict__["_task_ids"] = self._task_ids or FreeIds(self.task_ids)
        return label + ids.suffix(_full(label))

    def _free_group_id(self, label: str) -> str:
        """Find an id for a task group in the same way."""
        ids = self.__dict__["_group_ids"] = self._group_ids or FreeIds(group.group_id for group in self.groups)
        return label + ids.suffix(_full(label))

    def _forget_ids(self) -> None:
        """Look at all ids again when the next one is wanted, as one was changed."""
        self.__dict__["_task_ids"] = self.__dict__["_group_ids"] = None

    def adopt(self, node: "Node") -> None:
        """Add a task that was made outside of any DAG and joined to one of this DAG's."""
        if isinstance(node, TaskGroup):
            node.dag = self
        else:
            node._node.dag = self  # noqa: SLF001 - the same room
            self.add_task(node)

    def graph(self) -> TaskGraph:
        """The edges between its tasks as they stand now, those of task groups resolved."""
        return TaskGraph(self._tasks, self.groups, self.group_edges)

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - checked when the DAG is built
        try:
            super().__setattr__(name, _NORMAL[name](name, value) if name in _NORMAL else value)
        except AuthoringError as error:
            report(self, call_site(), f"{self._name()}: {error}")

    def __enter__(self) -> Self:
        self._tokens.append(enter(self, None))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        leave(self._tokens.pop())
        wrong = [problem for problem in self.problems if not problem.is_note]
        if kind is None and wrong and current_session.get() is None:
            raise AuthoringError(map(str, wrong))

    def __repr__(self) -> str:
        """Show its id."""
        return f"<DAG {self.dag_id!r}>"

    def _before_init(self, arguments: dict[str, Any]) -> "DAG":
        session = current_session.get()
        self.__dict__ |= {
            "problems": session.problems if session is not None else [],
            "_tasks": {},
            "_task_ids": None,
            "_group_ids": None,
            "_tokens": [],
            "groups": [],
            "group_edges": [],
            "_path": session.file if session is not None and session.file else self._site.file,
        }
        for name in ("default_args", "params"):
            try:
                _dict(name, arguments.get(name))
            except AuthoringError as error:
                report(self, self._site, str(error))
                arguments[name] = None
        self.default_args = _dict("default_args", arguments.get("default_args"))
        for name in _DATES & self.default_args.keys():
            if arguments.get(name) is None:
                arguments[name] = self.default_args[name]
        return self

    def _owner(self) -> "DAG":
        return self

    def _display_name(self, arguments: dict[str, Any]) -> str:
        return f"DAG {arguments['dag_id']!r}" if "dag_id" in arguments else "DAG"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        DAG.__init__(self, str(arguments.get("dag_id", "unnamed")))

    def _after_init(self) -> None:
        session = current_session.get()
        if session is not None and session.owns(sys._getframe()):  # noqa: SLF001 - the same room
            session.dags.append(self)


def _full(label: str) -> str:
    group = current_group()
    return label if group is None else group.child_id(label)


def _dict(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - what an author wrote
    """Copy a dict, an empty one for None; raises AuthoringError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise AuthoringError([f"{name} is {value!r}; write a dict with a value for each name."])
    return dict(value)


def _folders(name: str, value: Any) -> tuple[Any, ...]:  # noqa: ANN401, ARG001 - what an author wrote
    return (value,) if isinstance(value, str) else tuple(value or ())


_NORMAL: dict[str, Callable[[str, Any], Any]] = {
    "default_args": _dict,
    "params": _dict,
    "template_searchpath": _folders,
    "user_defined_filters": _dict,
    "user_defined_macros": _dict,
}
