"""The routes of the execution API.

Each request shows what lets it in before a byte of its body is read: a ticket or the token of a try, whose seal is checked without the
database, or the token of a user who may run workers. What its body asks is judged by what stands there, each try for itself.
"""

import asyncio
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock.decoders import msgpack_decoder
from penstock.errors import StoreError
from penstock.model.access.permission import Permission
from penstock.model.remote.execution_messages import (
    CONTENT_TYPE,
    LARGEST,
    PREFIX,
    ClaimTickets,
    Renewal,
    RenewalAnswer,
    Reports,
    TryQuestion,
)
from penstock.service.execution.execution import Execution
from penstock.service.execution.worker_wakeup import WorkerWakeup
from penstock.service.installation import Installation
from penstock_server.execution.orders import Orders
from penstock_server.http.authenticator import Authenticator, unknown
from penstock_server.http.body import body_of
from penstock_server.http.problems import RefusedError
from penstock_server.http.request_answer import answer_by
from penstock_server.http.shares import Shares

THREADS = 12
"""Claims, renewals and reports that are at work at a time: more would only wait for the database."""
ASKING_THREADS = 8
"""Questions of tries: a secrets backend that hangs must not have workers lose their leases."""

FETCHING_THREADS = 4
"""Source snapshots and environments, whose packing takes long."""
_WITH_A_NAME = frozenset({"snapshots", "environments"})
_encode = msgspec.msgpack.Encoder().encode
_claim = msgpack_decoder(ClaimTickets).decode
_renewal = msgpack_decoder(Renewal).decode
_question = msgpack_decoder(TryQuestion).decode
_reports = msgpack_decoder(Reports).decode

T = TypeVar("T")


class ExecutionApi:
    """The ASGI application below `penstock.model.remote.execution_messages.PREFIX`.

    Args:
        installation: Whose tries.
        authenticator: Knows users by their tokens.
    """

    def __init__(self, installation: Installation, authenticator: Authenticator) -> None:
        self._installation, self._authenticator = installation, authenticator
        self._shares, self._asking = Shares(THREADS, "execution"), Shares(ASKING_THREADS, "execution asks")
        self._fetching = Shares(FETCHING_THREADS, "execution fetches")
        self._routes: dict[str, Callable[[Request, str], Any]] = {
            "claims": self._claims, "renewals": self._renewals, "asks": self._asks, "reports": self._reports,
            "snapshots": self._snapshots, "environments": self._environments,
        }  # fmt: skip

    @cached_property
    def _execution(self) -> Execution:
        return Execution(self._installation)  # once it is asked: the database is opened by then

    @cached_property
    def _orders(self) -> Orders:
        return Orders(self._execution, lambda: WorkerWakeup(self._installation))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await answer_by(self._answer, scope, receive, send)

    async def end(self) -> None:
        """Answer all that waits for something to be told; more than once does no harm."""
        if "_orders" in self.__dict__:
            await self._orders.end()

    async def _answer(self, request: Request) -> Response:
        route, _, rest = request.scope["path"].removeprefix(f"{PREFIX}/").partition("/")
        handler = self._routes.get(route)
        if handler is None or (rest and route not in _WITH_A_NAME):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the execution API has no {request.scope['path'][:200]!r}.")
        if request.method != "POST":
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "ask it by POST.", {"Allow": "POST"})
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise unknown()
        found = await handler(request, shown.strip())
        return Response(found if isinstance(found, bytes) else _encode(found), media_type=CONTENT_TYPE)

    async def _claims(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - each route has its own answer
        asked = await self._read(request, shown, _claim)
        return await self._in_thread(asked.worker, lambda: self._execution.claim(asked))

    async def _renewals(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - as above
        announced = not await self._is_sealed(shown)
        asked = await self._read(request, shown, _renewal)

        def renew() -> RenewalAnswer:
            doubtful = self._execution.renew(asked, announced=announced)
            return replace(self._execution.answers([asked])[0], doubtful=doubtful)

        found = await self._in_thread(asked.status.worker, renew)
        return await self._orders.answer(asked) if found.empty and asked.wait_s > 0 else found

    async def _asks(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - as above
        asked = await self._read(request, shown, _question)
        return await self._in_thread(asked.token, lambda: self._execution.ask(asked), self._asking)

    async def _reports(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - as above
        asked = await self._read(request, shown, _reports)
        return await self._in_thread(shown, lambda: self._execution.report(asked))

    async def _snapshots(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - as above
        wanted = request.scope["path"].rpartition("/")[2]
        return await self._in_thread(wanted, lambda: self._execution.files.snapshot(shown, wanted), self._fetching)

    async def _environments(self, request: Request, shown: str) -> Any:  # noqa: ANN401 - as above
        wanted, *part = request.scope["path"].removeprefix(f"{PREFIX}/environments").strip("/").split("/", 2)
        if not wanted:
            return await self._in_thread(shown, lambda: self._execution.files.environment(shown), self._fetching)
        files = self._execution.files
        fetch = files.piece if len(part) > 1 else files.distribution
        return await self._in_thread(wanted, lambda: fetch(shown, wanted, *part), self._fetching)

    async def _read(self, request: Request, shown: str, decode: Callable[[bytes], T]) -> T:
        """The body of a request of somebody who is let in."""
        if not await self._is_sealed(shown):
            await self._in_thread("users", lambda: self._require(request))
        body = await body_of(request, most_bytes=LARGEST, kind=CONTENT_TYPE)
        try:
            return decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"the message cannot be read: {error}") from None

    async def _is_sealed(self, shown: str) -> bool:
        """Whether what is shown is a ticket or the token of a try, made by this installation."""
        if "_execution" in self.__dict__:
            return self._execution.lets_in(shown)
        return await asyncio.to_thread(lambda: self._execution.lets_in(shown))

    def _require(self, request: Request) -> None:
        principal = self._authenticator.principal(request)
        self._installation.seen_by(principal).require(Permission.WORKERS_RUN, what="run workers")

    async def _in_thread(self, asker: str, call: Callable[[], T], shares: Shares | None = None) -> T:
        try:
            return await asyncio.wrap_future((shares or self._shares).submit(asker, call))
        except StoreError as error:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "1"}) from None
