"""What a parameter's value must be: the simple keywords of JSON Schema (json-schema.org, draft 2020-12, validation)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.errors import NotFoundError, RequestError
from penstock.model.dag import DagSpec
from penstock.model.value import from_plain

_TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list | tuple),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and isinstance(value, int | float) and value == int(value),
    "null": lambda value: value is None,
    "number": lambda value: not isinstance(value, bool) and isinstance(value, int | float),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
_NUMBERS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", lambda value, bound: value >= bound),
    "maximum": ("at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": ("more than", lambda value, bound: value > bound),
    "exclusiveMaximum": ("less than", lambda value, bound: value < bound),
}
_LENGTHS: dict[str, tuple[str, type | tuple[type, ...], Callable[[int, int], bool]]] = {
    "minLength": ("at least {} characters long", str, lambda length, bound: length >= bound),
    "maxLength": ("at most {} characters long", str, lambda length, bound: length <= bound),
    "minItems": ("a list of at least {}", (list, tuple), lambda length, bound: length >= bound),
    "maxItems": ("a list of at most {}", (list, tuple), lambda length, bound: length <= bound),
}
CHECKED = frozenset({"type", "enum", "const", "pattern", *_NUMBERS, *_LENGTHS})
"""The keywords that are checked."""


def schema_problem(schema: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Say what a value should be by a schema; "" if it is."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_TYPES[kind](value) for kind in kinds if kind in _TYPES):
        return f"should be of type {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"should be one of {', '.join(map(repr, schema['enum']))}"
    if "const" in schema and value != schema["const"]:
        return f"should be {schema['const']!r}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        return f"should match {schema['pattern']!r}"
    return _bound_problem(schema, value)


def _bound_problem(schema: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - any JSON value
    for name, (words, holds) in _NUMBERS.items():
        if name in schema and _TYPES["number"](value) and not holds(value, schema[name]):
            return f"should be {words} {schema[name]}"
    for name, (words, kind, fits) in _LENGTHS.items():
        if name in schema and isinstance(value, kind) and not fits(len(value), schema[name]):  # type: ignore[arg-type] # these have a length
            return f"should be {words.format(schema[name])}"
    return ""


def malformed(schema: Mapping[str, Any]) -> str:
    """Say what is wrong with the checked keywords of a schema; "" if nothing is."""
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list | tuple) else [kinds]:
        if kind not in _TYPES:
            return f"type is {kind!r}; write one of {', '.join(_TYPES)}"
    if not isinstance(schema.get("enum", []), list | tuple):
        return f"enum is {schema['enum']!r}; write a list of values"
    for name in (*_NUMBERS, *_LENGTHS):
        if name in schema and not _TYPES["number"](schema[name]):
            return f"{name} is {schema[name]!r}; write a number"
    try:
        re.compile(schema.get("pattern", ""))
    except (re.error, TypeError) as error:
        return f"pattern is {schema['pattern']!r}, which is no regular expression: {error}"
    return ""


def check_params(spec: DagSpec, conf: Mapping[str, Any]) -> None:
    """Check the values that a run is asked for with.

    A DAG that declares params takes no others; one that declares none takes any, and reads them itself.

    Raises:
        NotFoundError: The DAG has no such param.
        RequestError: A value is not what the param's schema says, or several things are wrong.
    """
    found: list[RequestError] = []
    for name, value in conf.items() if spec.params else ():
        if name not in spec.params:
            takes = f"It takes: {', '.join(sorted(spec.params))}."
            found.append(NotFoundError(f"param of DAG {spec.dag_id!r}", name, spec.params, hint=takes))
        elif problem := schema_problem(from_plain(spec.params[name].schema), value):
            text = f"the param {name!r} of DAG {spec.dag_id!r} {problem}, and {value!r:.100} was given."
            found.append(RequestError(text))
    if found:
        raise found[0] if len(found) == 1 else RequestError("\n".join(map(str, found)))
