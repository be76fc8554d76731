"""Problem details (RFC 9457): what went wrong, in the sentence that the command line prints, with the status of its class."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.errors import (
    AuthoringError,
    ChangedError,
    DataRefusedError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    PageError,
    PendingError,
    PenstockError,
    ProviderError,
    RequestError,
    StoreError,
    SupersededError,
)
from penstock.model.values.address_secrets import without_url_secrets

MEDIA_TYPE = "application/problem+json"

_STATUSES: tuple[tuple[type[PenstockError], HTTPStatus], ...] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),  # each before the class that it is one of
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (PageError, HTTPStatus.BAD_REQUEST),
    (SupersededError, HTTPStatus.CONFLICT),
    (PendingError, HTTPStatus.CONFLICT),
    (ChangedError, HTTPStatus.PRECONDITION_FAILED),
    (RequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (AuthoringError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (DataRefusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ProviderError, HTTPStatus.BAD_GATEWAY),
    (InternalError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (PenstockError, HTTPStatus.SERVICE_UNAVAILABLE),  # settings, a provider: of this installation
)

_BUG = "the server failed at this, which is a bug in Penstock. Its log has the traceback: please report it."


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an answer that is an error.

    Attributes:
        title: What the status says, in a word or two.
        status: The HTTP status.
        detail: What failed, on which thing, what was found, and what to do.
        error: The class of the error in `penstock.errors`; "" if it is none of these.
        kind: Of what was not found.
        name: Of what was not found.
        near: Names that resemble it.
        type: What RFC 9457 asks for; the title says it all.
    """

    title: str
    status: int
    detail: str
    error: str = ""
    kind: str = ""
    name: str = ""
    near: tuple[str, ...] = ()
    type: str = msgspec.field(default="about:blank")


class RefusedError(Exception):
    """A request that no operation is asked for: it is refused at the door.

    Attributes:
        problem: What is said.
        headers: Of the answer.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.problem = Problem(status.phrase, int(status), detail)
        self.headers = dict(headers or {})
        super().__init__(detail)


def problem_of(error: Exception) -> Problem:
    """What an error is for whoever asked; nothing is told of one that is not Penstock's own."""
    if isinstance(error, RefusedError):
        return error.problem
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if not isinstance(error, PenstockError):
        return Problem(status.phrase, int(status), _BUG, InternalError.__name__)
    named: dict[str, Any] = {}
    if isinstance(error, NotFoundError):
        named = {"kind": error.kind, "name": error.name, "near": error.near}
    return Problem(status.phrase, int(status), without_url_secrets(str(error)), _known_class(type(error)), **named)


def problem_answer(error: Exception) -> Response:
    """The answer to a request that failed."""
    problem = problem_of(error)
    headers = dict(error.headers) if isinstance(error, RefusedError) else {}
    if isinstance(error, PendingError):
        headers["Retry-After"] = "1"
    return Response(msgspec.json.encode(problem), problem.status, headers, MEDIA_TYPE)


def _known_class(found: type[PenstockError]) -> str:
    return next(each.__name__ for each in found.__mro__ if each.__module__ == PenstockError.__module__)
