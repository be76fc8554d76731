"""The value that a task will leave, as an author holds it while the DAG is built."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from penstock.author.graph.edges import Edges
from penstock.author.parse_session import call_site, report
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.graph.edges import Node

RETURN_VALUE = "return_value"


class XComArg(Edges):
    """What a task will leave under a key; passing it to another task also makes that task run after this one.

    ``value["key"]`` is what the task leaves under that key: an entry of the dict that it returns, or a value that it
    pushed. The value of a mapped task is the list of all its instances' values, in the order of the mapping.
    """

    def __init__(self, operator: "AbstractOperator", key: str = RETURN_VALUE) -> None:
        self.operator, self.key = operator, key

    def __repr__(self) -> str:
        """Show it as the author would write it."""
        item = "" if self.key == RETURN_VALUE else f"[{self.key!r}]"
        return f"{self.operator.task_id}.output{item}"

    def __str__(self) -> str:
        """Write a Jinja expression that pulls the value, so that it may be put into a template."""
        return f"{{{{ ti.xcom_pull(task_ids={self.operator.task_id!r}, key={self.key!r}) }}}}"

    def __getitem__(self, key: Any) -> "XComArg":  # noqa: ANN401 - checked here, with the author's line
        """Pick the value under a key, a string."""
        if not isinstance(key, str):
            report(
                self.operator.dag,
                call_site(),
                f"{self!r}[{key!r}]: only names can be picked while the DAG is built. "
                "Pass the whole value and pick the element inside the task.",
            )
            return self
        self.operator._node.wanted_keys.add(key)  # noqa: SLF001 - the same room
        return XComArg(self.operator, key)

    def as_setup(self) -> "XComArg":
        """Mark its task as a setup."""
        self.operator.as_setup()
        return self

    def as_teardown(self, **options: Any) -> "XComArg":  # noqa: ANN401 - passed on
        """Mark its task as a teardown."""
        self.operator.as_teardown(**options)
        return self

    def __iter__(self) -> NoReturn:
        """Refuse to iterate: the value exists when the task has run.

        Raises:
            AuthoringError: Always.
        """
        raise AuthoringError(
            f"{self!r} cannot be iterated over while the DAG is built: the value exists when the task has run. "
            "Use .expand(argument=value) to run a task for each element."
        )

    def __bool__(self) -> NoReturn:
        """Refuse a truth value: the value exists when the task has run.

        Raises:
            AuthoringError: Always.
        """
        raise AuthoringError(
            f"{self!r} has no truth value while the DAG is built: the value exists when the task has run. "
            "Use @task.branch or @task.short_circuit to decide at run time."
        )

    def _nodes(self) -> "Iterator[Node]":
        yield self.operator


def find_xcom_args(value: Any) -> Iterator[XComArg]:  # noqa: ANN401 - any argument of an operator
    """Find every XComArg inside a value, through lists, tuples, sets and dicts."""
    if isinstance(value, XComArg):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from find_xcom_args(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from find_xcom_args(each)
