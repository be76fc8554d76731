"""Tasks named by a provider's capability id: checked against its manifest, run without importing the DAG file."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.construct import accepted
from penstock.author.mapping import (
    WHOLE,
    MappedTask,
    Partial,
    elements_of,
    expansion,
    not_json,
    rules_in,
)
from penstock.author.operator import Operator
from penstock.author.parse_session import current_session, report
from penstock.author.rules import seconds
from penstock.author.sensor import Sensor, waiting_problems
from penstock.author.xcomarg import XComArg, find
from penstock.errors import PluginError, RequestError
from penstock_manifest.arguments import argument_problems
from penstock_manifest.format import Capability

if TYPE_CHECKING:
    from penstock.author.run.context import Context

XCOM = "$xcom"
# No argument: the keys under which other tasks take parts of what the task returns.
KEYS = "$keys"
# What every task takes and its try must know.
_OUTPUTS = ("do_xcom_push", "multiple_outputs")
# Stands for a value that is known when the task runs: the check accepts it for any type.
_LATER: dict[str, list[str]] = {XCOM: []}


class PlannedTask(AbstractOperator):
    """A task, mapped or not, whose class stays unimported; it is stored as a plan.

    Attributes:
        capability: The capability id.
        waits: How it waits, in a sensor's arguments; None if it is no sensor.
        plan_arguments: What the class will be given, as the author wrote it; if mapped, what every instance is given.
    """

    capability: str
    waits: dict[str, Any] | None
    plan_arguments: dict[str, Any]

    @property
    def policy(self) -> dict[str, Any] | None:
        """How it waits, as arguments of the model's SensorPolicy; None if it is no sensor."""
        if self.waits is None:
            return None
        names = {"poke_interval": "poke_interval_s", "timeout": "timeout_s"}
        policy: dict[str, Any] = {names[name]: seconds(value) for name, value in self.waits.items() if name in names}
        return {**policy, "soft_fail": bool(self.waits.get("soft_fail", False))}

    def plan(self) -> dict[str, Any]:
        """What every instance is given, as JSON; values of other tasks are ``{"$xcom": [task_id, key]}``.

        Under ``$keys`` are those keys of what it returns that other tasks take by name, if there are any.
        """
        outputs = {name: getattr(self, name) for name in _OUTPUTS if name in self._arguments}
        arguments = {**self.plan_arguments, **(self.waits or {}), **outputs}
        keys = {KEYS: sorted(self.wanted_keys)} if self.wanted_keys else {}
        return {name: planned(value) for name, value in {**arguments, **keys}.items()}

    def _display_name(self, arguments: dict[str, Any]) -> str:
        return f"operator {arguments.get('capability')!r}, task {arguments.get('task_id')!r}"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        super()._fallback(arguments)
        self.capability, self.plan_arguments, self.waits = str(arguments.get("capability")), {}, None


class CapabilityOperator(PlannedTask, Operator):
    """A task made by ``operator(...)``."""

    def __init__(
        self,
        *,
        capability: str,
        plan_arguments: dict[str, Any],
        waits: dict[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.capability, self.plan_arguments, self.waits = capability, plan_arguments, waits
        for problem in self._plan_problems():
            report(self.dag, self._site, f"{self}: {problem}")

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - the operator's interface
        """Never called: whoever runs the task builds the operator of the capability from the plan."""
        raise RequestError(f"{self} is run from its plan, as {self.capability}")

    def _plan_problems(self) -> Iterator[str]:
        found, fault = _look_up(self.capability)
        if fault:
            yield fault
        yield from waiting_problems(self.waits or {})
        problems = list(_unstorable(self.capability, self.plan_arguments))
        yield from problems
        if found is not None and not problems:
            yield from argument_problems(found, _placed(self.plan_arguments))


class MappedCapability(PlannedTask, MappedTask):
    """A mapped task made by ``operator.partial(...).expand(...)``."""

    def __init__(
        self,
        *,
        capability: str,
        partial: dict[str, Any],
        waits: dict[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        self.capability, self.plan_arguments, self.waits = capability, partial, waits
        super().__init__(partial=partial, **kwargs)

    def _mapping_problems(self) -> Iterator[str]:
        found, fault = _look_up(self.capability)
        if fault:
            yield fault
        yield from waiting_problems(self.waits or {})
        problems = [*super()._mapping_problems(), *_unstorable(self.capability, self.plan_arguments)]
        problems += _taken_in_sets(self.literals())
        yield from problems
        if found is not None and not problems:
            yield from self._misfits(found)

    def _misfits(self, found: Capability) -> Iterator[str]:
        """What the manifest has against the arguments: those of all instances, then those of the first wrong one."""
        given: dict[str, Any] = _placed(self.partial_arguments)
        required = [each.name for each in found.parameters if each.required]
        usual = {**dict.fromkeys(required if WHOLE in self.mapped else self.mapped, _LATER), **given}
        problems = argument_problems(found, usual)
        yield from problems
        for name, literal in self.literals().items() if not problems else ():
            yield from self._element_misfits(found, name, literal, given if name == WHOLE else usual)

    def _element_misfits(
        self, found: Capability, name: str, literal: list[Any] | dict[str, Any], beside: dict[str, Any]
    ) -> Iterator[str]:
        for index, element in enumerate(map(_placed, elements_of(name, literal))):
            if name == WHOLE and set(element) == {XCOM}:
                continue
            problems = argument_problems(found, {**beside, **(element if name == WHOLE else {name: element})})
            if problems:
                yield from (f"{expansion(name)}: element {index}: {problem}" for problem in problems)
                return


class ByCapability:
    """A task named by capability id, such as ``operator("aws.s3_copy", task_id="copy", source=..., target=...)``.

    Nothing of the provider is imported, neither here nor in the scheduler. Arguments are plain values, Jinja
    templates or values of other tasks; they are checked against the provider's manifest. It is mapped like any other:
    ``operator.partial("aws.s3_copy", task_id="copy", source=...).expand(target=[...])``.

    Args:
        capability: ``<provider>.<name>``, as `plugin-manager search` lists it.
        **arguments: What every task takes, and what the operator takes.
    """

    def __call__(self, capability: str, /, **arguments: Any) -> CapabilityOperator:  # noqa: ANN401 - passed on
        """Add the task."""
        own, waits, rules = _parted(capability, arguments)
        return CapabilityOperator(capability=capability, plan_arguments=own, waits=waits, **rules)

    def partial(self, capability: str, /, **arguments: Any) -> Partial:  # noqa: ANN401 - passed on
        """The task with some arguments; ``.expand(argument=list)`` then makes one instance for each element."""
        own, waits, rules = _parted(capability, arguments)
        return Partial(partial(MappedCapability, capability=capability, partial=own, waits=waits, **rules))


operator = ByCapability()


def _parted(capability: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
    """The arguments of the capability itself, how it waits if it is a sensor, and those that every task takes."""
    rules, waits = rules_in(arguments), None
    own = {name: value for name, value in arguments.items() if name not in rules}
    found, _ = _look_up(capability)
    if found is not None and found.kind == "sensors":
        # An operator may have an argument of such a name for itself.
        waits = {name: own.pop(name) for name in list(own) if name in accepted(Sensor)}
    return own, waits, rules


def _look_up(capability: object) -> tuple[Capability | None, str]:
    if not isinstance(capability, str):
        return None, f"the capability id is {capability!r}; write text such as 'aws.s3_copy'."
    session = current_session.get()
    if session is None or session.capabilities is None:
        return None, ""
    try:
        return session.capabilities(capability), ""
    except (PluginError, RequestError) as error:
        return None, str(error)


def _unstorable(capability: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """What in the arguments a plan cannot hold."""
    for name, value in arguments.items():
        fault = not_json(value)
        if fault:
            yield f"{name} holds {fault}, which has no JSON form; {capability} is run from JSON alone."
    yield from _taken_in_sets(arguments)


def _taken_in_sets(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if _takes_in_set(value):
            yield f"{name} holds a set with the value of a task in it; write a list."


def _takes_in_set(value: Any) -> bool:  # noqa: ANN401 - any argument
    if isinstance(value, set | frozenset):
        return next(find(value), None) is not None
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_takes_in_set, parts))


def planned(value: Any) -> Any:  # noqa: ANN401 - any argument
    """A value as JSON in a plan; that of another task is ``{"$xcom": [task_id, key]}``."""
    from penstock.model.value import to_plain  # noqa: PLC0415 - only a build needs msgspec

    return to_plain(_placed(value))


def _placed(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, XComArg):
        return {XCOM: [value.operator.task_id, value.key]}
    if isinstance(value, dict):
        return {key: _placed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_placed, value)) if type(value) in (list, tuple) else [_placed(each) for each in value]
    return value
