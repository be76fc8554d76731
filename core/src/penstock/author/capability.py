"""Tasks named by a provider's capability id: checked against its manifest, run without importing the DAG file."""

from typing import TYPE_CHECKING, Any

from penstock.author.construct import accepted
from penstock.author.mapping import not_json
from penstock.author.operator import Operator
from penstock.author.rules import seconds
from penstock.author.sensor import Sensor
from penstock.author.workshop import Capability, report, workshop
from penstock.author.xcomarg import XComArg
from penstock.errors import PluginError, RequestError

if TYPE_CHECKING:
    from penstock.author.context import Context

XCOM = "$xcom"


class CapabilityOperator(Operator):
    """A task whose class stays unimported; made by `operator`.

    Attributes:
        capability: The capability id.
        plan_arguments: What the class will be given, as the author wrote it.
    """

    def __init__(
        self,
        *,
        capability: str,
        plan_arguments: dict[str, Any],
        waits: dict[str, Any],
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.capability, self.plan_arguments, self.waits = capability, plan_arguments, waits

    def execute(self, context: "Context") -> None:  # noqa: ARG002 - the operator's interface
        """Never called: whoever runs the task builds the operator of the capability from the plan."""
        raise RequestError(f"{self} is run from its plan, as {self.capability}")

    @property
    def policy(self) -> dict[str, Any] | None:
        """How it waits, as arguments of the model's SensorPolicy; None if it is no sensor."""
        names = {"poke_interval": "poke_interval_s", "timeout": "timeout_s"}
        if self.waits.get("sensor"):
            policy: dict[str, Any] = {
                names[name]: seconds(value) for name, value in self.waits.items() if name in names
            }
            return {**policy, "soft_fail": bool(self.waits.get("soft_fail", False))}
        return None

    def plan(self) -> dict[str, Any]:
        """The arguments as JSON; values of other tasks are ``{"$xcom": [task_id, key]}``."""
        from penstock.model.value import to_plain  # noqa: PLC0415 - only a build needs msgspec

        return {name: to_plain(_placed(value)) for name, value in self.plan_arguments.items()}

    def _called(self, arguments: dict[str, Any]) -> str:
        return f"operator {arguments.get('capability')!r}, task {arguments.get('task_id')!r}"

    def _salvage(self, arguments: dict[str, Any]) -> None:
        super()._salvage(arguments)
        self.capability, self.plan_arguments, self.waits = str(arguments.get("capability")), {}, {}


def operator(capability: str, /, **arguments: Any) -> CapabilityOperator:  # noqa: ANN401 - passed on
    """A task named by capability id, such as ``operator("aws.s3_copy", task_id="copy", source=..., target=...)``.

    Nothing of the provider is imported, neither here nor in the scheduler. Arguments are plain values, Jinja
    templates or values of other tasks; they are checked against the provider's manifest.

    Args:
        capability: ``<provider>.<name>``, as `plugin-manager search` lists it.
        **arguments: What every task takes, and what the operator takes.
    """
    rules = {name: value for name, value in arguments.items() if name in accepted(Operator)}
    own = {name: value for name, value in arguments.items() if name not in rules}
    waits = {
        name: own.pop(name)
        for name in ("poke_interval", "timeout", "soft_fail", "mode")
        if _waiting(name, own, capability)
    }
    found, fault = _look_up(capability)
    if found is not None and found.kind == "sensors":
        waits["sensor"] = True
    made = CapabilityOperator(capability=capability, plan_arguments=own, waits=waits, **rules)
    if fault:
        report(made.dag, made._site, f"{made}: {fault}")  # noqa: SLF001 - the same room
    for problem in _argument_problems(capability, own, found):
        report(made.dag, made._site, f"{made}: {problem}")  # noqa: SLF001 - the same room
    return made


def _waiting(name: str, own: dict[str, Any], capability: str) -> bool:
    """True if the argument says how a sensor waits; an operator may have one of the same name for itself."""
    found, _ = _look_up(capability)
    return name in own and name in accepted(Sensor) and found is not None and found.kind == "sensors"


def _look_up(capability: str) -> tuple[Capability | None, str]:
    at = workshop.get()
    if at is None or at.capabilities is None:
        return None, ""
    try:
        return at.capabilities(capability), ""
    except (PluginError, RequestError) as error:
        return None, str(error)


def _argument_problems(capability: str, own: dict[str, Any], found: Capability | None) -> list[str]:
    problems = []
    for name, value in own.items():
        fault = not_json(value)
        if fault:
            problems.append(f"{name} holds {fault}, which has no JSON form; {capability} is run from JSON alone.")
    if found is not None and not problems:
        problems += found.check({name: _placed(value) for name, value in own.items()})
    return problems


def _placed(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, XComArg):
        return {XCOM: [value.operator.task_id, value.key]}
    if isinstance(value, dict):
        return {key: _placed(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_placed(each) for each in value]
    return value


class PlannedValue(Operator):
    """Stands in a plan for the task whose value is wanted."""


def from_plan(cls: type[Operator], task_id: str, plan: dict[str, Any]) -> Operator:
    """The operator of a capability, built from a stored plan alone; it belongs to no DAG."""
    from penstock.model.value import from_plain  # noqa: PLC0415 - only a task process needs it

    made: Operator = cls(task_id=task_id, **{name: _referred(from_plain(value)) for name, value in plan.items()})
    return made


def _referred(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, dict):
        if set(value) == {XCOM}:
            task_id, key = value[XCOM]
            return XComArg(PlannedValue(task_id=task_id), key)
        return {key: _referred(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_referred(each) for each in value]
    return value
