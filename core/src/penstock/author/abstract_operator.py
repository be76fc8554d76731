"""The base of operators and mapped tasks: one task of a DAG, its place in the graph and its rules."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from penstock.author.construct import Checked, accepted_arguments
from penstock.author.graph.edges import Edges
from penstock.author.log import LoggingMixin
from penstock.author.parse_session import report
from penstock.author.scope import current_dag, current_group
from penstock.author.task_rules import TaskRules
from penstock.author.xcom_arg import RETURN_VALUE, XComArg, find_xcom_args
from penstock.errors import AuthoringError
from penstock.model.dag import DEFAULT_POOL
from penstock.model.state import TriggerRule

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.author.graph.edges import Node
    from penstock.author.graph.task_group import TaskGroup


class AbstractOperator(Checked, Edges, LoggingMixin):
    """What an operator and a mapped task have in common: their place in the graph and the rules of a task.

    Authors write subclasses of `penstock.Operator`, whose description says what the arguments mean.

    Attributes:
        template_fields: Names of the attributes that are rendered by Jinja.
        template_ext: What the text of a template field ends with if it is the path of a template file.
        instant: Whether the task takes no process: the engine ends it at once.
    """

    template_fields: ClassVar[Sequence[str]] = ()
    template_ext: ClassVar[Sequence[str]] = ()
    instant: ClassVar[bool] = False

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
        pool: str = DEFAULT_POOL,
        pool_slots: int = 1,
        priority_weight: int = 1,
        queue: str = "default",
        max_active_tis_per_dagrun: int | None = None,
        do_xcom_push: bool = True,
        multiple_outputs: bool = False,
        doc: str = "",
        doc_md: str = "",
        owner: str = "",
    ) -> None:
        if not isinstance(task_id, str):
            raise AuthoringError([f"the task_id is {task_id!r}; write text."])
        self._label = task_id
        self.do_xcom_push, self.multiple_outputs, self.doc, self.owner = (
            do_xcom_push,
            multiple_outputs,
            doc or doc_md,
            owner,
        )
        self.rules = TaskRules(
            retries=retries, retry_delay=retry_delay, retry_exponential_backoff=retry_exponential_backoff,
            max_retry_delay=max_retry_delay, retry_jitter=retry_jitter, execution_timeout=execution_timeout,
            trigger_rule=str(trigger_rule), pool=pool, pool_slots=pool_slots, priority_weight=priority_weight, queue=queue,
            max_active_tis_per_dagrun=max_active_tis_per_dagrun,
        )  # fmt: skip

    @property
    def task_id(self) -> str:
        """The id, with the prefix of its groups."""
        return self.task_group.child_id(self._label) if self.task_group is not None else self._label

    @property
    def output(self) -> XComArg:
        """What the task will return."""
        return XComArg(self, RETURN_VALUE)

    @property
    def upstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly upstream; edges of task groups come in when the DAG is built."""
        return {task.task_id for task in self.upstream}

    @property
    def downstream_task_ids(self) -> set[str]:
        """Ids of the tasks directly downstream; edges of task groups come in when the DAG is built."""
        return {task.task_id for task in self.downstream}

    def as_setup(self) -> Self:
        """Mark the task as one that makes what others need; if it is cleared, its work is."""
        self.setup = True
        return self

    def as_teardown(self, *, setups: "AbstractOperator | XComArg | Sequence[AbstractOperator | XComArg]" = ()) -> Self:
        """Mark the task as one that removes what a setup made: it runs whatever became of the work between.

        Args:
            setups: The setups whose work it undoes; an edge to each is drawn.
        """
        self.teardown = True
        if self.rules.trigger_rule == TriggerRule.ALL_SUCCESS:
            self.rules = self.rules._replace(trigger_rule=str(TriggerRule.ALL_DONE_SETUP_SUCCESS))
        for setup in setups if isinstance(setups, list | tuple) else [setups]:
            for node in setup._nodes():  # type: ignore[union-attr] # a sequence was taken apart above  # noqa: SLF001 - the same room
                node.as_setup()  # type: ignore[union-attr] # only tasks are setups
                self.set_upstream(node)
        return self

    def inputs(self) -> Iterator[XComArg]:
        """Find the values of other tasks that it holds in any attribute."""
        for name, value in vars(self).items():
            if name not in _GRAPH_ATTRIBUTES:
                yield from find_xcom_args(value)

    def __repr__(self) -> str:
        """Show class and id."""
        return f"<{type(self).__name__} {self.task_id!r}>"

    def __str__(self) -> str:
        """Name it as messages do."""
        return f"task {self.task_id!r}"

    def _nodes(self) -> "Iterator[Node]":
        yield self

    def _link(self, lower: "Node") -> None:
        if isinstance(lower, AbstractOperator):
            self.downstream[lower] = None
            lower.upstream[self] = None
        elif self.dag is not None:
            self.dag.group_edges.append((self, lower))

    def _before_init(self, arguments: dict[str, Any]) -> "DAG | None":
        given, group = arguments.get("dag"), arguments.get("task_group")
        self.dag: DAG | None = given or (group.dag if group is not None else current_dag())
        self.task_group = group or (current_group() if self.dag is current_dag() else None)
        self.upstream: dict[AbstractOperator, None] = {}
        self.downstream: dict[AbstractOperator, None] = {}
        self.wanted_keys: set[str] = set()
        self.setup = self.teardown = False
        for name, value in self._defaults().items():
            if name not in arguments and name in accepted_arguments(type(self)):
                arguments[name] = value
        return self.dag

    def _defaults(self) -> dict[str, Any]:
        if self.dag is None:
            return {}
        groups = self.task_group.default_args if self.task_group is not None else {}
        return {**self.dag.default_args, **groups}

    def _display_name(self, arguments: dict[str, Any]) -> str:
        task_id = arguments.get("task_id")
        return f"{type(self).__name__} {task_id!r}" if task_id else type(self).__name__

    def _initialised(self) -> bool:
        return "rules" in vars(self)

    def _fallback(self, arguments: dict[str, Any]) -> None:
        given = arguments.get("task_id")
        name = given if isinstance(given, str) and given else f"unnamed-{self._site.line}"
        AbstractOperator.__init__(self, task_id=name)

    def _after_init(self) -> None:
        if self.dag is not None:
            self.dag.add_task(self)
        for problem in self.rules.problems():
            report(self.dag, self._site, f"{self}: {problem}")
        for value in self.inputs():
            self.set_upstream(value)


_GRAPH_ATTRIBUTES = frozenset(
    {"_arguments", "_site", "upstream", "downstream", "dag", "task_group", "wanted_keys", "rules"}
)
