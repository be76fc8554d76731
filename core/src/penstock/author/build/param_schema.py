"""The parameters of a DAG and its tasks: what a run may be given, checked before there is one."""

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.author.build.schema.keywords import schema_problem
from penstock.errors import NotFoundError, RequestError
from penstock.model.dag import DagSpec, ParamSpec
from penstock.model.values.value import from_plain


def check_params(spec: DagSpec, conf: Mapping[str, Any]) -> None:
    """Check the values that a run is asked for with.

    A DAG that declares params takes no others, save those of its tasks; one that declares none takes any, and reads them
    itself. What has no default must be given.

    Raises:
        NotFoundError: The DAG has no such param.
        RequestError: A value is missing or not what the param's schema says, or several things are wrong.
    """
    found = [*_unknown(spec, conf)]
    for name, param, owner in _declared(spec):
        if name not in conf:
            if param.required:
                advice = "Give it, such as: --conf '{\"" + name + "\": ...}'"
                found.append(
                    RequestError(f"the param {name!r} of {owner} has no default, and no value was given. {advice}")
                )
        elif problem := schema_problem(from_plain(param.schema), conf[name]):
            found.append(RequestError(f"the param {name!r} of {owner} {problem}, and {conf[name]!r:.100} was given."))
    if found:
        raise found[0] if len(found) == 1 else RequestError("\n".join(map(str, found)))


def _unknown(spec: DagSpec, conf: Mapping[str, Any]) -> Iterator[RequestError]:
    names = sorted({name for name, _, _ in _declared(spec)})
    for name in conf if spec.params else ():
        if name not in names:
            yield NotFoundError(f"param of DAG {spec.dag_id!r}", name, names, hint=f"It takes: {', '.join(names)}.")


def _declared(spec: DagSpec) -> Iterator[tuple[str, ParamSpec, str]]:
    """List every param of a DAG and of its tasks, with whose it is."""
    for name, param in spec.params.items():
        yield name, param, f"DAG {spec.dag_id!r}"
    for task in spec.tasks:
        for name, param in task.params.items():
            yield name, param, f"task {task.task_id!r} of DAG {spec.dag_id!r}"
