"""The API: each operation of the table by its route."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock.service.access.once import KeyedRequest, Once
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.service.operations.table import operations
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.body import body_of
from penstock_server.http.idempotency import fingerprint, key_of
from penstock_server.http.openapi import document
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError, problem_answer, problem_of
from penstock_server.http.routes import Routes

PREFIX = "/api/v1/"
"""Where the routes of the operations are."""

THREADS = 16
"""Operations at a time: more would only wait for the database."""

_LINES = "application/x-ndjson"
_PAUSE_S = 0.5  # until a stream that has nothing new is looked at again
_log = logging.getLogger(__name__)


class _Route(NamedTuple):
    operation: Operation
    parameters: Parameters


def _table(served: Iterable[Operation]) -> list[_Route]:
    return [_Route(each, Parameters(each)) for each in served]


def _text(table: Sequence[_Route]) -> bytes:
    return msgspec.json.encode(document(table))


def openapi() -> bytes:
    """The OpenAPI document of all operations, for who has no server to ask."""
    return _text(_table(operations()))


class Api:
    """The ASGI application of the API. It answers nobody whom the authenticator does not know, whatever the path is.

    Args:
        installation: The installation; each request sees it as its principal may.
        authenticator: Finds who asks.
        served: The operations; all that there are, unless given.
    """

    def __init__(
        self, installation: Installation, authenticator: Authenticator, served: Iterable[Operation] | None = None
    ) -> None:
        self._installation, self._authenticator = installation, authenticator
        self._table = _table(operations() if served is None else served)
        routes = [(each.operation.method, each.operation.path, each, each.parameters.left_out) for each in self._table]
        self._threads = ThreadPoolExecutor(THREADS, "operation")
        self._routes: Routes[_Route | None] = Routes([*routes, ("GET", "/openapi.json", None, ())])
        self._once = Once(installation)

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document of what is served."""
        return _text(self._table)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except RefusedError as error:
            answer = problem_answer(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever asks gets an answer, and the log the traceback
            if problem_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.exception("%s %s failed", request.method, scope["path"])
            answer = problem_answer(error)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        principal = await self._in_thread(lambda: self._authenticator.principal(request))
        path: str = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
        if not path.startswith(PREFIX):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the API of this server is below {PREFIX}, and {path!r} is not.")
        method = "GET" if request.method == "HEAD" else request.method
        route, named = self._routes.find(method, path[len(PREFIX) :])
        if route is None:
            return _tagged(request, self.openapi, "application/json")
        key = key_of(request.headers.get("idempotency-key", ""))
        body = await body_of(request)
        arguments = route.parameters.decode(named, request.scope["query_string"], body, principal)
        seen = self._installation.seen_by(principal)
        if key and not route.operation.reads:
            whole = fingerprint(method, path, request.scope["query_string"], body)
            asked = KeyedRequest(principal.name, key, route.operation, whole)

            def call(resumed: bool) -> bytes:  # noqa: FBT001 - it has no name where it is called
                seen.resumed = resumed
                return encode(route.operation.function(seen, **arguments))

            content = await self._in_thread(lambda: self._once.answer(asked, call))
            return Response(content, media_type="application/json")
        return await self._done(request, route.operation, lambda: route.operation.function(seen, **arguments))

    async def _done(self, request: Request, operation: Operation, call: Callable[[], Any]) -> Response:
        found = await self._in_thread(lambda: _begun(call()))
        if isinstance(found, _Stream):
            return StreamingResponse(self._lines(found), media_type=_LINES, headers={"X-Accel-Buffering": "no"})
        content = await self._in_thread(lambda: encode(found)) if isinstance(found, list) else encode(found)
        if operation.method == "GET":
            return _tagged(request, content, "application/json")
        return Response(content, media_type="application/json")

    async def _in_thread(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the call returns
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def _lines(self, stream: "_Stream") -> AsyncIterator[bytes]:
        try:
            found = stream.first
            while found is not _END:
                if found is None:
                    await asyncio.sleep(_PAUSE_S)
                else:
                    yield encode(found) + b"\n"
                found = await self._in_thread(lambda: next(stream.rest, _END))
        except Exception as error:  # noqa: BLE001 - the status is out: what failed is the last line
            if problem_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.exception("a stream failed")
            yield encode({"problem": problem_of(error)}) + b"\n"
        finally:
            if isinstance(stream.rest, Generator):
                stream.rest.close()


class _Stream(NamedTuple):
    first: Any
    rest: Iterator[Any]


def _begun(found: Any) -> Any:  # noqa: ANN401 - as the operation returns
    # A stream begins in its operation's thread: what fails there is a problem with a status, and no half answer.
    if not isinstance(found, Iterator):
        return found
    return _Stream(next(found, _END), found)


_END = object()


def encode(value: Any) -> bytes:  # noqa: ANN401 - what operations return
    """An answer as JSON."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"a value of the class {type(value).__name__} cannot be sent")


def _tagged(request: Request, content: bytes, media_type: str) -> Response:
    tag = f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    asked = request.headers.get("if-none-match", "")
    if asked == "*" or tag in (each.strip().removeprefix("W/") for each in asked.split(",")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
