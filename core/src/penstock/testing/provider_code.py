"""The checks of what a provider's code does with what its manifest says: what the core or a DAG will refuse is found here first."""

import ast
import dataclasses
import importlib
import inspect
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from penstock.author.operator import Operator
from penstock.author.sensor import Sensor
from penstock.errors import PenstockError
from penstock.plugins.kinds import wanted_of
from penstock.spec.object_store import ObjectInfo
from penstock.testing.provider_checks import BY_NAME, TASKS, Subject, own_parameters
from penstock_manifest.arguments import accepts
from penstock_manifest.format import ConnectionType, Field

_SAMPLES: dict[str, Any] = {
    "str": "x", "int": 1, "float": 1.5, "bool": True, "list": ["x"], "dict": {"x": "x"},
}  # fmt: skip
_RETRIES = 7
_TIMEOUT_S = 77.0
_PARTS = {"host", "port", "login", "password", "schema"}
"""Parts of a connection that no provider's fields need to name."""


def type_problems(subject: Subject) -> list[str]:
    """Parameters whose type in the manifest refuses what the code takes, or the other way round."""
    problems = []
    for capability, target in subject.capabilities("hooks", *TASKS, *BY_NAME):
        own = own_parameters(target)
        for listed in capability.parameters:
            written = _written(own[listed.name].annotation) if listed.name in own else ""
            if _is_plain(written) and _is_plain(listed.type):
                wrong = [
                    name for name, each in _SAMPLES.items() if accepts(written, each) is not accepts(listed.type, each)
                ]
                if wrong:
                    problems.append(
                        f"{capability.id}: {listed.name} is {written} in code, {listed.type} in the manifest; "
                        f"they differ for {', '.join(wrong)}"
                    )
    return problems


def _written(annotation: object) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "") or str(annotation)


def _is_plain(written: str) -> bool:
    """Whether a type is made of names alone that `accepts` judges, containers without what is in them."""
    try:
        tree = ast.parse(written, mode="eval").body
    except SyntaxError:
        return False
    return all(
        isinstance(node, ast.BinOp | ast.BitOr | ast.Load)
        or (isinstance(node, ast.Name) and node.id in _SAMPLES)
        or (isinstance(node, ast.Constant) and node.value is None)
        for node in ast.walk(tree)
    )


def task_problems(subject: Subject) -> list[str]:
    """Operators and sensors that do no work, drop what every task takes, or render what they do not have."""
    problems = []
    for capability, target in subject.capabilities(*TASKS):
        if capability.kind == "operators" and issubclass(target, Sensor) and target.is_job:
            problems.append(f"{capability.id}: {target.__name__} waits by pokes; name it under [[sensors]]")
        base, method = (Sensor, "poke") if issubclass(target, Sensor) else (Operator, "execute")
        if getattr(target, method, None) is getattr(base, method):
            problems.append(f"{capability.id}: {target.__name__} has no {method}()")
        arguments = {each.name: _sample(each.type) for each in capability.parameters if each.required}
        try:
            made = target(task_id="check", retries=_RETRIES, **arguments)
        except (PenstockError, TypeError, ValueError) as error:
            if "retries" in str(error):
                problems.append(f"{capability.id}: {target.__name__} does not take what every task takes: {error}")
            continue  # the values may be none of its own
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            problems.append(f"{capability.id}: {target.__name__}() fails when a DAG file is imported: {error!r}")
            continue
        if made.retries != _RETRIES:
            problems.append(
                f"{capability.id}: {target.__name__} drops the arguments that every task takes; pass **kwargs on"
            )
        if isinstance(made, Sensor):
            problems += [f"{capability.id}: {target.__name__} {each}" for each in _wait_problems(target, arguments)]
        problems += [
            f"{capability.id}: template_fields names {name!r}, which {target.__name__} does not have"
            for name in getattr(target, "template_fields", ())
            if not hasattr(made, name)
        ]
    return problems


def _wait_problems(target: Any, arguments: dict[str, Any]) -> Iterator[str]:  # noqa: ANN401 - a class of sensors
    """Whether a sensor ends its wait when its author says so; the core itself refuses a wait without an end."""
    try:
        made = target(task_id="check", timeout=_TIMEOUT_S, **arguments)
    except (PenstockError, TypeError, ValueError) as error:
        yield f"does not take a timeout: {error}"
        return
    if _seconds(made.timeout) != _TIMEOUT_S:
        yield "drops the timeout that every sensor takes; pass **kwargs on"


def _seconds(value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, int | float) else float("inf")


def _sample(written: str) -> object:
    return next((each for each in _SAMPLES.values() if accepts(written, each)), "x")


def field_problems(subject: Subject) -> list[str]:
    """Fields of a connection type that the code does not read or whose default is another there, and those that are not listed.

    The code's are those of the dataclasses in the provider's module ``connections``, of which each type is held against the one that
    it fits best; without that module, or a manifest that can be read, nothing is compared.
    """
    coded = list(_fields_of_code(subject))
    if not coded or subject.manifest is None:
        return []
    return [
        problem
        for each in subject.manifest.connections
        for problem in min((_differences(each, fields) for fields in coded), key=len)
    ]


def _differences(listed: ConnectionType, coded: "Mapping[str, dataclasses.Field[Any]]") -> list[str]:
    """How a connection type of the manifest and a dataclass differ, in sentences."""
    fields = {each.name: each for each in listed.fields}
    none_of_code = [
        f"the manifest's field {name} is none of the code" for name in sorted(fields.keys() - coded - _PARTS)
    ]
    unlisted = [f"the code's field {name} is not in the manifest" for name in sorted(coded.keys() - fields - _PARTS)]
    others = [
        f"{name} {problem}"
        for name, field in fields.items()
        if name in coded and (problem := _default_problem(coded[name], field))
    ]
    return [f"connection {listed.type}: {each}" for each in none_of_code + unlisted + others]


def _default_problem(coded: "dataclasses.Field[Any]", listed: Field) -> str:
    """Say how the manifest and the code differ in what a field is if nobody gives it, "" if they do not."""
    if coded.default_factory is not dataclasses.MISSING:
        return ""
    required = coded.default is dataclasses.MISSING
    if listed.required is not required:
        return f"is {'required' if required else 'optional'} in code, and the other in the manifest"
    if not required and (listed.default or None) != (coded.default or None):
        return f"is {coded.default!r} by default in code, {listed.default!r} in the manifest"
    return ""


def _fields_of_code(subject: Subject) -> Iterator["Mapping[str, dataclasses.Field[Any]]"]:
    name = f"{subject.package.name}.connections"
    try:
        module = importlib.import_module(name)
    except Exception:  # noqa: BLE001 - the check of imports says so, if there is such a module
        return
    for each in vars(module).values():
        if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__.startswith(name):
            yield {field.name: field for field in dataclasses.fields(each) if field.init}


def protocol_problems(subject: Subject) -> list[str]:
    """Executors and object stores whose methods cannot be called as their protocol says, or that answer in another shape."""
    problems = []
    for capability, target in subject.capabilities("executors", "object_stores"):
        protocol = wanted_of(capability.kind, target)
        for method, wanted in vars(protocol).items():
            if callable(wanted) and not method.startswith("_") and callable(getattr(target, method, None)):
                problem = _call_problem(wanted, getattr(target, method), bound=not isinstance(target, type))
                problems += [f"{capability.id}: {protocol.__name__}.{method}() {problem}"] if problem else []
    return problems + [
        f"{file}:{call.lineno} makes an ObjectInfo without its fields {', '.join(ObjectInfo._fields)}"
        for file, call in _calls(subject, "ObjectInfo")
        if not any(isinstance(each, ast.Starred) for each in call.args)
        and None not in {each.arg for each in call.keywords}
        and {*ObjectInfo._fields[: len(call.args)], *(str(each.arg) for each in call.keywords)}
        != set(ObjectInfo._fields)
    ]


def _call_problem(wanted: Any, found: Any, *, bound: bool) -> str:  # noqa: ANN401 - functions of any shape
    """Say why a method does not take the calls of its protocol, "" if it does."""
    parameters = list(inspect.signature(wanted).parameters.values())[1 if bound else 0 :]
    positional = [each.name for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    named = {each.name: None for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
    try:
        inspect.signature(found).bind(*positional, **named)
    except TypeError as error:
        return f"is not called as the spec says: {error}"
    except ValueError:  # no signature to be read
        return ""
    return ""


def _calls(subject: Subject, name: str) -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(subject.package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if called == name:
                    yield file.relative_to(subject.package).as_posix(), node
