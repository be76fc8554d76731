"""The value that a task will leave, as an author holds it while the DAG is built, and several of them joined."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

from penstock.author.graph.edges import Edges
from penstock.author.parse_session import call_site, report
from penstock.author.scope import current_dag
from penstock.errors import AuthoringError

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator
    from penstock.author.dag import DAG
    from penstock.author.graph.edges import Node

RETURN_VALUE = "return_value"


class _NoFill:
    """Stands for a fill value that was not given."""


NO_FILL = _NoFill()


class XComValue(Edges):
    """What one task will leave, or what several will, joined: the base of what can be mapped over and passed on.

    Attributes:
        parts: What it is made of; nothing for what one task will leave.
    """

    parts: "tuple[XComValue, ...]" = ()

    def tree(self) -> "Iterator[XComValue]":
        """List it and all that it is made of, from left to right."""
        yield self
        for part in self.parts:
            yield from part.tree()

    def leaves(self) -> "Iterator[XComArg]":
        """List the values of single tasks that it is made of, from left to right."""
        return (each for each in self.tree() if isinstance(each, XComArg))

    def zip(self, *others: "XComValue", fillvalue: Any = NO_FILL) -> "ZippedXCom":  # noqa: ANN401 - any value
        """Join element by element: each is a tuple with one of every value, as Python's `zip` makes them.

        Args:
            others: Values of other tasks.
            fillvalue: Stands in for what the shorter ones lack; without it, the shortest gives the length.
        """
        return ZippedXCom((self, *_values("zip", others)), fillvalue)

    def map(self, function: Any) -> "TransformedXCom":  # noqa: ANN401 - checked here, with the author's line
        """What a function makes of each element, when a task takes it; raise SkipTask in it to skip the instance of that element.

        Args:
            function: A plain function of one argument, called in the task that takes the element.
        """
        if not callable(function) or hasattr(function, "expand"):
            advice = "Write a plain function; a task of its own is mapped by .expand(...)."
            report(_dag_of(self), call_site(), f"{self!r}.map() was given {function!r}. {advice}")
        return TransformedXCom(self, function)

    def concat(self, *others: "XComValue") -> "ConcatenatedXCom":
        """Join end to end: the elements of this value, then those of the others, in their order."""
        return ConcatenatedXCom((self, *_values("concat", others)))

    def __str__(self) -> str:
        """Refuse to be written into text: what is joined has no template of its own.

        Raises:
            AuthoringError: Always.
        """
        raise AuthoringError(
            f"{self!r} cannot be written into a text or a template. Pass it to a task as an argument, and write the text there."
        )

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
        for leaf in self.leaves():
            yield leaf.operator


class XComArg(XComValue):
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

    def __enter__(self) -> "XComArg":
        """Begin a block of work between the setups and the teardowns that its task joins."""
        self.operator.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.operator.__exit__(*error)


class ZippedXCom(XComValue):
    """Values joined element by element.

    Attributes:
        fillvalue: What stands in for missing elements; `NO_FILL` if the shortest value gives the length.
    """

    def __init__(self, parts: tuple[XComValue, ...], fillvalue: Any) -> None:  # noqa: ANN401 - any value
        self.parts, self.fillvalue = parts, fillvalue

    def __repr__(self) -> str:
        """Show it as the author would write it."""
        return f"{self.parts[0]!r}.zip({', '.join(map(repr, self.parts[1:]))})"


class ConcatenatedXCom(XComValue):
    """Values joined end to end."""

    def __init__(self, parts: tuple[XComValue, ...]) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        """Show it as the author would write it."""
        return f"{self.parts[0]!r}.concat({', '.join(map(repr, self.parts[1:]))})"


class TransformedXCom(XComValue):
    """A value each of whose elements a function changes when a task takes it.

    Attributes:
        function: Makes an element of an element.
    """

    def __init__(self, source: XComValue, function: Callable[[Any], Any]) -> None:
        self.parts, self.function = (source,), function

    def __repr__(self) -> str:
        """Show it as the author would write it."""
        return f"{self.parts[0]!r}.map({getattr(self.function, '__name__', '...')})"


def _values(method: str, given: tuple[Any, ...]) -> Iterator[XComValue]:
    """Pick the values of tasks among what a method was given; anything else is a problem."""
    for each in given:
        if isinstance(each, XComValue):
            yield each
        else:
            advice = "Give it values of tasks; a list that you write can be returned by a task."
            report(current_dag(), call_site(), f".{method}() was given a {type(each).__name__}. {advice}")


def _dag_of(value: XComValue) -> "DAG | None":
    return next((leaf.operator.dag for leaf in value.leaves()), None)


HOLD_NONE = frozenset({str, int, float, bool, type(None), timedelta, FunctionType})
"""Types of whose values none holds a value of a task: most arguments of most tasks."""


CONTAINERS = frozenset({list, tuple, set, frozenset, dict})
"""Types whose values are searched for values of tasks."""


def find_values(value: Any) -> Iterator[XComValue]:  # noqa: ANN401 - any argument of an operator
    """Find every value of tasks inside a value, joined or not, through lists, tuples, sets and dicts."""
    if isinstance(value, XComValue):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from find_values(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from find_values(each)


def find_xcom_args(value: Any) -> Iterator[XComArg]:  # noqa: ANN401 - any argument of an operator
    """Find every value of a single task inside a value, through lists, tuples, sets, dicts and what is joined."""
    for found in find_values(value):
        yield from found.leaves()
