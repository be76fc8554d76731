"""Changes that are made only if a thing is still as it was read: by ``If-Match``, or if there is none yet: by ``If-None-Match: *``."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from penstock.errors import ChangedError, ForbiddenError, NotFoundError
from penstock.model.access.principal import Principal
from penstock.service.operations.operation import Operation
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError

_ANY = "*"


class Known(Protocol):
    """An operation with its parameters."""

    @property
    def operation(self) -> Operation:
        """The operation."""

    @property
    def parameters(self) -> Parameters:
        """What it takes."""


Route = TypeVar("Route", bound=Known)


def tag_of(content: bytes) -> str:
    """The ``ETag`` of an answer."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def tags_in(written: str) -> list[str]:
    """The tags of a header; a proxy that compresses makes them weak, and they are hashes of what was in the answer all the same."""
    return [each.strip().removeprefix("W/") for each in written.split(",")]


def readers(table: Sequence[Route]) -> dict[str, Route]:
    """By the name of each change of one thing, the read whose answer is that thing: of the longest beginning of its path that names one.

    What is done in several transactions has none, as nothing could be compared in all of them.
    """
    reads = {each.operation.path: each for each in table if each.operation.method == "GET"}
    found = {}
    for each in table:
        if each.operation.reads or each.operation.resumes:
            continue
        parts = each.operation.path.split("/")
        paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        read = next((reads[path] for path in paths if path in reads and "{" in path), None)
        if read is not None:
            found[each.operation.name] = read
    return found


def precondition(
    request: Request,
    principal: Principal,
    read: Known | None,
    arguments: Mapping[str, Any],
    ask: Callable[[Operation, dict[str, Any]], bytes],
) -> Callable[[], None] | None:
    """What checks that a thing is as a request says; None for one that says nothing of it.

    Args:
        request: The request.
        principal: Who asks.
        read: What reads the thing; None if nothing does.
        arguments: What the change is told.
        ask: Asks an operation.

    Raises:
        RefusedError: It has such a header, and changes no one thing that is read by a route.
        ForbiddenError: A token may change the thing and not see it, so that what is there is hidden from it.
    """
    same, new = request.headers.get("if-match", ""), request.headers.get("if-none-match", "")
    if not same and new.strip() != _ANY:
        return None
    if read is None:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            "this route changes no one thing that has an ETag. Leave out If-Match and If-None-Match.",
        )
    operation = read.operation
    only = principal.only
    if only is not None and operation.needs is not None and operation.needs not in only:
        what = "compare what it changes with what it may not see"
        raise ForbiddenError(principal.name, what, remedy=f"Use a token that has {operation.needs}, too.")
    given = {each.name: arguments[each.name] for each in read.parameters.all if each.name in arguments}

    def check() -> None:
        try:
            tag = tag_of(ask(operation, given))
        except NotFoundError:
            tag = ""
        if (same and not _matches(same, tag)) or (not same and tag):
            raise ChangedError

    return check


def _matches(written: str, tag: str) -> bool:
    return bool(tag) and (written.strip() == _ANY or tag in tags_in(written))
