"""Reads what a server answers: the value that the operation returns, or the error that it raises."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from penstock.decoders import decode_json, json_decoder
from penstock.errors import (
    AuthoringError,
    CommitUnknownError,
    ConfigError,
    DataRefusedError,
    ErrorKind,
    MissingProviderError,
    NotFoundError,
    PenstockError,
    ProviderError,
    RequestError,
    ServerError,
    as_sentence,
)
from penstock.service.operations.operation import Operation

_UNKNOWN = 401
_FAILED = 500


class ProblemDetails(msgspec.Struct, frozen=True):
    """What a server says of an error (RFC 9457).

    Attributes:
        detail: What failed, on which thing, what was found, and what to do.
        error: The class of the error; "" if the request was refused before an operation was asked.
        kind: Of what was not found.
        name: Of what was not found.
        near: Names that resemble it.
    """

    detail: str
    error: str = ""
    kind: str = ""
    name: str = ""
    near: tuple[str, ...] = ()


class _Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line of a stream that failed."""

    problem: ProblemDetails


_UNSAID: dict[str, Any] = {
    "provider": "", "needed_for": "", "transaction": "", "table": "", "key": {}, "detail": "", "service": "", "operation": "",
    "kind": ErrorKind.TRANSIENT, "code": "", "http_status": None, "request_id": "", "hint": "", "retryable": False,
    "retry_after_s": None,
}  # fmt: skip
"""What errors hold beside their sentence, which says it already, where a server tells no more of it."""


class AnswerType:
    """What an operation returns, as its annotation says.

    Attributes:
        streams: Whether it comes a line at a time.
    """

    def __init__(self, operation: Operation) -> None:
        answer = get_type_hints(inspect.unwrap(operation.function), include_extras=True)["return"]
        origin = get_origin(answer)
        self.streams = isinstance(origin, type) and issubclass(origin, Iterator)
        self._decoder = json_decoder(get_args(answer)[0] if self.streams else answer, dec_hook=_made)

    def read(self, content: bytes) -> Any:  # noqa: ANN401 - as the operation returns
        """Read an answer, or a line of one.

        Raises:
            PenstockError: It is the last line of a stream that failed.
            ServerError: It is no such value.
        """
        if self.streams and content.startswith(b'{"problem":'):
            try:
                last = decode_json(content, _Last)
            except msgspec.DecodeError:
                pass
            else:
                raise problem_error(_FAILED, last.problem)
        try:
            return self._decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ServerError(
                f"the server answers what this version of Penstock cannot read: {as_sentence(error)} Use the server's version here."
            ) from None


def error_of(status: int, content: bytes, content_type: str) -> PenstockError | None:
    """The error that an answer tells of; None if it is none of Penstock's own, such as that of a proxy."""
    if content_type.partition(";")[0].strip().lower() != "application/problem+json":
        return None
    try:
        return problem_error(status, decode_json(content, ProblemDetails))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def problem_error(status: int, problem: ProblemDetails) -> PenstockError:
    """The error as the operation raised it: its class, its sentence, and the names that it offers."""
    if status == _UNKNOWN:
        return ConfigError(
            f"the server does not know who asks: {problem.detail} PENSTOCK_TOKEN is not set, or is not valid."
        )
    kind = vars(sys.modules[PenstockError.__module__]).get(problem.error)
    if not (isinstance(kind, type) and issubclass(kind, PenstockError)):
        kind = RequestError if status < _FAILED else ServerError
    made: PenstockError = kind.__new__(kind, problem.detail)  # its own words are made already
    made.args = (problem.detail,)
    own = {**_UNSAID, "kind": problem.kind} if issubclass(kind, NotFoundError) else dict(_UNSAID)
    own |= {"name": problem.name, "near": problem.near, "problems": tuple(problem.detail.split("\n"))}
    for name in _held_by(kind):
        setattr(made, name, own[name])
    return made


def _held_by(kind: type[PenstockError]) -> tuple[str, ...]:
    for known, held in _HELD:
        if issubclass(kind, known):
            return held
    return ()


_HELD: tuple[tuple[type[PenstockError], tuple[str, ...]], ...] = (
    (NotFoundError, ("kind", "name", "near")),
    (AuthoringError, ("problems",)),
    (MissingProviderError, ("provider", "needed_for")),
    (CommitUnknownError, ("transaction",)),
    (DataRefusedError, ("table", "key")),
    (
        ProviderError,
        (
            "detail", "service", "operation", "kind", "code", "http_status", "request_id", "hint", "retryable",
            "retry_after_s",
        ),
    ),
)  # fmt: skip


def _made(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    if issubclass(kind, PurePath):
        return kind(value)
    raise NotImplementedError(kind.__name__)
