"""What an operation takes, of its signature, and how a request is decoded to it."""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from penstock.decoders import convert
from penstock.errors import as_sentence, did_you_mean
from penstock.model.access.principal import Principal
from penstock.model.history.audit import AskedBy
from penstock.model.values.wrong_value import wrong_value
from penstock.service.operations.operation import Operation
from penstock_server.http.problems import RefusedError

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_WHY = "why"

_INSTANT = Annotated[datetime, msgspec.Meta(tz=True)]
_INT = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what a database can compare with


class Parameter(msgspec.Struct, frozen=True):
    """One thing that an operation is told.

    Attributes:
        name: Its name.
        type: What msgspec decodes it to.
        place: Where in the request it is: ``path``, ``query`` or ``body``.
        required: Whether the operation cannot do without.
        default: What it is unless told, if it is not required.
    """

    name: str
    type: Any
    place: str
    required: bool
    default: Any = None

    @property
    def many(self) -> bool:
        """Whether it may be written more than once in a query."""
        return any(
            isinstance(origin, type) and issubclass(origin, Collection) and not issubclass(origin, str | Mapping)
            for origin in (get_origin(each) for each in _members(self.type))
        )


class Parameters:
    """What an operation takes.

    Attributes:
        all: Each parameter, in the order of the signature.
        answer: What the operation returns.
    """

    def __init__(self, operation: Operation) -> None:
        function = inspect.unwrap(operation.function)
        hints = get_type_hints(function, include_extras=True)
        signature = list(inspect.signature(function).parameters.values())[1:]
        place = "body" if operation.method in _WITH_BODY else "query"
        self.answer: Any = hints.get("return", None)
        self._by = next((each.name for each in signature if hints[each.name] is AskedBy), "")
        found = [
            Parameter(
                each.name,
                _bounded(hints[each.name]),
                "path" if f"{{{each.name}}}" in operation.path else place,
                each.default is each.empty,
                None if each.default is each.empty else each.default,
            )
            for each in signature
            if each.name != self._by
        ]
        if self._by and all(each.name != _WHY for each in found):
            found.append(Parameter(_WHY, str, place, required=False, default=""))
        self.all: Sequence[Parameter] = found
        self.place = place
        self._loose = self._struct("Named", lambda each: each.place != "body")
        self._strict = self._struct("Body", lambda each: each.place == "body")
        self._why = bool(self._by) and _WHY not in hints

    @property
    def left_out(self) -> frozenset[str]:
        """Those of the path that may be empty."""
        return frozenset(each.name for each in self.all if each.place == "path" and each.default == "")

    def decode(self, named: Mapping[str, str], query: bytes, body: bytes, principal: Principal) -> dict[str, Any]:
        """Decode a request to arguments; only what it has is among them.

        Args:
            named: What the path names.
            query: What follows the question mark.
            body: JSON, or nothing.
            principal: Who asks, for the audit.

        Raises:
            RefusedError: The request cannot be read, has something that the operation does not take, or lacks something.
        """
        asked, strict = self._of_query(query), self._of_body(body)
        self._check([*asked, *strict])
        loose = {**named, **asked}
        arguments = {**_converted(loose, self._loose, strict=False), **_converted(strict, self._strict, strict=True)}
        if self._why:
            arguments[self._by] = AskedBy(principal.name, arguments.pop(_WHY, ""))
        return arguments

    def _struct(self, name: str, belongs: Any) -> type[msgspec.Struct]:  # noqa: ANN401 - a lambda beside its call
        fields = [(each.name, each.type, None) for each in self.all if belongs(each)]
        return msgspec.defstruct(name, fields, kw_only=True)

    def _of_query(self, query: bytes) -> dict[str, Any]:
        if not query:
            return {}
        if self.place == "body":
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "this route takes what it is told in its body, and nothing in its query."
            )
        try:
            pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "the query cannot be read. Write name=value&name=value in UTF-8."
            ) from None
        several = {each.name for each in self.all if each.many}
        found: dict[str, Any] = {}
        for name, value in pairs:
            if "\0" in value:
                raise RefusedError(
                    HTTPStatus.BAD_REQUEST, f"the parameter {name!r} has a NUL, which nothing stored has."
                )
            if name in several:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise RefusedError(HTTPStatus.BAD_REQUEST, f"the parameter {name!r} is there twice. Write it once.")
            else:
                found[name] = value
        return found

    def _of_body(self, body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        if self.place != "body":
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "this route takes no body. Write what it is told into its query."
            )
        try:
            found = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {as_sentence(error)}") from None
        if not isinstance(found, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is no JSON object. Write {} with parameters by name.")
        return found

    def _check(self, given: Collection[str]) -> None:
        here = [each for each in self.all if each.place != "path"]
        known, by_path = [each.name for each in here], {each.name for each in self.all} - {each.name for each in here}
        problems = [
            f"the parameter {name!r} is named by the path alone."
            if name in by_path
            else f"there is no parameter {name!r}. {did_you_mean(name, known, otherwise=_list(known))}"
            for name in given
            if name not in known
        ]
        problems += [
            f"the parameter {each.name!r} is missing." for each in here if each.required and each.name not in given
        ]
        if problems:
            raise RefusedError(HTTPStatus.BAD_REQUEST, " ".join(problems))


def _list(known: Sequence[str]) -> str:
    return f"Those of this route: {', '.join(known)}." if known else "This route has none."


def _converted(given: dict[str, Any], into: type[msgspec.Struct], *, strict: bool) -> dict[str, Any]:
    try:
        made = convert(given, into, strict=strict)
    except (msgspec.ValidationError, RecursionError) as error:
        found = wrong_value(error, into)
        message = [f"the parameter {found.name!r} cannot be used: {found.what}.", found.advice]
        inside = f"At {found.below.lstrip('.')}." if found.below else ""
        raise RefusedError(HTTPStatus.BAD_REQUEST, " ".join(filter(None, (*message, inside)))) from None
    return {name: _in_utc(name, getattr(made, name)) for name in given if name in into.__struct_fields__}


def _in_utc(name: str, value: Any) -> Any:  # noqa: ANN401 - as it came
    if not isinstance(value, datetime):
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST, f"the parameter {name!r} lies before the year 1 or after 9999 in UTC."
        ) from None


def _bounded(annotation: Any) -> Any:  # noqa: ANN401 - types have no type
    # Instants have a zone, and numbers fit a column: said in the schema, and refused where they do not.
    if annotation is datetime:
        return _INSTANT
    if annotation is int:
        return _INT
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        return Union[tuple(_bounded(each) for each in get_args(annotation))]  # noqa: UP007 - made of a list
    return annotation


def _members(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        yield from get_args(annotation)
    else:
        yield annotation
