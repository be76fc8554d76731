"""The API: each operation of the table by its route."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import cache, cached_property
from http import HTTPStatus
from pathlib import PurePath
from typing import Any, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.model.access.principal import Principal
from penstock.service.access.once import KeyedRequest, Once
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.service.operations.table import operations
from penstock_server.http.body import body_of, is_bare
from penstock_server.http.changes.idempotency import fingerprint, key_of, rights_of, scope_of
from penstock_server.http.changes.precondition import precondition, readers, tag_of, tags_in
from penstock_server.http.lasting.lasting import Lasting, kind_of
from penstock_server.http.lasting.open_answers import AnswerKind, OpenAnswers
from penstock_server.http.lasting.right import Right
from penstock_server.http.openapi import document
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError
from penstock_server.http.reach.machine_paths import MachinePaths
from penstock_server.http.reads.kept_reads import KeptReads, TaggedBody, allowed_age_s, asked_key
from penstock_server.http.reads.shared_reads import SharedReads
from penstock_server.http.request_answer import answer_by
from penstock_server.http.routes import Routes
from penstock_server.http.shares import Shares

PREFIX = "/api/v1/"
"""Where the routes of the operations are."""

THREADS = 16
"""Operations at a time: more would only wait for the database."""


T = TypeVar("T")


class _Route(NamedTuple):
    operation: Operation
    parameters: Parameters
    lasts: AnswerKind | None = None


def _table(served: Iterable[Operation]) -> list[_Route]:
    return [_Route(each, Parameters(each), kind_of(each)) for each in served]


@cache
def _whole_table() -> Sequence[_Route]:
    """That of all operations, which is the same for each installation."""
    return tuple(_table(operations()))


def _text(table: Sequence[_Route]) -> bytes:
    return msgspec.json.encode(document(table))


def openapi() -> bytes:
    """The OpenAPI document of all operations, for who has no server to ask."""
    return _text(_whole_table())


class Api:
    """The ASGI application of the API. It answers nobody whom the authenticator does not know, whatever the path is.

    Args:
        installation: The installation; each request sees it as its principal may.
        answers: Those that last; it knows who finds who asks.
        served: The operations; all that there are, unless given.
    """

    def __init__(
        self, installation: Installation, answers: OpenAnswers, served: Iterable[Operation] | None = None
    ) -> None:
        self._installation, self._known = installation, answers.known
        self._lasting = Lasting(answers, encode, MachinePaths(installation.settings))
        self._table = _whole_table() if served is None else _table(served)
        routes = [(each.operation.method, each.operation.path, each, each.parameters.left_out) for each in self._table]
        self._shares = Shares(THREADS, "operation")
        self._routes: Routes[_Route | None] = Routes([*routes, ("GET", "/openapi.json", None, ())])
        self._once = Once(installation)
        self._readers = readers(self._table)

    @cached_property
    def _kept(self) -> KeptReads:
        return KeptReads(self._installation)  # once it is asked: the database is opened by then

    @cached_property
    def _shared(self) -> SharedReads[TaggedBody]:
        own = self._installation.store.feed.stamp.own
        return SharedReads(lambda: self._installation.clock.read().monotonic_s, own)

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document of what is served."""
        return _text(self._table)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await answer_by(self._answer, scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        principal = await self._known.principal(request)
        path: str = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
        if not path.startswith(PREFIX):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the API of this server is below {PREFIX}, and {path!r} is not.")
        method = "GET" if request.method == "HEAD" else request.method
        route, named = self._routes.find(method, path[len(PREFIX) :])
        if route is None:
            return _tagged(request, tagged_body(self.openapi))
        query, key = request.scope["query_string"], key_of(request.headers.get("idempotency-key", ""))
        if route.operation.stored and is_bare(request):
            kept = self._kept.at_once(principal, path, query, _age_s(request))
            if kept is not None:
                return _tagged(request, kept)
        asked = _Asked(request, principal, method, path, query, await body_of(request))
        arguments = route.parameters.decode(named, asked.query, asked.body, principal)
        if route.lasts is not None:
            return await self._lasts(asked, route.lasts, route.operation, arguments)
        if route.operation.reads:
            return await self._done(asked, route.operation, arguments)
        return await self._changed(asked, key, route.operation, arguments)

    async def _changed(self, asked: "_Asked", key: str, operation: Operation, arguments: dict[str, Any]) -> Response:
        """Do a change: once if it has a key, and only if the thing is as it was read if the request says how that was."""
        seen = self._installation.seen_by(asked.principal)

        def ask(read: Operation, given: dict[str, Any]) -> bytes:
            return encode(read.function(seen, **given))

        def call(resumed: bool) -> bytes:  # noqa: FBT001 - it has no name where it is called
            seen.resumed = resumed
            return encode(operation.function(seen, **arguments))

        check = precondition(asked.request, asked.principal, self._readers.get(operation.name), arguments, ask)
        if key:
            rights = rights_of(asked.principal, operation)
            whole = fingerprint(asked.method, asked.path, asked.query, asked.body, rights)
            keyed = KeyedRequest(scope_of(asked.principal), key, operation, whole)

            def once() -> bytes:
                operation.require(seen, arguments)  # an answer that is kept is for who may ask for it now
                return self._once.answer(keyed, call, check)

            content = await self._in_thread(asked.principal, once)
        elif check is not None:
            content = await self._in_thread(
                asked.principal, lambda: self._once.unless_changed(lambda: call(False), check)
            )
        else:
            return await self._done(asked, operation, arguments)
        return Response(content, media_type="application/json")

    async def _done(self, asked: "_Asked", operation: Operation, arguments: dict[str, Any]) -> Response:
        seen = self._installation.seen_by(asked.principal)

        def read() -> TaggedBody:
            return tagged_body(encode(operation.function(seen, **arguments)))

        def in_thread(call: Callable[[], TaggedBody]) -> Awaitable[TaggedBody]:
            return self._in_thread(asked.principal, call)

        if operation.stored:
            given = asked.principal, asked.path, asked.query
            kept = await self._shared.answer(
                asked_key(*given), lambda: self._kept.answer(*given, read), in_thread, _age_s(asked.request)
            )
            return _tagged(asked.request, kept)
        found = await in_thread(read)
        if operation.method == "GET":
            return _tagged(asked.request, found)
        return Response(found.body, media_type="application/json")

    async def _lasts(
        self, asked: "_Asked", kind: AnswerKind, operation: Operation, arguments: dict[str, Any]
    ) -> Response:
        seen = self._installation.seen_by(asked.principal)
        right = Right(self._known.authenticator, asked.request, asked.principal, self._installation)
        if any(grant.tags for grant in asked.principal.grants):  # the thing may lose the tag by which it was seen
            right.needs_also(lambda: operation.require(seen, arguments))
        return await self._lasting.answer(asked.request, kind, right, lambda: operation.function(seen, **arguments))

    async def _in_thread(self, principal: Principal, call: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._shares.submit(principal.name, call))


class _Asked(NamedTuple):
    request: Request
    principal: Principal
    method: str
    path: str
    query: bytes
    body: bytes


def encode(value: Any) -> bytes:  # noqa: ANN401 - what operations return
    """An answer as JSON."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"a value of the class {type(value).__name__} cannot be sent")


def tagged_body(content: bytes) -> TaggedBody:
    """A body with its tag."""
    return TaggedBody(content, tag_of(content))


def _age_s(request: Request) -> float:
    return allowed_age_s(request.headers.get("cache-control", ""))


def _tagged(request: Request, found: TaggedBody) -> Response:
    headers = {"ETag": found.tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if found.age_s:
        headers["Age"] = str(found.age_s)
    asked = request.headers.get("if-none-match", "")
    if asked and (asked == "*" or found.tag in tags_in(asked)):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.body, headers=headers, media_type="application/json")
