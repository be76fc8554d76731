"""Operators: the classes of tasks that authors use and write."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.construct.retry_policy import RetryPolicy
from penstock.author.mapping.task import MappedOperator, Partial, task_arguments

if TYPE_CHECKING:
    from penstock.author.run.context import Context


class Operator(AbstractOperator):
    """One task. Subclasses take their arguments in ``__init__``, pass ``**kwargs`` on, and do their work in `execute`.

    Arguments are kept as attributes; those named in ``template_fields`` are rendered by Jinja before `execute`,
    values of other tasks (`XComArg`) in any attribute are put in place, too. A subclass's ``__init__`` must neither
    reach out nor look at the values: it runs whenever the DAG file is imported, with templates not yet rendered.

    Args:
        task_id: Unique within the DAG: letters, digits, ``-``, ``_`` and ``.``, up to 250.
        dag: The DAG; that of the surrounding ``with`` block unless given.
        task_group: The group; that of the surrounding ``with`` block unless given.
        retries: Further tries after a failed one.
        retry_delay: Pause before a retry, as timedelta or seconds.
        retry_exponential_backoff: True doubles the pause from retry to retry, a number is the factor.
        max_retry_delay: Upper bound of the pause, as timedelta or seconds; a day unless given, if the pause grows.
        retry_jitter: Part of the pause that is random, 0 to 1; half of it unless given, if the pause grows.
        execution_timeout: After so long (timedelta or seconds) a running try is killed and counts as failed.
        trigger_rule: When it runs, given the states of its upstream; names are those of `penstock.TriggerRule`.
        pool: The pool whose slots it takes.
        pool_slots: How many of them, 1 or more.
        queue: Workers of this queue run it.
        resources: What it needs of its machine: ``{"cpu": 2, "memory": "4Gi"}``, either or both. Executors place it by them, and
            where the machine can, it is held to them: one that runs out of its memory is killed, and fails.
        executor_config: What executors are told of it, by the kind of executor, as ``{"kubernetes": {...}}``.
        priority_weight: Who goes first where slots are short; higher is earlier.
        weight_rule: ``absolute`` counts ``priority_weight`` as it is written; ``downstream`` adds the weights of all tasks
            after this one, so that long branches begin first; ``upstream`` adds those of all tasks before it, so that what
            was begun is finished first. A `PriorityWeightStrategy` is asked for each try.
        max_active_tis_per_dag: How many instances of the task may run at once, over all runs; None for any number.
        max_active_tis_per_dagrun: How many instances of a mapped task may run at once in one run; None for any number.
        depends_on_past: Whether it waits until the same task of the run before, by logical date, has succeeded or was skipped.
        wait_for_downstream: Whether it waits for the tasks directly downstream of that, too.
        do_xcom_push: Whether the value that `execute` returns is kept for other tasks.
        multiple_outputs: Whether each entry of a returned dict is kept under its own key as well.
        doc: Documentation in Markdown; ``doc_md`` is the same.
        owner: A name for people; without effect.
        alerts: Who is told of what happens to it: a list of `penstock.Alert`.
        on_execute_callback: Function or functions that are called with a context once a try of it has begun. None of these
            callbacks runs in the task's process, and none changes what becomes of the task.
        on_failure_callback: As above, once it has failed and is not tried again.
        on_retry_callback: As above, once a try of it has failed and another one follows.
        on_skipped_callback: As above, once it is skipped.
        on_success_callback: As above, once it has succeeded.
        email: Addresses that get a mail if it fails or is tried again, over the connection ``smtp_default``.
        email_on_failure: Whether they do if it fails.
        email_on_retry: Whether they do if it is tried again.
        params: Parameters of its own, which override those of the DAG for it; see `penstock.Param`.
        map_index_template: Of a mapped task, a template that gives each instance a key, which people read beside its index. It is
            rendered before the task's code runs and again after it, with what that has set in its context.
        sla: They get one, too, if it has not ended so long after its run fell due (timedelta or seconds).
        retry_policy: Decides by what was raised whether a failed try is tried again, and when; see `penstock.RetryPolicy`.
        pre_execute: Function that is called with the context right before `execute`; what it raises is the task's failure.
        post_execute: Function that is called with the context and with what `execute` returned, right after it.

    Attributes:
        decides: ``branch`` or ``short_circuit`` if what `execute` returns says which tasks go on; "" if not.
        lazy_fields: Names of the attributes in which what a mapped task left, and what is joined, is a sequence that is read on
            demand; in all others it is a list.
        must_return_keys: Whether the try fails if a key that other tasks take is in nothing that the task leaves.
    """

    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset(
        {"execute", "on_kill", "partial", "post_execute", "pre_execute", "render_template"}
    )

    decides: ClassVar[str] = ""
    lazy_fields: ClassVar[Sequence[str]] = ()
    must_return_keys: ClassVar[bool] = False
    retry_policy: Any = None  # what an author has set; checked with the other rules

    def __init__(
        self,
        *,
        retry_policy: RetryPolicy | None = None,
        pre_execute: Callable[..., Any] | None = None,
        post_execute: Callable[..., Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.retry_policy = retry_policy
        if pre_execute is not None:
            self.pre_execute = pre_execute  # type: ignore[method-assign] # of this task alone
        if post_execute is not None:
            self.post_execute = post_execute  # type: ignore[method-assign] # as above

    def pre_execute(self, context: "Context") -> None:
        """Called right before `execute`."""

    def post_execute(self, context: "Context", result: Any = None) -> None:  # noqa: ANN401 - what execute returned
        """Called right after `execute`, with what it returned."""

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - whatever the task leaves for others
        """Do the work; what is returned is kept for other tasks unless it is None. Must be safe to repeat."""
        raise NotImplementedError(f"{type(self).__name__} has no execute()")

    def render_template(self, content: Any, context: "Context") -> Any:  # noqa: ANN401 - any value
        """Render the templates in a text, or in the texts of a list or dict, while the task is tried.

        Raises:
            penstock.errors.AuthoringError: A template is wrong.
        """
        return context.render(content, self)

    def on_kill(self) -> None:
        """Undo what outlives this process, such as a remote job, when the try is cancelled or out of time."""

    def around(self) -> list[str]:
        """Which of ``pre_execute`` and ``post_execute`` there are."""
        usual = {"pre_execute": Operator.pre_execute, "post_execute": Operator.post_execute}
        return [name for name, method in usual.items() if getattr(getattr(self, name), "__func__", None) is not method]

    def _rule_problems(self) -> Iterator[tuple[str, str]]:
        yield from super()._rule_problems()
        policy = self.retry_policy
        if policy is not None and (
            not isinstance(policy, RetryPolicy) or type(policy).evaluate is RetryPolicy.evaluate
        ):
            advice = "write ExceptionRetryPolicy([RetryRule(...)]), or a class of your own with evaluate()."
            yield "retry_policy", f"retry_policy is {policy!r:.200}; {advice}"

    @classmethod
    def partial(cls, **arguments: Any) -> Partial:  # noqa: ANN401 - passed on
        """The operator with some arguments; ``.expand(argument=list)`` then makes one instance for each element."""
        return Partial(partial(MappedOperator, cls=cls, partial=arguments, **task_arguments(arguments)))


class EmptyOperator(Operator):
    """Does nothing; it joins parts of a graph. It takes no process: the engine ends it at once."""

    instant = True

    def execute(self, context: "Context") -> None:
        """Do nothing."""
