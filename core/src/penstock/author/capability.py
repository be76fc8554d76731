"""Tasks named by a provider's capability id: checked against its manifest, run without importing the DAG file."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.construct.signature import accepted_arguments
from penstock.author.construct.task_rules import seconds
from penstock.author.mapping.task import (
    EXPAND_KWARGS,
    MappedTask,
    Partial,
    elements_of,
    expansion_label,
    non_json_type,
    task_arguments,
)
from penstock.author.operator import Operator
from penstock.author.parse_session import Site, call_site, current_session, report
from penstock.author.sensor import Sensor, waiting_problems
from penstock.author.xcom.arg import XComArg, find_values, find_xcom_args
from penstock.errors import PluginError, RequestError
from penstock_manifest.arguments import argument_problems
from penstock_manifest.format import Capability

if TYPE_CHECKING:
    from penstock.author.run.context import Context

XCOM = "$xcom"
# No argument: the keys under which other tasks take parts of what the task returns.
KEYS = "$keys"
# What every task takes and its try must know.
_OUTPUTS = ("do_xcom_push", "map_index_template", "multiple_outputs")
# Stands for a value that is known when the task runs: the check accepts it for any type.
_AT_RUN_TIME: dict[str, list[str]] = {XCOM: []}


class PlannedTask(AbstractOperator):
    """A task, mapped or not, whose class stays unimported; it is stored as a plan.

    Attributes:
        capability: The capability id.
        sensor_arguments: How it waits, in a sensor's arguments; None if it is no sensor.
        plan_arguments: What the class will be given, as the author wrote it; if mapped, what every instance is given.
    """

    capability: str
    sensor_arguments: dict[str, Any] | None
    plan_arguments: dict[str, Any]

    @property
    def policy(self) -> dict[str, Any] | None:
        """How it waits, as arguments of the model's SensorPolicy; None if it is no sensor."""
        if self.sensor_arguments is None:
            return None
        names = {"poke_interval": "poke_interval_s", "timeout": "timeout_s"}
        policy: dict[str, Any] = {
            names[name]: seconds(value) for name, value in self.sensor_arguments.items() if name in names
        }
        return {**policy, "soft_fail": bool(self.sensor_arguments.get("soft_fail", False))}

    def plan(self) -> dict[str, Any]:
        """What every instance is given, as JSON; values of other tasks are ``{"$xcom": [task_id, key]}``.

        Under ``$keys`` are those keys of what it returns that other tasks take by name, if there are any.
        """
        outputs = {name: getattr(self, name) for name in _OUTPUTS if name in self._arguments}
        arguments = {**self.plan_arguments, **(self.sensor_arguments or {}), **outputs}
        keys = {KEYS: sorted(self._node.wanted_keys)} if self._node.wanted_keys else {}
        return {name: plan_value(value) for name, value in {**arguments, **keys}.items()}

    def _change(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value
        if name in self.plan_arguments:  # known to the capability, however near it is to what every task takes
            self._refuse(name, call_site())
        else:
            super()._change(name, value)

    def _changed(self, name: str, site: Site) -> None:
        if name not in accepted_arguments(AbstractOperator):
            self._refuse(name, site)
        super()._changed(name, site)

    def _refuse(self, name: str, site: Site) -> None:
        fault = f"{name!r} is an argument of the capability {self.capability!r}, whose plan is made at once."
        report(self.dag, site, f"{self}: {fault} Give it to operator(...).")

    def _display_name(self, arguments: dict[str, Any]) -> str:
        return f"operator {arguments.get('capability')!r}, task {arguments.get('task_id')!r}"

    def _fallback(self, arguments: dict[str, Any]) -> None:
        super()._fallback(arguments)
        self.capability, self.plan_arguments, self.sensor_arguments = str(arguments.get("capability")), {}, None


class CapabilityOperator(PlannedTask, Operator):
    """A task made by ``operator(...)``."""

    def __init__(
        self,
        *,
        capability: str,
        plan_arguments: dict[str, Any],
        sensor_arguments: dict[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.capability, self.plan_arguments, self.sensor_arguments = capability, plan_arguments, sensor_arguments
        for problem in self._plan_problems():
            report(self.dag, self._site, f"{self}: {problem}")

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - the operator's interface
        """Refuse: what runs the task builds the operator of the capability from the plan.

        Raises:
            RequestError: Always.
        """
        raise RequestError(f"{self} is run from its plan, as {self.capability}")

    def _plan_problems(self) -> Iterator[str]:
        if self.retry_policy is not None or self.around():
            yield "it is run from its plan alone, and takes no function of the DAG file: no retry_policy, pre_execute, post_execute."
        found, fault = _find_capability(self.capability)
        if fault:
            yield fault
        yield from (problem for _, problem in waiting_problems(self.sensor_arguments or {}))
        problems = list(_storage_problems(self.capability, self.plan_arguments))
        yield from problems
        if found is not None and not problems:
            yield from argument_problems(found, _with_references(self.plan_arguments))


class MappedCapability(PlannedTask, MappedTask):
    """A mapped task made by ``operator.partial(...).expand(...)``."""

    def __init__(
        self,
        *,
        capability: str,
        partial: dict[str, Any],
        sensor_arguments: dict[str, Any] | None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        self.capability, self.plan_arguments, self.sensor_arguments = capability, partial, sensor_arguments
        super().__init__(partial=partial, **kwargs)

    def _mapping_problems(self) -> Iterator[str]:
        found, fault = _find_capability(self.capability)
        if fault:
            yield fault
        yield from (problem for _, problem in waiting_problems(self.sensor_arguments or {}))
        problems = [*super()._mapping_problems(), *_storage_problems(self.capability, self.plan_arguments)]
        problems += _set_problems(self.literals())
        problems += _join_problems(self.capability, self.mapped)
        yield from problems
        if found is not None and not problems:
            yield from self._capability_problems(found)

    def _capability_problems(self, found: Capability) -> Iterator[str]:
        """Check the arguments against the manifest: those of all instances, then those of the first wrong one."""
        given: dict[str, Any] = _with_references(self.partial_arguments)
        required = [each.name for each in found.parameters if each.required]
        usual = {**dict.fromkeys(required if EXPAND_KWARGS in self.mapped else self.mapped, _AT_RUN_TIME), **given}
        problems = argument_problems(found, usual)
        yield from problems
        for name, literal in self.literals().items() if not problems else ():
            yield from self._element_problems(found, name, literal, given if name == EXPAND_KWARGS else usual)

    def _element_problems(
        self, found: Capability, name: str, literal: list[Any] | dict[str, Any], beside: dict[str, Any]
    ) -> Iterator[str]:
        for index, element in enumerate(map(_with_references, elements_of(name, literal))):
            if name == EXPAND_KWARGS and set(element) == {XCOM}:
                continue
            problems = argument_problems(found, {**beside, **(element if name == EXPAND_KWARGS else {name: element})})
            if problems:
                yield from (f"{expansion_label(name)}: element {index}: {problem}" for problem in problems)
                return


class OperatorFactory:
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
        own, sensor, rules = _split_arguments(capability, arguments)
        return CapabilityOperator(capability=capability, plan_arguments=own, sensor_arguments=sensor, **rules)

    def partial(self, capability: str, /, **arguments: Any) -> Partial:  # noqa: ANN401 - passed on
        """The task with some arguments; ``.expand(argument=list)`` then makes one instance for each element."""
        own, sensor, rules = _split_arguments(capability, arguments)
        return Partial(partial(MappedCapability, capability=capability, partial=own, sensor_arguments=sensor, **rules))


operator = OperatorFactory()


def _split_arguments(
    capability: str, arguments: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any]]:
    """Split arguments into those of the capability itself, of a sensor if it is one, and of every task."""
    rules = task_arguments(arguments)
    sensor: dict[str, Any] | None = None
    own = {name: value for name, value in arguments.items() if name not in rules}
    found, _ = _find_capability(capability)
    if found is not None and found.kind == "sensors":
        # An operator may have an argument of such a name for itself.
        sensor = {name: own.pop(name) for name in list(own) if name in accepted_arguments(Sensor)}
    return own, sensor, rules


def _find_capability(capability: object) -> tuple[Capability | None, str]:
    if not isinstance(capability, str):
        return None, f"the capability id is {capability!r}; write text such as 'aws.s3_copy'."
    session = current_session.get()
    if session is None or session.capabilities is None:
        return None, ""
    try:
        found = session.capabilities(capability)
    except (PluginError, RequestError) as error:
        return None, str(error)
    if found.kind not in ("operators", "sensors"):
        return None, f"{capability!r} is one of {found.kind}, no operator and no sensor."
    return found, ""


def _storage_problems(capability: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Check that a plan can hold the arguments."""
    for name, value in arguments.items():
        fault = non_json_type(value)
        if fault:
            yield f"{name} holds {fault}, which has no JSON form; {capability} is run from JSON alone."
    yield from _set_problems(arguments)
    yield from _join_problems(capability, arguments)


def _join_problems(capability: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        joined = next((each for each in find_values(value) if not isinstance(each, XComArg)), None)
        if joined is not None:
            yield (
                f"{name} holds {joined!r}, which the DAG file works out, and {capability} is run without it. "
                "Return the list from a task, and give that."
            )


def _set_problems(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if _has_value_in_set(value):
            yield f"{name} holds a set with the value of a task in it; write a list."


def _has_value_in_set(value: Any) -> bool:  # noqa: ANN401 - any argument
    if isinstance(value, set | frozenset):
        return next(find_xcom_args(value), None) is not None
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_value_in_set, parts))


def plan_value(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Convert a value to the JSON of a plan; that of another task is ``{"$xcom": [task_id, key]}``."""
    from penstock.model.values.value import to_plain  # noqa: PLC0415 - only a build needs msgspec

    return to_plain(_with_references(value))


def _with_references(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, XComArg):
        return {XCOM: [value.operator.task_id, value.key]}
    if isinstance(value, dict):
        return {key: _with_references(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return (
            type(value)(map(_with_references, value))
            if type(value) in (list, tuple)
            else [_with_references(each) for each in value]
        )
    return value
