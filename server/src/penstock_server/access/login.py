"""The routes by which a browser signs in and out."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from math import ceil
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.decoders import decode_json
from penstock.errors import PenstockError
from penstock.model.history.audit import AskedBy
from penstock.service.access.links import set_password_by_link
from penstock.service.access.principals import NewSession, Principals
from penstock.service.access.users import set_password
from penstock.service.installation import Installation
from penstock_server.access.passwords import SHORTEST, Passwords, hashed, is_outdated
from penstock_server.access.session_cookie import SessionCookie
from penstock_server.access.user_authenticator import UserAuthenticator, refuse_other_sites, source
from penstock_server.http.authenticator import unknown
from penstock_server.http.body import body_of
from penstock_server.http.problems import RefusedError, problem_answer

HASHES = 2
"""Passwords that are verified at a time: each takes 19 MiB and a core for some tens of milliseconds."""

MOST_WAITING = 64
"""Who waits to be verified; more are told to come again."""

_LEAVING = 2
"""Who logs out at a time, maybe at an identity provider as well; beyond `MOST_WAITING` that wait, one logs out here alone."""

_MOST_BYTES = 16_384
_MOST_NAME = 200


class _Credentials(msgspec.Struct, forbid_unknown_fields=True):
    user: str
    password: str


class _NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    old: str
    new: str


class _PasswordByLink(msgspec.Struct, forbid_unknown_fields=True):
    link: str
    password: str


class _FirstAdmin(msgspec.Struct, forbid_unknown_fields=True):
    link: str
    user: str
    password: str


T = TypeVar("T", bound=msgspec.Struct)


Leave = Callable[[Request, Callable[[str], Response]], Response]


class Login:
    """Signs users in and out, and takes their passwords: nothing else of the server sees one.

    Args:
        installation: Whose users.
        principals: Finds them.
        authenticator: Knows the cookie.
        passwords: Verifies.
        leave: Answers who has logged out, with the place that its second argument is called with, "" for none.
    """

    def __init__(
        self,
        installation: Installation,
        principals: Principals,
        authenticator: UserAuthenticator,
        passwords: Passwords,
        leave: Leave | None = None,
    ) -> None:
        self._leave = leave or (lambda _request, answer: answer(""))
        self._installation, self._principals, self._authenticator, self._passwords = (
            installation,
            principals,
            authenticator,
            passwords,
        )
        self._cookie = SessionCookie(installation, authenticator)
        self._threads = ThreadPoolExecutor(HASHES, "login")
        self._leave_threads = ThreadPoolExecutor(_LEAVING, "logout")
        self._waiting = self._leaving = 0

    def routes(self) -> list[Route]:
        """The routes: POST /auth/login, /auth/logout, /auth/password, /auth/reset and /auth/first."""
        return [
            Route("/auth/login", _answering(self._login), methods=["POST"]),
            Route("/auth/logout", _answering(self._logout), methods=["POST"]),
            Route("/auth/password", _answering(self._change), methods=["POST"]),
            Route("/auth/reset", _answering(self._reset), methods=["POST"]),
            Route("/auth/first", _answering(self._first), methods=["POST"]),
        ]

    async def _login(self, request: Request) -> Response:
        given = await _read(request, _Credentials)
        return await self._in(request, lambda: self._signed_in(given, request))

    async def _change(self, request: Request) -> Response:
        given = await _read(request, _NewPassword)
        return await self._in(request, lambda: self._changed(given, request))

    async def _reset(self, request: Request) -> Response:
        given = await _read(request, _PasswordByLink)
        return await self._in(request, lambda: self._reset_password(given, request))

    async def _first(self, request: Request) -> Response:
        given = await _read(request, _FirstAdmin)
        return await self._in(request, lambda: self._first_admin(given, request))

    async def _in(self, request: Request, sign_in: Callable[[], NewSession]) -> Response:
        """Answer with the cookie of a session that is begun in a thread, of which few hash at a time."""
        if self._waiting >= MOST_WAITING:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many sign in at this moment. Try again.", {"Retry-After": "5"}
            )
        self._waiting += 1
        try:
            made = await asyncio.get_running_loop().run_in_executor(self._threads, sign_in)
        finally:
            self._waiting -= 1
        answer = Response(status_code=HTTPStatus.NO_CONTENT)
        self._cookie.keep(request, answer, made)
        return answer

    def _signed_in(self, given: _Credentials, request: Request) -> NewSession:
        name, address = given.user[:_MOST_NAME], source(request)
        stored = self._verified(name, given.password, address)
        if is_outdated(stored) and len(given.password) >= SHORTEST:
            by = AskedBy(name, "hashed anew, with the parameters of today", address)
            set_password(self._installation, name, hashed(given.password), by=by)
        self._cookie.end(request)  # a session that somebody else may know does not become this user's
        return self._principals.sign_in(name, address)

    def _changed(self, given: _NewPassword, request: Request) -> NewSession:
        """Set one's own password: a session alone, which somebody else may sit at, is not enough."""
        found = self._authenticator.session(request)
        if found is None:
            raise unknown()
        name, address = found[0].name, source(request)
        self._verified(name, given.old, address)
        set_password(self._installation, name, hashed(given.new), by=AskedBy(name, "", address))
        return self._principals.sign_in(name, address)

    def _reset_password(self, given: _PasswordByLink, request: Request) -> NewSession:
        address = source(request)
        name = set_password_by_link(self._installation, given.link, hashed(given.password), address)
        self._cookie.end(request)
        return self._principals.sign_in(name, address)

    def _first_admin(self, given: _FirstAdmin, request: Request) -> NewSession:
        address = source(request)
        self._principals.use_first_link(given.link, given.user, hashed(given.password), address)
        return self._principals.sign_in(given.user, address)

    def _verified(self, name: str, password: str, address: str) -> str:
        """The hash of a user whose password was given; raises RefusedError, in the same words whatever is wrong."""
        pause_s = self._principals.attempt(name, address)
        if pause_s > 0:
            wait = str(ceil(pause_s))
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many tries to sign in have failed. Try again in {wait} s.",
                {"Retry-After": wait},
            )
        stored = self._installation.store.access.users.password_hash(name)
        if not self._passwords.verify(stored, password):
            self._principals.failed(name, address)
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "no user has this name and this password.")
        self._principals.passed(name, address)
        return stored

    async def _logout(self, request: Request) -> Response:
        refuse_other_sites(request, known_by_cookie=True)

        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._cookie.end, request)  # whatever comes of logging out elsewhere
        answer = _sent_to("")
        if self._leaving < MOST_WAITING:
            self._leaving += 1
            try:  # not where passwords are hashed: it may wait for an identity provider
                answer = await loop.run_in_executor(self._leave_threads, self._leave, request, _sent_to)
            finally:
                self._leaving -= 1
        self._cookie.write(request, answer, "", 0)
        return answer


def _sent_to(place: str) -> Response:
    return JSONResponse({"next": place}) if place else Response(status_code=HTTPStatus.NO_CONTENT)


async def _read(request: Request, kind: type[T]) -> T:
    """Read what a page of this server sends; raises RefusedError."""
    refuse_other_sites(request, known_by_cookie=kind is _NewPassword)
    body = await body_of(request, most_bytes=_MOST_BYTES)
    try:
        return decode_json(body, kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        fields = ", ".join(f'"{name}": "..."' for name in kind.__struct_fields__)
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"this takes JSON: {{{fields}}}, and nothing else.") from None


def _answering(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except (RefusedError, PenstockError) as error:
            return problem_answer(error)

    return answered
