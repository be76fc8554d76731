"""Edges between tasks: ``>>``, ``<<``, `chain`, `cross_downstream`, on tasks, groups, values and lists of them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from penstock.author.parse_session import call_site, report
from penstock.author.scope import current_dag

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.graph.task_group import TaskGroup

    Node: TypeAlias = AbstractOperator | TaskGroup

Linkable: TypeAlias = "Edges | Sequence[Edges]"


class Edges:
    """Whatever can stand in a chain: a task, a task group, or the value of a task."""

    def _nodes(self) -> "Iterator[Node]":
        """List the tasks and groups that it consists of."""
        raise NotImplementedError

    def set_downstream(self, other: Linkable) -> None:
        """Let ``other`` run after this."""
        for upper in self._nodes():
            for lower in nodes(other):
                link(upper, lower)

    def set_upstream(self, other: Linkable) -> None:
        """Let this run after ``other``."""
        for lower in self._nodes():
            for upper in nodes(other):
                link(upper, lower)

    def __rshift__(self, other: Any) -> Any:  # noqa: ANN401 - any value
        """``self >> other``: other runs after this; the value is ``other``, so that chains read on."""
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Any) -> Any:  # noqa: ANN401 - any value
        """``self << other``: this runs after other."""
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Any) -> Any:  # noqa: ANN401 - any value
        """``[a, b] >> self``."""
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Any) -> Any:  # noqa: ANN401 - any value
        """``[a, b] << self``."""
        self.set_downstream(other)
        return self


def nodes(value: Any) -> "Iterator[Node]":  # noqa: ANN401 - what an author put into a chain
    """List the tasks and groups in a link of a chain; anything else is a problem."""
    if isinstance(value, Edges):
        yield from value._nodes()  # noqa: SLF001 - the same room
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for each in value:
            yield from nodes(each)
    else:
        what = repr(value)
        hint = " Call the function: its call is the task." if callable(value) else ""
        report(current_dag(), call_site(), f"{what} cannot stand in a chain of tasks.{hint}")


class Label(Edges):
    """A word on an edge, as Airflow's pages show it: ``a >> Label("if empty") >> b`` is ``a >> b``."""

    dag = None

    def __init__(self, label: str) -> None:
        self.label = label
        self.uppers: list[Node] = []
        self.lowers: list[Node] = []

    def _nodes(self) -> "Iterator[Any]":
        yield self


def link(upper: Any, lower: Any) -> None:  # noqa: ANN401 - a task, a group or a label
    """Add one edge; both ends come into the same DAG, or a problem is noted. A label passes the order on."""
    if isinstance(lower, Label):
        lower.uppers.append(upper)
        for each in lower.lowers:
            link(upper, each)
        return
    if isinstance(upper, Label):
        upper.lowers.append(lower)
        for each in upper.uppers:
            link(each, lower)
        return
    dag = upper.dag or lower.dag
    if upper.dag is None and dag is not None:
        dag.adopt(upper)
    if lower.dag is None and dag is not None:
        dag.adopt(lower)
    if upper.dag is not lower.dag and upper.dag is not None and lower.dag is not None:
        report(
            lower.dag,
            call_site(),
            f"{lower} of DAG {lower.dag.dag_id!r} cannot run after {upper} of DAG {upper.dag.dag_id!r}: "
            "an edge stays within one DAG. Use TriggerDagRunOperator to start another DAG.",
        )
        return
    upper._link(lower)  # noqa: SLF001 - the same room


def chain(*links: Linkable) -> None:
    """Let each of the arguments run after the one before; two lists of equal length are joined pair by pair.

    ``chain(a, [b, c], [d, e], f)`` means ``a >> [b, c]``, ``b >> d``, ``c >> e``, ``[d, e] >> f``.
    """
    for upper, lower in pairwise(links):
        if isinstance(upper, Sequence) and isinstance(lower, Sequence):
            if len(upper) != len(lower):
                report(
                    current_dag(),
                    call_site(),
                    f"chain() cannot join lists of {len(upper)} and {len(lower)} tasks pair by pair. "
                    "Use cross_downstream() to join each with each.",
                )
                continue
            for one, other in zip(upper, lower, strict=True):
                one.set_downstream(other)
        elif isinstance(upper, Edges):
            upper.set_downstream(lower)
        else:
            for one in nodes(upper):
                one.set_downstream(lower)


def cross_downstream(from_tasks: Sequence[Edges], to_tasks: Sequence[Edges]) -> None:
    """Let each task of the second list run after every task of the first."""
    for upper in from_tasks:
        upper.set_downstream(to_tasks)
