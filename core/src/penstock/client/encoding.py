"""Writes a request of an operation and its arguments, by the operation's own signature."""

import inspect
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, get_type_hints
from urllib.parse import quote, urlencode

import msgspec

from penstock.errors import RequestError
from penstock.model.history.audit import AskedBy
from penstock.service.operations.operation import Operation

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_NAMED = re.compile(r"\{(\w+)\}")
_WHY = "why"


class Encoded(NamedTuple):
    """A request.

    Attributes:
        target: Its path below that of the API, with its query.
        body: Its JSON; None if it has none.
    """

    target: str
    body: bytes | None


def encoded(operation: Operation, arguments: Mapping[str, Any]) -> Encoded:
    """Write the request of an operation.

    Args:
        operation: The operation.
        arguments: What it is told, by name; what is left out is as the server has it. Who asks is known by his token, so that
            of ``by`` only the reason is sent.

    Raises:
        RequestError: A text of them is none that UTF-8 can write.
    """
    function = inspect.unwrap(operation.function)
    hints, signature = get_type_hints(function), inspect.signature(function).parameters
    in_path = _NAMED.findall(operation.path)
    path = dict.fromkeys(in_path, "")
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, AskedBy):
            if value.why and _WHY not in hints:
                given[_WHY] = value.why
        elif name in path:
            path[name] = str(value)
        elif value is not None or signature[name].default is not None:
            given[name] = value
    try:
        target = _NAMED.sub(lambda found: quote(path[found[1]], safe=""), operation.path)
        if operation.method in _WITH_BODY:
            return Encoded(target, msgspec.json.encode(given))
        query = urlencode([pair for name, value in given.items() for pair in _pairs(name, value)])
    except UnicodeEncodeError as error:
        raise RequestError(f"{error.object[:300]!a} is no UTF-8 text, and cannot be sent to the server.") from None
    return Encoded(f"{target}?{query}" if query else target, None)


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any argument
    # A name is there once for each member of a list, as the server reads it.
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _pairs(name, each)
    elif isinstance(value, Enum | str):
        yield name, str(value.value if isinstance(value, Enum) else value)
    else:
        yield name, msgspec.json.encode(value).decode().strip('"')
