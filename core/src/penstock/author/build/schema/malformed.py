"""What can be wrong with a JSON Schema itself: told where it is written, so that no value meets it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from penstock.author.build.schema.keywords import DEEPEST, TYPES, pointed
from penstock.model.patterns.construct import Construct, PatternError
from penstock.model.patterns.pattern import DEEPEST as DEEPEST_PATTERN
from penstock.model.patterns.pattern import MOST_PARTS, pattern_of

UNKNOWN = {
    "$anchor": "write $ref with the way to the schema, such as #/$defs/name",
    "$dynamicAnchor": "write $ref with the way to the schema, such as #/$defs/name",
    "$dynamicRef": "write $ref with the way to the schema, such as #/$defs/name",
    "$id": "write $ref with the way to the schema, such as #/$defs/name",
    "$recursiveRef": "write $ref with the way to the schema, such as #/$defs/name",
    "additionalItems": "write prefixItems for the first elements and items for the rest",
    "dependencies": "write dependentRequired or dependentSchemas",
    "unevaluatedItems": "write items beside prefixItems",
    "unevaluatedProperties": "write additionalProperties beside properties",
}
"""Keywords of JSON Schema that are not checked here, each with what to write instead."""

INSTEAD = {
    Construct.MALFORMED: "write one of Python's module re",
    Construct.LONG: f"write maxLength for the length, and a pattern of at most {MOST_PARTS:,} parts",
    Construct.DEEP: f"write at most {DEEPEST_PATTERN} groups and repeats within each other",
    Construct.GROUP_AGAIN: "write out what the group may match, or enum with the texts that are meant",
    Construct.CONDITIONAL: "write anyOf with a pattern for each case",
    Construct.AHEAD: "write allOf with a pattern for each thing that is asked",
    Construct.NOT_AHEAD: 'write allOf with the rest as a pattern, and {"not": {"pattern": ...}} for what may not follow',
    Construct.BEHIND: "write allOf with a pattern for each thing that is asked, those of what may not stand there within not",
    Construct.ATOMIC: "write it as a plain group or repeat: no pattern takes long here",
}
"""What to write in place of what a pattern may not have."""


def malformed(schema: Mapping[str, Any]) -> str:
    """Say what is wrong with a schema; "" if nothing is."""
    return next(_faults(schema, schema, 0), "")


def _faults(schema: Any, root: Mapping[str, Any], depth: int) -> Iterator[str]:  # noqa: ANN401 - what an author wrote
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield f"a schema is {schema!r:.100}; write a dict of keywords, True or False"
        return
    if depth > DEEPEST:
        yield f"schemas lie more than {DEEPEST} deep in each other"
        return
    for keyword, given in schema.items():
        wrong = list(_own_faults(keyword, given, root))
        yield from wrong
        for inner in () if wrong else _inner(keyword, given):
            yield from _faults(inner, root, depth + 1)


def _own_faults(keyword: str, given: Any, root: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401 - as above
    if keyword in UNKNOWN:
        yield f"{keyword} is not checked here; {UNKNOWN[keyword]}"
    for kind, wanted in _SHAPES.get(keyword, ()):
        if not kind(given):
            yield f"{keyword} is {given!r:.100}; write {wanted}"
            return
    if keyword in ("pattern", "patternProperties"):
        yield from _pattern_faults(keyword, given)
    if keyword == "$ref":
        yield from _reference_faults(given, root)


def _pattern_faults(keyword: str, given: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    for pattern in [given] if isinstance(given, str) else given:
        try:
            pattern_of(pattern)
        except PatternError as error:
            yield f"{keyword} is {pattern!r:.100}, which {error}; {INSTEAD[error.construct]}"


def _reference_faults(given: str, root: Mapping[str, Any]) -> Iterator[str]:
    try:
        found = pointed(root, given)
    except LookupError:
        yield f"$ref is {given!r:.100}, and there is no such schema in this one. Nothing is fetched: write #/$defs/name"
        return
    if not isinstance(found, Mapping | bool):
        yield f"$ref is {given!r:.100}, where there is no schema"
    seen = [given]
    while isinstance(found, Mapping) and isinstance(found.get("$ref"), str):
        if found["$ref"] in seen:
            yield f"$ref is {given!r:.100}, which leads back to itself"
            return
        seen.append(found["$ref"])
        try:
            found = pointed(root, seen[-1])
        except LookupError:
            return  # told where that one is written


def _inner(keyword: str, given: Any) -> list[Any]:  # noqa: ANN401 - as above
    """List the schemas that a keyword holds."""
    if keyword in _HOLD_ONE:
        return [given]
    if keyword in _HOLD_LIST:
        return list(given)
    return list(given.values()) if keyword in _HOLD_DICT else []


_HOLD_ONE = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"},
)
_HOLD_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_HOLD_DICT = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


def _is_number(value: Any) -> bool:  # noqa: ANN401 - what an author wrote
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:  # noqa: ANN401 - as above
    return _is_number(value) and value >= 0 and value == value // 1


def _is_texts(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _is_kinds(value: Any) -> bool:  # noqa: ANN401 - as above
    kinds = [value] if isinstance(value, str) else value
    return _is_texts(kinds) and bool(kinds) and all(kind in TYPES for kind in kinds)


_Shape = tuple[Callable[[Any], bool], str]
_NUMBER: _Shape = (_is_number, "a number")
_COUNT: _Shape = (_is_count, "a whole number of 0 or more")
_TEXT: _Shape = (lambda value: isinstance(value, str), "text")
_TEXTS: _Shape = (_is_texts, "a list of names")
_LIST: _Shape = (lambda value: isinstance(value, list | tuple), "a list")
_SOME: _Shape = (lambda value: isinstance(value, list | tuple) and bool(value), "a list of schemas")
_DICT: _Shape = (lambda value: isinstance(value, Mapping) and all(isinstance(each, str) for each in value), "a dict")
_ONE: _Shape = (
    lambda value: isinstance(value, Mapping | bool),
    "a dict of keywords, True or False; what the first elements are stands in prefixItems",
)
_SHAPES: dict[str, tuple[_Shape, ...]] = {
    "type": ((_is_kinds, f"one of {', '.join(TYPES)}, or a list of them"),),
    "enum": ((_LIST[0], "a list of values"),),
    "pattern": (_TEXT,),
    "format": (_TEXT,),
    "$ref": (_TEXT,),
    "required": (_TEXTS,),
    "multipleOf": (_NUMBER, (lambda value: value > 0, "a number above 0")),
    "uniqueItems": ((lambda value: isinstance(value, bool), "True or False"),),
    "items": (_ONE,),
    "dependentRequired": (_DICT, (lambda value: all(map(_is_texts, value.values())), "a list of names for each name")),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (_NUMBER,)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains"), (_COUNT,)),
    **dict.fromkeys(("minProperties", "maxProperties"), (_COUNT,)),
    **dict.fromkeys(sorted(_HOLD_LIST), (_SOME,)),
    **dict.fromkeys(sorted(_HOLD_DICT), (_DICT,)),
}
"""What the value of a keyword must be, and how a sentence says it, in the order in which it is asked."""
