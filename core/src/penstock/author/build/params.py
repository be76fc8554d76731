"""The parameters of a DAG, or of a task, as an author wrote them: their check, and their values of the model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.author.build.schema.keywords import schema_problem
from penstock.author.build.schema.malformed import malformed
from penstock.author.construct.signature import own_parameters
from penstock.author.dag import Param
from penstock.author.mapping.task import non_json_type
from penstock.author.xcom.arg import find_values
from penstock.model.dag import ParamSpec
from penstock.model.values.value import to_plain

if TYPE_CHECKING:
    from penstock.author.abstract_operator import AbstractOperator

LARGEST_SCHEMA = 65_536
"""Bytes of the JSON of a parameter's schema: whoever triggers a run has it read, and the DAG with it."""


def params_of(task: "AbstractOperator") -> Any:  # noqa: ANN401 - what an author wrote
    """Return the parameters of a task as they were given; an author's own operator may mean something else by the name."""
    if "params" in own_parameters(task._operator_class()):  # noqa: SLF001 - the same room
        return {}
    given = task.params if "params" in task._changes else task._arguments.get("params")  # noqa: SLF001 - as above
    return {} if given is None else given


def param_problems(params: Any, *, scheduled: bool) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    """Check parameters, their schemas and defaults.

    Args:
        params: By name, values or `Param`.
        scheduled: Whether there are runs that nobody gives values to.
    """
    if not isinstance(params, dict) or not all(isinstance(name, str) for name in params):
        yield f"params is {params!r:.200}; write a dict with a value for each name."
        return
    for name, value in params.items():
        default = value.default if isinstance(value, Param) else value
        if next(find_values(default), None) is not None:
            yield f"the parameter {name!r} holds a value of another task; pass that as an argument."
        elif fault := non_json_type(default):
            yield f"the parameter {name!r} holds {fault}, which has no JSON form."
        elif isinstance(value, Param):
            yield from (f"the parameter {name!r} {problem}." for problem in _problems(value, scheduled=scheduled))


def _problems(param: Param, *, scheduled: bool) -> Iterator[str]:
    """Check the schema of a parameter, and its default by it; one without a default is given by ``conf``."""
    fault = next((fault for each in param.schema.values() if (fault := non_json_type(each))), "")
    if fault or (fault := malformed(param.schema)):
        yield f"has a schema that cannot be read: {fault}"
    elif (size := len(msgspec.json.encode(_schema_of(param)))) > LARGEST_SCHEMA:
        yield f"has a schema of {size:,} bytes, and {LARGEST_SCHEMA:,} are the most. Have the task itself check so many values"
    elif not param.required and (problem := schema_problem(param.schema, param.default)):
        yield f"{problem}, and its default is {param.default!r:.100}"
    elif param.required and scheduled:
        yield "has no default, and runs of the schedule are given no values. Write Param(default, ...), or schedule=None"


def param_specs(params: dict[str, Any]) -> dict[str, ParamSpec]:
    """Convert parameters to values of the model."""
    return {name: _spec(value if isinstance(value, Param) else Param(value)) for name, value in params.items()}


def _spec(param: Param) -> ParamSpec:
    return ParamSpec(default=to_plain(param.default), doc=param.doc, schema=_schema_of(param), required=param.required)


def _schema_of(param: Param) -> dict[str, Any]:
    return {name: to_plain(each) for name, each in param.schema.items()}
