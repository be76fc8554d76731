"""Dynamic mapping: one task of the DAG, one instance for each element of a list or dict."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from penstock.author.construct import accepted, unknown_argument
from penstock.author.operator import Operator
from penstock.author.workshop import report
from penstock.author.xcomarg import XComArg, find

if TYPE_CHECKING:
    from penstock.author.dag import DAG

# The name under which `expand_kwargs` is stored: its elements are dicts of arguments.
WHOLE = "**"


class Partial:
    """An operator with some of its arguments, waiting to be expanded over the others."""

    def __init__(self, cls: type[Operator], arguments: dict[str, Any]) -> None:
        self.cls, self.arguments = cls, arguments

    def expand(self, **mapped: Any) -> "MappedOperator":  # noqa: ANN401 - passed on
        """One instance for each element of a list, or each ``(key, value)`` of a dict, or of a task's value.

        Several arguments make the cross product; the last one varies fastest, as in Airflow.
        """
        return MappedOperator(cls=self.cls, partial=self.arguments, mapped=mapped, **_rules(self.arguments))

    def expand_kwargs(self, kwargs: "Sequence[dict[str, Any]] | XComArg") -> "MappedOperator":
        """One instance for each dict of a list, which holds its arguments."""
        return MappedOperator(cls=self.cls, partial=self.arguments, mapped={WHOLE: kwargs}, **_rules(self.arguments))


def _rules(arguments: dict[str, Any]) -> dict[str, Any]:
    known = accepted(Operator)
    return {name: value for name, value in arguments.items() if name in known}


class MappedOperator(Operator):
    """A task that is expanded when a run gets to it; made by ``Operator.partial(...).expand(...)``.

    Attributes:
        cls: The operator of the instances.
        partial_arguments: What every instance is given.
        mapped: What is spread over the instances, by argument: a list, a dict, or the value of a task.
    """

    def __init__(self, *, cls: type[Operator], partial: dict[str, Any], mapped: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.cls, self.mapped = cls, mapped
        known = accepted(cls)
        defaults = {name: value for name, value in self._defaults().items() if name in known}
        self.partial_arguments = {**defaults, **partial}
        for problem in self._mapping_problems(known):
            report(self.dag, self._site, f"{cls.__name__} {self.task_id!r}: {problem}")

    def instance(self, elements: dict[str, Any]) -> Operator:
        """The operator of one instance, given its elements; it belongs to no graph."""
        from penstock.author.dag import enter, leave  # noqa: PLC0415 - dag is a floor above

        given = elements.get(WHOLE, elements)
        token = enter(None, None)
        try:
            made: Operator = self._make(given)
        finally:
            leave(token)
        made.dag, made.task_group, made.wanted_keys = self.dag, self.task_group, self.wanted_keys
        return made

    def inputs(self) -> Iterator[XComArg]:
        """Values of other tasks that every instance takes, or that stand inside a literal list."""
        yield from find(self.partial_arguments)
        yield from (arg for value in self.mapped.values() if not isinstance(value, XComArg) for arg in find(value))

    def sources(self) -> dict[str, XComArg]:
        """Values of other tasks that are spread over the instances, by argument."""
        return {name: value for name, value in self.mapped.items() if isinstance(value, XComArg)}

    def _make(self, elements: dict[str, Any]) -> Operator:
        return self.cls(**{**self.partial_arguments, **elements})

    def _argument_names(self) -> dict[str, bool]:
        """What may be mapped, each with whether it must be given somewhere."""
        own = accepted(Operator)
        return {name: required for name, required in accepted(self.cls).items() if name not in own}

    def _mapping_problems(self, known: dict[str, bool]) -> Iterator[str]:
        for name in self.partial_arguments:
            if name not in known:
                yield unknown_argument("partial()", name, known)
        if not self.mapped:
            yield "expand() needs at least one argument to map over."
        names = self._argument_names()
        for name, value in self.mapped.items():
            if name != WHOLE and name not in names:
                yield unknown_argument("expand()", name, names)
            elif not isinstance(value, XComArg):
                yield from _literal_problems(name, value)

    def _called(self, arguments: dict[str, Any]) -> str:
        cls = arguments.get("cls")
        return f"{cls.__name__ if cls is not None else 'mapped task'} {arguments.get('task_id')!r}"

    def _salvage(self, arguments: dict[str, Any]) -> None:
        super()._salvage(arguments)
        self.cls, self.mapped = arguments.get("cls", Operator), {}
        self.partial_arguments = {}

    def _settle(self, arguments: dict[str, Any]) -> "DAG | None":
        self.partial_arguments, self.mapped = {}, {}
        return super()._settle(arguments)

    def _settled(self) -> None:
        super()._settled()
        for value in self.sources().values():
            self.set_upstream(value)


def _literal_problems(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """What is wrong with a literal to map over."""
    label = "expand_kwargs()" if name == WHOLE else f"expand({name}=...)"
    if not isinstance(value, list | tuple | dict):
        yield (
            f"{label} was given {type(value).__name__}; write a list, a dict or the value of a task "
            "(its order and length must be known)."
        )
        return
    elements = value if name == WHOLE or not isinstance(value, dict) else list(value.items())
    for index, element in enumerate(elements):
        if name == WHOLE and not isinstance(element, dict | XComArg):
            yield f"{label}: element {index} is a {type(element).__name__}; write a dict of arguments."
            return
        fault = not_json(element)
        if fault:
            yield f"{label}: element {index} holds {fault}, which has no JSON form. Write plain values."
            return


def not_json(value: Any) -> str:  # noqa: ANN401 - what an author wrote
    """The name of the first type in a value that can be no XCom; "" if there is none. An XComArg passes."""
    from penstock.model.value import is_plain  # noqa: PLC0415 - only mapped tasks need it

    if isinstance(value, XComArg):
        return ""
    if isinstance(value, dict):
        return next((fault for pair in value.items() for part in pair if (fault := not_json(part))), "")
    if isinstance(value, list | tuple | set | frozenset):
        return next((fault for part in value if (fault := not_json(part))), "")
    kind = type(value)
    return "" if is_plain(value) else f"a {kind.__module__}.{kind.__qualname__}"
