"""Mapped tasks: one task of the DAG, one instance for each element of a list or dict."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.airflow.arguments import rewrite_arguments, unknown_argument
from penstock.author.construct.signature import accepted_arguments
from penstock.author.parse_session import Site, report
from penstock.author.scope import enter, leave
from penstock.author.xcom.arg import XComArg, XComValue, find_xcom_args

if TYPE_CHECKING:
    from penstock.author.dag import DAG
    from penstock.author.operator import Operator

# The name under which `expand_kwargs` is stored: its elements are dicts of arguments.
EXPAND_KWARGS = "**"
GIVEN_TWICE = "{!r} is given to partial() and to expand(). Give it to one of them."


class Partial:
    """A task with some of its arguments, waiting to be expanded over the others.

    Args:
        make: Makes the mapped task of what is ``mapped``.
    """

    def __init__(self, make: "Callable[..., MappedTask]") -> None:
        self._make = make

    def expand(self, **mapped: Any) -> "MappedTask":  # noqa: ANN401 - passed on
        """One instance for each element of a list, or each ``(key, value)`` of a dict, or of a task's value.

        Several arguments make the cross product; the last one varies fastest, as in Airflow.
        """
        return self._make(mapped=mapped)

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComValue") -> "MappedTask":
        """Make one instance for each dict of a list, which holds its arguments."""
        return self._make(mapped={EXPAND_KWARGS: kwargs})


class MappedTask(AbstractOperator):
    """A task that is expanded when a run gets to it.

    Attributes:
        partial_arguments: What every instance is given.
        mapped: What is spread over the instances, by argument: a list, a dict, or the value of a task.
    """

    def __init__(self, *, partial: dict[str, Any], mapped: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.partial_arguments, self.mapped = partial, mapped
        for problem in self._mapping_problems():
            report(
                self.dag, self._site, f"{self._display_name({**self._arguments, 'task_id': self.task_id})}: {problem}"
            )

    def _inputs(self) -> Iterator[XComArg]:
        """Find the values of other tasks that every instance takes, or that stand inside a literal list."""
        yield from find_xcom_args(self.partial_arguments)
        yield from find_xcom_args(self.literals())

    def sources(self) -> dict[str, XComValue]:
        """Find the values of other tasks that are mapped over, by argument."""
        return {name: value for name, value in self.mapped.items() if isinstance(value, XComValue)}

    def literals(self) -> dict[str, Any]:
        """Find what the author wrote to be mapped over, by argument: lists and dicts."""
        return {name: value for name, value in self.mapped.items() if not isinstance(value, XComValue)}

    def _fixed_arguments(self) -> set[str]:
        """List the arguments that all instances are given alike."""
        return set(self.partial_arguments)

    def _mapping_problems(self) -> Iterator[str]:
        if not self.mapped:
            yield "expand() needs at least one argument to map over."
        for name in self.mapped.keys() & self._fixed_arguments():
            yield GIVEN_TWICE.format(name)
        for name, value in self.literals().items():
            yield from literal_problems(name, value)

    def _fallback(self, arguments: dict[str, Any]) -> None:
        super()._fallback(arguments)
        self.partial_arguments, self.mapped = {}, {}

    def _before_init(self, arguments: dict[str, Any]) -> "DAG | None":
        self.partial_arguments, self.mapped = {}, {}
        return super()._before_init(arguments)

    def _after_init(self) -> None:
        super()._after_init()
        for value in self.sources().values():
            self.set_upstream(value)


class MappedOperator(MappedTask):
    """A mapped task whose class is known here; made by ``Operator.partial(...).expand(...)``.

    Attributes:
        cls: The operator of the instances.
    """

    def __init__(self, *, cls: "type[Operator]", partial: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        self.cls = cls
        known = accepted_arguments(cls)
        defaults = {name: value for name, value in self._defaults().items() if name in known}
        given = {**defaults, **partial}
        for remark in rewrite_arguments(given, known):
            report(
                self.dag,
                self._site,
                f"{self._display_name(self._arguments)}: partial() {remark.text}",
                is_note=remark.is_note,
            )
        super().__init__(partial=given, **kwargs)

    def instance(self, elements: dict[str, Any]) -> "Operator":
        """Make the operator of one instance, given its elements; it belongs to no graph."""
        given = elements.get(EXPAND_KWARGS, elements)
        token = enter(None, None)
        try:
            made: Operator = self._make(given)
        finally:
            leave(token)
        made._node.dag, made._node.group = self.dag, self.task_group  # noqa: SLF001 - the same room
        made._node.wanted_keys = self._node.wanted_keys  # noqa: SLF001 - the same room
        return made

    def _operator_class(self) -> "type[Operator]":
        return self.cls

    def _make(self, elements: dict[str, Any]) -> "Operator":
        return self.cls(**{**self.partial_arguments, **elements})

    def _argument_names(self) -> dict[str, bool]:
        """List the arguments that may be mapped, each with whether it must be given somewhere."""
        own = accepted_arguments(AbstractOperator)
        return {name: required for name, required in accepted_arguments(self.cls).items() if name not in own}

    def _mapping_problems(self) -> Iterator[str]:
        names = self._argument_names()
        for name in self.mapped:
            if name != EXPAND_KWARGS and name not in names:
                yield f"expand() {unknown_argument(name, names)}"
        yield from super()._mapping_problems()

    def _changed(self, name: str, site: Site) -> None:
        if name in self.mapped:
            report(self.dag, site, f"{self}: {GIVEN_TWICE.format(name)}")
        elif name in accepted_arguments(self.cls):
            self.partial_arguments[name] = getattr(self, name)
        super()._changed(name, site)

    def _display_name(self, arguments: dict[str, Any]) -> str:
        cls = arguments.get("cls")
        return f"{cls.__name__ if cls is not None else 'mapped task'} {arguments.get('task_id')!r}"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        super()._fallback(arguments)
        self.cls = arguments["cls"]


def task_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Pick those arguments that every task takes."""
    known = accepted_arguments(AbstractOperator)
    return {name: value for name, value in arguments.items() if name in known}


def elements_of(name: str, value: Any) -> list[Any]:  # noqa: ANN401 - a list, tuple or dict
    """List what each instance is given of a literal: the elements of a list, the pairs ``(key, value)`` of a dict."""
    return list(value.items()) if isinstance(value, dict) and name != EXPAND_KWARGS else list(value)


def expansion_label(name: str) -> str:
    """Name a mapped argument as messages do."""
    return "expand_kwargs()" if name == EXPAND_KWARGS else f"expand({name}=...)"


def literal_problems(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check a literal to map over."""
    label = expansion_label(name)
    if not isinstance(value, list | tuple | dict):
        yield (
            f"{label} was given {type(value).__name__}; write a list, a dict or the value of a task "
            "(its order and length must be known)."
        )
        return
    for index, element in enumerate(elements_of(name, value)):
        if name == EXPAND_KWARGS and not isinstance(element, dict | XComValue):
            yield f"{label}: element {index} is a {type(element).__name__}; write a dict of arguments."
            return
        fault = non_json_type(element)
        if fault:
            yield f"{label}: element {index} holds {fault}, which has no JSON form. Write plain values."
            return


def non_json_type(value: Any) -> str:  # noqa: ANN401 - what an author wrote
    """Find the first type in a value that has no JSON form; "" if there is none. A value of tasks passes."""
    from penstock.model.values.value import is_plain  # noqa: PLC0415 - only mapped tasks need it

    if isinstance(value, XComValue):
        return ""
    if isinstance(value, dict):
        return next((fault for pair in value.items() for part in pair if (fault := non_json_type(part))), "")
    if isinstance(value, list | tuple | set | frozenset):
        return next((fault for part in value if (fault := non_json_type(part))), "")
    kind = type(value)
    return "" if is_plain(value) else f"a {kind.__module__}.{kind.__qualname__}"
