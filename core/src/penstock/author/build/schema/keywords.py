"""A value held against JSON Schema: the keywords of draft 2020-12 (json-schema.org/draft/2020-12, core and validation).

Each keyword is a function that says what a value should be, or "". Nothing is fetched: a ``$ref`` leads into the same schema.
"""

from collections.abc import Callable, Iterable, Mapping, Sized
from fractions import Fraction
from typing import Any, NamedTuple

from penstock.author.build.schema.text_format import format_problem
from penstock.model.patterns.construct import PatternError
from penstock.model.patterns.pattern import pattern_of
from penstock.model.text import counted

DEEPEST = 64
"""How deep schemas may lie within each other, references followed."""
MOST_STEPS = 1_000_000
"""CheckSteps that one value takes, at most: the schemas of a recursive one may double from each to the next."""


class _EndlessError(Exception):
    """A value takes too many steps."""


class CheckSteps:
    """What is counted while one value is held against a schema: whatever is gone through once for each part of it.

    That is each schema, each name or value that a keyword lists, each part of a value that is compared, and each state
    that a pattern is in at a character.
    """

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def spend(self, steps: int) -> None:
        """Count some steps."""
        self._left -= steps
        if self._left < 0:
            raise _EndlessError


class SchemaPlace(NamedTuple):
    """Where in a value, and how deep in a schema, something is checked.

    Attributes:
        root: The whole schema, into which references lead.
        path: The way from the whole value to this part of it, as people write it.
        depth: How many schemas lie around this one.
        steps: Those that the whole value has taken so far.
    """

    root: Mapping[str, Any]
    steps: CheckSteps
    path: str = ""
    depth: int = 0


def schema_problem(schema: Mapping[str, Any], value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Say what a value should be by a schema that is well-formed; "" if it is."""
    try:
        return _problem(schema, value, SchemaPlace(schema, CheckSteps()))
    except _EndlessError:
        return f"is described by a schema that takes more than {MOST_STEPS:,} steps for it"
    except PatternError as error:
        return f"is described by a pattern that {error}"


def pointed(root: Mapping[str, Any], reference: str) -> Any:  # noqa: ANN401 - a schema, or anything in a wrong one
    """Follow a JSON Pointer (RFC 6901) within a schema.

    Raises:
        LookupError: It leads nowhere, or out of the schema.
    """
    found: Any = root
    start, *steps = reference.split("/")
    if start != "#":
        raise LookupError(reference)
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list | tuple) and name.isdecimal():
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            raise LookupError(reference)
    return found


def _problem(schema: Any, value: Any, place: SchemaPlace) -> str:  # noqa: ANN401 - a schema, any JSON value
    if isinstance(schema, bool):
        return "" if schema else _at(place, "may not be there")
    if place.depth > DEEPEST:
        return _at(place, f"is described by schemas more than {DEEPEST} deep")
    place.steps.spend(1)
    inner = place._replace(depth=place.depth + 1)
    for keyword, given in schema.items():
        check = KEYWORDS.get(keyword)
        if check is not None and (found := check(given, value, schema, inner)):
            return found
    return ""


def _at(place: SchemaPlace, text: str) -> str:
    return f"at {place.path} {text}" if place.path else text


def _below(place: SchemaPlace, step: str | int) -> SchemaPlace:
    return place._replace(path=f"{place.path}[{step!r}]")


def _key(value: Any, place: SchemaPlace) -> Any:  # noqa: ANN401 - any JSON value
    """Make what is equal for values that are equal as JSON, and can be hashed: 1 is 1.0, and True is no number."""
    place.steps.spend(1)
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list | tuple):
        return ("array", *(_key(each, place) for each in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, _key(each, place)) for name, each in value.items()))
    return value


def _found_in(pattern: str, text: str, place: SchemaPlace) -> bool:
    return pattern_of(pattern).is_in(text, place.steps.spend)


def _spent(given: Sized, place: SchemaPlace) -> None:
    """Count what a keyword lists, all of which is looked for in a value."""
    place.steps.spend(len(given))


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, list | tuple)


TYPES: dict[str, Callable[[Any], bool]] = {
    "array": _is_list,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == value // 1,
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
"""Whether a value is of a type that JSON Schema names."""

Check = Callable[[Any, Any, Mapping[str, Any], SchemaPlace], str]


def _kind(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    kinds = [given] if isinstance(given, str) else given
    fits = any(TYPES[kind](value) for kind in kinds)
    return "" if fits else _at(place, f"should be of type {' or '.join(kinds)}")


def _one_of_values(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    wanted = _key(value, place)
    if any(_key(each, place) == wanted for each in given):
        return ""
    return _at(place, f"should be one of {', '.join(map(repr, given))}"[:500])


def _constant(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    return "" if _key(given, place) == _key(value, place) else _at(place, f"should be {given!r:.200}")


def _pattern(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    fits = not isinstance(value, str) or _found_in(given, value, place)
    return "" if fits else _at(place, f"should match {given!r}")


def _format(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    fault = format_problem(given, value) if isinstance(value, str) else ""
    return _at(place, fault) if fault else ""


def _bound(words: str, holds: Callable[[Any, Any], bool]) -> Check:
    def check(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
        return _at(place, f"should be {words} {given}") if _is_number(value) and not holds(value, given) else ""

    return check


def _is_multiple(value: Any, of: Any) -> bool:  # noqa: ANN401 - numbers
    # As they are written: 0.3 is a multiple of 0.1, though not in binary.
    exact, step = (Fraction(each if isinstance(each, int) else repr(each)) for each in (value, of))
    return exact % step == 0


def _length(of: Callable[[Any], bool], words: str, holds: Callable[[int, int], bool]) -> Check:
    def check(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
        return _at(place, f"should {words.format(given)}") if of(value) and not holds(len(value), given) else ""

    return check


def _unique(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    if not given or not _is_list(value):
        return ""
    different = {_key(each, place) for each in value}
    return "" if len(different) == len(value) else _at(place, "should hold each element once")


def _items(given: Any, value: Any, schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    first = len(schema.get("prefixItems", ())) if _is_list(value) else 0
    rest = enumerate(value[first:], first) if _is_list(value) else ()
    return _first(_problem(given, each, _below(place, index)) for index, each in rest)


def _first_items(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    pairs = zip(given, value, strict=False) if _is_list(value) else ()
    return _first(_problem(part, each, _below(place, index)) for index, (part, each) in enumerate(pairs))


def _contains(given: Any, value: Any, schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    if not _is_list(value):
        return ""
    fitting = sum(not _problem(given, each, place) for each in value)
    least, most = schema.get("minContains", 1), schema.get("maxContains")
    if fitting < least:
        return _at(place, f"should hold {counted(least, 'element')} that fits `contains`")
    return _at(place, f"should hold at most {most} that fit `contains`") if most is not None and fitting > most else ""


def _properties(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    _spent(given, place)
    there = [name for name in given if name in value] if isinstance(value, dict) else []
    return _first(_problem(given[name], value[name], _below(place, name)) for name in there)


def _matching(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    pairs = value.items() if isinstance(value, dict) else ()
    return _first(
        _problem(part, each, _below(place, name))
        for pattern, part in given.items()
        for name, each in pairs
        if _found_in(pattern, name, place)
    )


def _others(given: Any, value: Any, schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    pairs = value.items() if isinstance(value, dict) else ()
    return _first(
        _problem(given, each, _below(place, name))
        for name, each in pairs
        if name not in named and not any(_found_in(pattern, name, place) for pattern in patterns)
    )


def _names(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    found = _first(
        _problem(given, name, place._replace(path="")) for name in (value if isinstance(value, dict) else ())
    )
    return _at(place, f"has a name that {found}") if found else ""


def _required(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    _spent(given, place)
    missing = [name for name in given if name not in value] if isinstance(value, dict) else []
    return _at(place, f"should have {', '.join(map(repr, missing))}") if missing else ""


def _required_with(given: Any, value: Any, schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    _spent(given, place)
    there = [name for name in given if name in value] if isinstance(value, dict) else []
    return _first(_required(given[name], value, schema, place) for name in there)


def _described_with(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    _spent(given, place)
    there = [name for name in given if name in value] if isinstance(value, dict) else []
    return _first(_problem(given[name], value, place) for name in there)


def _all_of(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    return _first(_problem(part, value, place) for part in given)


def _any_of(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    found = [_problem(part, value, place) for part in given]
    return "" if "" in found else f"{'; or '.join(dict.fromkeys(found))}"


def _just_one_of(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    found = [_problem(part, value, place) for part in given]
    if found.count("") > 1:
        return _at(place, f"should fit one of the {len(given)} schemas of `oneOf`, and fits {found.count('')}")
    return "" if "" in found else f"{'; or '.join(dict.fromkeys(found))}"


def _none_of(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    return "" if _problem(given, value, place) else _at(place, "should not fit the schema of `not`")


def _conditional(given: Any, value: Any, schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    branch = "else" if _problem(given, value, place) else "then"
    return _problem(schema.get(branch, True), value, place)


def _reference(given: Any, value: Any, _schema: Mapping[str, Any], place: SchemaPlace) -> str:  # noqa: ANN401 - as `Check`
    return _problem(pointed(place.root, given), value, place)


def _first(problems: Iterable[str]) -> str:
    return next(filter(None, problems), "")


def _is_text(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, str)


def _is_dict(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, dict)


KEYWORDS: dict[str, Check] = {
    "type": _kind,
    "enum": _one_of_values,
    "const": _constant,
    "pattern": _pattern,
    "format": _format,
    "minimum": _bound("at least", lambda value, bound: value >= bound),
    "maximum": _bound("at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound("more than", lambda value, bound: value > bound),
    "exclusiveMaximum": _bound("less than", lambda value, bound: value < bound),
    "multipleOf": _bound("a multiple of", _is_multiple),
    "minLength": _length(_is_text, "be at least {} characters long", lambda length, bound: length >= bound),
    "maxLength": _length(_is_text, "be at most {} characters long", lambda length, bound: length <= bound),
    "minItems": _length(_is_list, "be a list of at least {}", lambda length, bound: length >= bound),
    "maxItems": _length(_is_list, "be a list of at most {}", lambda length, bound: length <= bound),
    "minProperties": _length(_is_dict, "have at least {} names", lambda length, bound: length >= bound),
    "maxProperties": _length(_is_dict, "have at most {} names", lambda length, bound: length <= bound),
    "uniqueItems": _unique,
    "prefixItems": _first_items,
    "items": _items,
    "contains": _contains,
    "required": _required,
    "properties": _properties,
    "patternProperties": _matching,
    "additionalProperties": _others,
    "propertyNames": _names,
    "dependentRequired": _required_with,
    "dependentSchemas": _described_with,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _just_one_of,
    "not": _none_of,
    "if": _conditional,
    "$ref": _reference,
}
"""What each keyword asks of a value; keywords that are not here are for people, or belong to one that is."""
