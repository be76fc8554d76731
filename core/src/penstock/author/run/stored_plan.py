"""The task of a stored plan: run by the class of its capability, without the DAG file."""

from collections.abc import Mapping
from typing import Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.capability import KEYS, XCOM
from penstock.author.mapping.task import EXPAND_KWARGS
from penstock.author.operator import Operator
from penstock.author.xcom.arg import XComArg
from penstock.model.attempt import MappedElement
from penstock.model.values.value import decode, from_plain


class PlannedSource(AbstractOperator):
    """Stands in a plan for the task whose value is wanted."""


class StoredTask(AbstractOperator):
    """A task as its stored plan describes it: its operator is made when a try knows what its instance is given.

    Attributes:
        cls: The class of the capability.
        plan: What `PlannedTask.plan` made of it.
    """

    def __init__(self, *, cls: type[Operator], plan: dict[str, Any], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.cls, self.plan = cls, plan

    def instance(self, elements: dict[str, Any]) -> Operator:
        """Make the operator of one instance, given its elements if it is mapped; it belongs to no DAG."""
        arguments = {name: _with_xcom_args(from_plain(value)) for name, value in self.plan.items() if name != KEYS}
        made: Operator = self.cls(task_id=self.task_id, **{**arguments, **elements.get(EXPAND_KWARGS, elements)})
        made._node.wanted_keys = set(self.plan.get(KEYS, ()))  # noqa: SLF001 - the same room
        return made

    def literals(self, elements: Mapping[str, MappedElement]) -> dict[str, Any]:
        """Find the elements of this instance that the author wrote, by argument."""
        return {name: _with_xcom_args(decode(each.json)) for name, each in elements.items() if each.literal}


def from_plan(cls: type[Operator], task_id: str, plan: dict[str, Any]) -> StoredTask:
    """Make the task of a stored plan; it belongs to no DAG."""
    made: StoredTask = StoredTask(cls=cls, plan=plan, task_id=task_id)
    return made


def _with_xcom_args(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, dict):
        if set(value) == {XCOM}:
            task_id, key = value[XCOM]
            return XComArg(PlannedSource(task_id=task_id), key)
        return {key: _with_xcom_args(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_with_xcom_args, value))
    return value
