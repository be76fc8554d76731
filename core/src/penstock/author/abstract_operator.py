"""The base of operators and mapped tasks: one task of a DAG, its place in the graph and its rules."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from penstock.author.alert import Alert, Callback, alert_problems
from penstock.author.assets.asset import asset_problems
from penstock.author.construct.checked import Checked, keep_arguments
from penstock.author.construct.signature import accepted_arguments
from penstock.author.construct.task_resources import config_problems, resource_problems
from penstock.author.construct.task_rules import TaskRules, text_problems
from penstock.author.graph.edges import Edges, nodes
from penstock.author.graph.setups import enclose
from penstock.author.log import LoggingMixin
from penstock.author.parse_session import Site, call_site, report
from penstock.author.scope import current_dag, current_group
from penstock.author.xcom.arg import CONTAINERS, HOLD_NONE, RETURN_VALUE, XComArg, find_xcom_args
from penstock.errors import AuthoringError
from penstock.model.dag import DEFAULT_POOL
from penstock.model.state import TriggerRule

if TYPE_CHECKING:
    from penstock.author.assets.asset import Asset
    from penstock.author.construct.weight_strategy import PriorityWeightStrategy
    from penstock.author.dag import DAG
    from penstock.author.graph.edges import Node
    from penstock.author.graph.task_group import TaskGroup
    from penstock.model.history.marked_task import MarkedTask


class TaskNode:
    """The place of a task in the graph, which no attribute of an author's operator can touch.

    Attributes:
        dag, group: What it belongs to.
        label: Its id without the prefix of its groups.
        upstream, downstream: The tasks that edges join it with.
        setup, teardown: Whether it makes or removes what others need.
        fails_run: Whether its failure fails the run, though it is a teardown.
        blocks: For each ``with`` block of it that is open, the tasks that there were before.
        wanted_keys: Keys under which other tasks take parts of what it returns.
    """

    __slots__ = (
        "blocks", "dag", "downstream", "fails_run", "group", "label", "setup", "teardown", "upstream", "wanted_keys",
    )  # fmt: skip

    def __init__(self, dag: "DAG | None", group: "TaskGroup | None") -> None:
        self.dag, self.group, self.label = dag, group, ""
        self.upstream: dict[AbstractOperator, None] = {}
        self.downstream: dict[AbstractOperator, None] = {}
        self.setup = self.teardown = self.fails_run = False
        self.blocks: list[set[AbstractOperator]] = []
        self.wanted_keys: set[str] = set()


class AbstractOperator(Checked, Edges, LoggingMixin):
    """What an operator and a mapped task have in common: their place in the graph and the rules of a task.

    Authors write subclasses of `penstock.Operator`, whose description says what the arguments mean.

    Attributes:
        template_fields: Names of the attributes that are rendered by Jinja.
        template_ext: What the text of a template field ends with if it is the path of a template file.
        instant: Whether the task takes no process: the engine ends it at once.
    """

    _STATE: ClassVar[frozenset[str]] = frozenset({"_node"})
    _node: TaskNode

    template_fields: ClassVar[Sequence[str]] = ()
    template_ext: ClassVar[Sequence[str]] = ()
    instant: ClassVar[bool] = False

    retries: int
    retry_delay: timedelta | float
    retry_exponential_backoff: bool | float
    max_retry_delay: timedelta | float | None
    retry_jitter: float | None
    execution_timeout: timedelta | float | None
    trigger_rule: str
    pool: str
    pool_slots: int
    queue: str
    resources: dict[str, Any] | None
    executor_config: dict[str, Any] | None
    map_index_template: str | None
    priority_weight: int
    weight_rule: "str | PriorityWeightStrategy"
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    depends_on_past: bool
    wait_for_downstream: bool
    do_xcom_push: bool
    multiple_outputs: bool
    doc: str
    owner: str
    alerts: Sequence[Alert]
    outlets: "Sequence[Asset]"
    inlets: "Sequence[Asset]"
    on_execute_callback: Callback
    on_failure_callback: Callback
    on_retry_callback: Callback
    on_skipped_callback: Callback
    on_success_callback: Callback
    email: str | Sequence[str] | None
    email_on_failure: bool
    email_on_retry: bool
    sla: timedelta | float | None
    params: dict[str, Any]

    def __init__(  # noqa: PLR0913 - the rules of a task, each by name
        self,
        *,
        task_id: str,
        dag: "DAG | None" = None,  # noqa: ARG002 - read by _before_init, before this is called
        task_group: "TaskGroup | None" = None,  # noqa: ARG002 - as above
        retries: int = 0,
        retry_delay: timedelta | float = timedelta(minutes=5),
        retry_exponential_backoff: bool | float = False,
        max_retry_delay: timedelta | float | None = None,
        retry_jitter: float | None = None,
        execution_timeout: timedelta | float | None = None,
        trigger_rule: str = "all_success",
        pool: str = DEFAULT_POOL, pool_slots: int = 1, queue: str = "default",
        priority_weight: int = 1, weight_rule: "str | PriorityWeightStrategy" = "absolute",
        max_active_tis_per_dag: int | None = None, max_active_tis_per_dagrun: int | None = None,
        depends_on_past: bool = False, wait_for_downstream: bool = False, do_xcom_push: bool = True, multiple_outputs: bool = False,
        doc: str = "", doc_md: str = "", owner: str = "",
        alerts: Sequence[Alert] = (), outlets: "Sequence[Asset]" = (), inlets: "Sequence[Asset]" = (),
        on_execute_callback: Callback = None, on_failure_callback: Callback = None, on_retry_callback: Callback = None,
        on_skipped_callback: Callback = None, on_success_callback: Callback = None,
        email: str | Sequence[str] | None = None, email_on_failure: bool = True, email_on_retry: bool = True,
        sla: timedelta | float | None = None, params: dict[str, Any] | None = None, map_index_template: str | None = None,
        resources: dict[str, Any] | None = None, executor_config: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.task_id = _checked_id(task_id)
        keep_arguments(self, {
            "retries": retries, "retry_delay": retry_delay, "max_retry_delay": max_retry_delay,
            "retry_exponential_backoff": retry_exponential_backoff, "retry_jitter": retry_jitter,
            "execution_timeout": execution_timeout, "trigger_rule": trigger_rule, "pool": pool, "pool_slots": pool_slots,
            "queue": queue, "resources": resources, "executor_config": executor_config, "map_index_template": map_index_template,
            "priority_weight": priority_weight, "weight_rule": weight_rule, "max_active_tis_per_dag": max_active_tis_per_dag,
            "max_active_tis_per_dagrun": max_active_tis_per_dagrun, "depends_on_past": depends_on_past, "sla": sla, "owner": owner,
            "wait_for_downstream": wait_for_downstream, "do_xcom_push": do_xcom_push, "multiple_outputs": multiple_outputs,
            "alerts": alerts, "on_execute_callback": on_execute_callback, "on_skipped_callback": on_skipped_callback,
            "on_failure_callback": on_failure_callback, "on_success_callback": on_success_callback, "outlets": outlets,
            "on_retry_callback": on_retry_callback, "email": email, "inlets": inlets,
            "email_on_failure": email_on_failure, "email_on_retry": email_on_retry, "doc": doc or doc_md, "params": params or {},
        })  # fmt: skip

    @property
    def task_id(self) -> str:
        """The id, with the prefix of its groups."""
        node = self._node
        return node.label if node.group is None else node.group.child_id(node.label)

    @task_id.setter
    def task_id(self, value: str) -> None:
        if value != self.task_id:
            self._node.label = value

    @property
    def dag(self) -> "DAG | None":
        """The DAG that it belongs to."""
        return self._node.dag

    @dag.setter
    def dag(self, dag: "DAG") -> None:
        if self._node.dag is None:
            dag.adopt(self)
        elif dag is not self._node.dag:
            report(dag, call_site(), f"{self} belongs to DAG {self._node.dag.dag_id!r}. Make another task for {dag!r}.")

    @property
    def task_group(self) -> "TaskGroup | None":
        """The innermost group that it belongs to."""
        return self._node.group

    @property
    def doc_md(self) -> str:
        """Documentation in Markdown; the same as ``doc``."""
        return self.doc

    @doc_md.setter
    def doc_md(self, text: str) -> None:
        self.doc = text

    @property
    def output(self) -> XComArg:
        """What the task will return."""
        return XComArg(self, RETURN_VALUE)

    @property
    def upstream_list(self) -> "list[AbstractOperator]":
        """The tasks directly upstream; edges of task groups come in when the DAG is built."""
        return list(self._node.upstream)

    @property
    def downstream_list(self) -> "list[AbstractOperator]":
        """The tasks directly downstream; edges of task groups come in when the DAG is built."""
        return list(self._node.downstream)

    @property
    def upstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly upstream; edges of task groups come in when the DAG is built."""
        return {task.task_id for task in self._node.upstream}

    @property
    def downstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly downstream; edges of task groups come in when the DAG is built."""
        return {task.task_id for task in self._node.downstream}

    @property
    def is_setup(self) -> bool:
        """Whether it makes what others need."""
        return self._node.setup

    @property
    def is_teardown(self) -> bool:
        """Whether it removes what a setup made."""
        return self._node.teardown

    def as_setup(self) -> Self:
        """Mark the task as one that makes what others need; if its work is cleared, it runs again, too, and its teardowns do."""
        self._node.setup = True
        return self

    def as_teardown(
        self,
        *,
        setups: "AbstractOperator | XComArg | Sequence[AbstractOperator | XComArg]" = (),
        on_failure_fail_dagrun: bool = False,
    ) -> Self:
        """Mark the task as one that removes what a setup made: it runs whatever became of the work between.

        Args:
            setups: The setups whose work it undoes; an edge to each is drawn.
            on_failure_fail_dagrun: Whether the run fails if it does; else it decides nothing.
        """
        self._node.teardown, self._node.fails_run = True, on_failure_fail_dagrun
        if self.trigger_rule == TriggerRule.ALL_SUCCESS:
            self.trigger_rule = str(TriggerRule.ALL_DONE_SETUP_SUCCESS)
        for setup in setups if isinstance(setups, list | tuple) else [setups]:
            for node in nodes(setup):
                node.as_setup()  # type: ignore[union-attr] # only tasks are setups
                self.set_upstream(node)
        return self

    def __enter__(self) -> Self:
        """Begin a block of work: what is made in it runs after the setups and before the teardowns that this task joins."""
        self._node.blocks.append(set() if self.dag is None else set(self.dag.tasks))
        return self

    def __exit__(self, *_: object) -> None:
        before, tasks = self._node.blocks.pop(), [] if self.dag is None else self.dag.tasks
        if not (self.is_setup or self.is_teardown):
            report(self.dag, call_site(), f"{self} is no setup and no teardown: a `with` block needs one of them.")
        enclose(self, [task for task in tasks if task not in before])

    def _inputs(self) -> Iterator[XComArg]:
        """Find the values of other tasks that it holds in any attribute."""
        for name, value in vars(self).items():
            kind = type(value)
            if kind not in HOLD_NONE and (kind not in CONTAINERS or value) and name not in OWN_STATE:
                yield from find_xcom_args(value)

    def __repr__(self) -> str:
        """Show class and id."""
        return f"<{type(self).__name__} {self.task_id!r}>"

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"task {self.task_id!r}"

    def _marked(self) -> "MarkedTask | None":
        """The task of another DAG that is cleared with this one."""
        return None

    def _operator_class(self) -> "type[AbstractOperator]":
        """Return the class of what runs; a method, so that no attribute of an author's operator is taken for it."""
        return type(self)

    def _nodes(self) -> "Iterator[Node]":
        yield self

    def _link(self, lower: "Node") -> None:
        if isinstance(lower, AbstractOperator):
            self._node.downstream[lower] = None
            lower._node.upstream[self] = None  # noqa: SLF001 - the same room
        elif self.dag is not None:
            self.dag.group_edges.append((self, lower))

    def _before_init(self, arguments: dict[str, Any]) -> "DAG | None":
        given, group = arguments.get("dag"), arguments.get("task_group")
        dag: DAG | None = given or (group.dag if group is not None else current_dag())
        group = group or (current_group() if dag is current_dag() else None)
        self.__dict__["_node"] = TaskNode(dag, group)
        for name, value in self._defaults().items():
            if name not in arguments and name in accepted_arguments(type(self)):
                arguments[name] = value
        return dag

    def _defaults(self) -> dict[str, Any]:
        dag, group = self._node.dag, self._node.group
        if dag is None:
            return {}
        return {**dag.default_args, **(group.default_args if group is not None else {})}

    def _owner(self) -> "DAG | None":
        return self._node.dag

    def _display_name(self, arguments: dict[str, Any]) -> str:
        task_id = arguments.get("task_id")
        return f"{type(self).__name__} {task_id!r}" if task_id else type(self).__name__

    def _initialised(self) -> bool:
        return "retries" in vars(self)

    def _fallback(self, arguments: dict[str, Any]) -> None:
        given = arguments.get("task_id")
        name = given if isinstance(given, str) and given else f"unnamed-{self._site.line}"
        AbstractOperator.__init__(self, task_id=name)

    def _after_init(self) -> None:
        if self.dag is not None:
            self.dag.add_task(self)
        for _, problem in self._rule_problems():
            report(self.dag, self._site, f"{self}: {problem}")
        for value in self._inputs():
            self.set_upstream(value)

    def _changed(self, name: str, site: Site) -> None:
        if name == "task_id" and self.dag is not None:
            self.dag._forget_ids()  # noqa: SLF001 - the same room
        for changed, problem in self._rule_problems():
            if changed == name:
                report(self.dag, site, f"{self}: {problem}")
        for value in find_xcom_args(getattr(self, name)):
            self.set_upstream(value)

    def _rule_problems(self) -> Iterator[tuple[str, str]]:
        """Check the rules of the task; the name and a sentence for each that is wrong."""
        yield from TaskRules.of(self).problems()
        yield from alert_problems(self)
        if self.resources:
            yield from (("resources", problem) for problem in resource_problems(self.resources))
        if self.executor_config:
            yield from (("executor_config", problem) for problem in config_problems(self.executor_config))
        for name in ("outlets", "inlets"):
            yield from ((name, problem) for problem in asset_problems(getattr(self, name), name))
        yield from (("doc", problem) for problem in text_problems(self.doc, "doc"))
        if (text := self.map_index_template) is not None:
            yield from (("map_index_template", problem) for problem in text_problems(text, "map_index_template"))


def _checked_id(task_id: Any) -> str:  # noqa: ANN401 - what an author wrote
    if not isinstance(task_id, str):
        raise AuthoringError([f"the task_id is {task_id!r}; write text."])
    return task_id


OWN_STATE = Checked._STATE | AbstractOperator._STATE  # noqa: SLF001 - the same room
"""Attributes of a task that are no argument of its own."""
