"""Mapped task groups: all tasks of a group once for each element, side by side."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.author.airflow.arguments import unknown_argument
from penstock.author.construct.signature import parameters_of, unwrapped
from penstock.author.mapping.task import EXPAND_KWARGS, GIVEN_TWICE, expansion_label, literal_problems
from penstock.author.parse_session import report
from penstock.author.xcom.arg import XComValue, find_values

if TYPE_CHECKING:
    from penstock.author.graph.task_group import TaskGroup


class GroupArgument(XComValue):
    """What the function of a mapped task group holds for an argument: the element of whichever index it runs for.

    Attributes:
        group: The mapped group.
        name: The argument.
        source: The name under which it is mapped: the argument, or `EXPAND_KWARGS` for one of a dict of arguments.
        default: What it is if the dict does not have it, in a tuple; () if it must.
    """

    def __init__(self, group: "TaskGroup", name: str, source: str, default: tuple[Any, ...] = ()) -> None:
        self.group, self.name, self.source, self.default = group, name, source, default

    def __repr__(self) -> str:
        """Name it as messages do."""
        return f"the argument {self.name!r} of {self.group}"


def mapped_group(group: "TaskGroup | None") -> "TaskGroup | None":
    """Find the mapped group that a group is, or stands in."""
    while group is not None and not group.mapped:
        group = group.parent
    return group


class PartialTaskGroup:
    """A task group with some arguments of its function, waiting to be expanded over the others.

    Args:
        function: Makes the tasks.
        make: Makes the group.
        arguments: What every index is given.
    """

    def __init__(
        self, function: Callable[..., Any], make: "Callable[[], TaskGroup]", arguments: dict[str, Any]
    ) -> None:
        self._function, self._make, self._arguments = function, make, arguments
        self._names = parameters_of(unwrapped(function))

    def expand(self, **mapped: Any) -> Any:  # noqa: ANN401 - what the function returns
        """The group once for each element of a list or a dict, or of a task's value; several make the cross product."""
        return self._build(mapped, {name: name for name in mapped})

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComValue") -> Any:  # noqa: ANN401 - as above
        """Make the group once for each dict of a list, which holds its arguments."""
        free = [name for name in self._names if name not in self._arguments]
        return self._build({EXPAND_KWARGS: kwargs}, dict.fromkeys(free, EXPAND_KWARGS))

    def _default(self, name: str) -> tuple[Any, ...]:
        from inspect import signature  # noqa: PLC0415 - 10 ms that only a mapped group needs to spend

        given = signature(self._function).parameters.get(name)
        return () if given is None or given.default is given.empty else (given.default,)

    def _build(self, mapped: dict[str, Any], sources: dict[str, str]) -> Any:  # noqa: ANN401 - as above
        group = self._make()
        for problem in self._problems(mapped, sources):
            report(group.dag, group._site, f"{group}: {problem}")  # noqa: SLF001 - the same room
        group.__dict__["mapped"] = mapped
        for value in mapped.values():
            if isinstance(value, XComValue):
                group.set_upstream(value)
        spread = {name: GroupArgument(group, name, source, self._default(name)) for name, source in sources.items()}
        given = {name: value for name, value in {**self._arguments, **spread}.items() if name in self._names}
        missing = {name: None for name, required in self._names.items() if required and name not in given}
        with group:
            value = self._function(**missing, **given)
        return group if value is None else value

    def _problems(self, mapped: dict[str, Any], sources: dict[str, str]) -> Iterator[str]:
        if not mapped:
            yield "expand() needs at least one argument to map over."
        for name in (*self._arguments, *sources):
            if name not in self._names:
                yield f"its function {unknown_argument(name, self._names)}"
        for name in mapped.keys() & self._arguments.keys():
            yield GIVEN_TWICE.format(name)
        missing = [n for n, required in self._names.items() if required and n not in {*self._arguments, *sources}]
        if missing:
            yield f"its function misses {', '.join(map(repr, missing))}. Give it to partial() or to expand()."
        for name, value in mapped.items():
            if isinstance(value, XComValue):
                continue
            yield from literal_problems(name, value)
            if next(find_values(value), None) is not None:
                yield f"{expansion_label(name)} holds the value of a task inside a list. Return the list from a task, and map over that."
