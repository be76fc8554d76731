"""The routes by which a browser signs in by an identity provider, and logs out there."""

import asyncio
import hashlib
import html
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from penstock.errors import PenstockError
from penstock.service.access.external_users import end_sessions_of, external_user, keep_teams
from penstock.service.access.principals import NewSession, Principals
from penstock.service.installation import Installation
from penstock_server.access.session_cookie import SessionCookie
from penstock_server.access.user_authenticator import source
from penstock_server.http.body import body_of
from penstock_server.http.problems import RefusedError, problem_of
from penstock_server.oidc.identity_provider import IdentityProvider
from penstock_server.oidc.oidc_settings import OidcSettings

_PATH = "/auth/oidc"
_SUFFIX, _BY = "-oidc", "-by"  # of the names of the cookies: with what a browser was sent away, and by whom it came in
_LASTS_S = 600
_THREADS = 4
_MOST_WAITING = 64
_MOST_TEXT = 4_096
_FORM = "application/x-www-form-urlencoded"
_MOST_LOGOUT, _MOST_FIELDS = 65_536, 20
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_ERROR = re.compile(r"[a-z_]{1,60}")
_log = logging.getLogger(__name__)


class _Away(NamedTuple):
    """What a browser was sent away with: all of it is made of one secret, which that browser alone has."""

    provider: str
    secret: str
    next: str

    def value(self, use: str) -> str:
        digest = hashlib.sha256(f"{use}:{self.provider}:{self.secret}".encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


class OidcLogin:
    """Signs users in by an identity provider.

    Args:
        name: Its id in the settings: part of each path and cookie, so that no provider is taken for another.
        installation: Whose users.
        principals: Makes sessions.
        cookie: Has browsers keep them.
        settings: The settings.
        url: Where browsers reach the server.
    """

    def __init__(
        self,
        name: str,
        installation: Installation,
        principals: Principals,
        cookie: SessionCookie,
        settings: OidcSettings,
        url: str,
    ) -> None:
        self._name, self._path = name, f"{_PATH}/{name}"
        self._installation, self._principals, self._cookie = installation, principals, cookie
        self._settings, self._url = settings, url
        self._provider = IdentityProvider(installation, settings, f"{url}{self._path}/callback")
        self._suffix = f"{_SUFFIX}-{name}"
        self._threads = ThreadPoolExecutor(_THREADS, "oidc")
        self._waiting = 0

    def routes(self) -> list[Route]:
        """The routes below /auth/oidc/ID: GET start and callback for browsers, POST logout for the provider."""
        return [
            Route(f"{self._path}/start", self._answering(self._start), methods=["GET"]),
            Route(f"{self._path}/callback", self._answering(self._callback), methods=["GET"]),
            Route(f"{self._path}/logout", self._logged_out, methods=["POST"]),
        ]

    def logout_url(self) -> str:
        """Where somebody who has logged out here logs out there; "" if there is no such place, or it is not known now."""
        try:
            return self._provider.logout_url(f"{self._url}/login") if self._settings.log_out_there else ""
        except RefusedError as error:
            _log.warning("who logs out here does not log out at %s: %s", self._settings.issuer, error)
            return ""

    async def _start(self, request: Request) -> Response:
        away = _Away(self._name, secrets.token_urlsafe(32), own_path(request.query_params.get("next", "")))
        url = await self._in_thread(
            lambda: self._provider.authorization_url(away.value("state"), away.value("nonce"), away.value("verifier"))
        )
        answer = RedirectResponse(url, HTTPStatus.SEE_OTHER)
        self._cookie.write(request, answer, f"{away.secret}.{quote(away.next, safe='')}", _LASTS_S, self._suffix)
        return answer

    async def _callback(self, request: Request) -> Response:
        away, code = self._come_back(request)
        made = await self._in_thread(lambda: self._signed_in(request, away, code))
        answer = RedirectResponse(self._url + away.next, HTTPStatus.SEE_OTHER)
        self._cookie.keep(request, answer, made)
        self._cookie.write(request, answer, "", 0, self._suffix)
        self._cookie.write(request, answer, self._name, int(self._settings.session_hours * 3600), _BY)
        return answer

    async def _logged_out(self, request: Request) -> Response:
        """Ends the sessions of whom the provider says to have logged out there; it asks by itself, without a browser."""
        try:
            token = _logout_token(await body_of(request, most_bytes=_MOST_LOGOUT, kind=_FORM))
            await self._in_thread(lambda: self._end_sessions(token, source(request)))
        except (RefusedError, PenstockError) as error:
            _log.warning("a logout by %s failed: %s", self._settings.issuer, error)
            problem = problem_of(error)
            status = HTTPStatus.BAD_REQUEST if problem.status == HTTPStatus.BAD_GATEWAY else problem.status
            return JSONResponse({"error": "invalid_request", "error_description": problem.detail}, status)
        return Response(status_code=HTTPStatus.OK)

    def _end_sessions(self, token: str, address: str) -> None:
        subject = self._provider.logged_out(token)
        end_sessions_of(self._installation, f"{self._settings.issuer} {subject}", address)

    def _come_back(self, request: Request) -> tuple[_Away, str]:
        """What the browser was sent away with, and the code that it has come back with; raises RefusedError."""
        secret, _, path = self._cookie.read(request, self._suffix).partition(".")
        given = {name: request.query_params.getlist(name) for name in ("state", "code", "error", "iss")}
        away = _Away(self._name, secret, own_path(unquote(path)))
        known = bool(secret) and len(given["state"]) == 1
        if not known or not secrets.compare_digest(given["state"][0].encode(), away.value("state").encode()):
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                "this is no end of a sign-in that was begun in this browser within 10 minutes. Begin again.",
            )
        if given["error"]:
            name = given["error"][0] if _ERROR.fullmatch(given["error"][0]) else "an error"
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{self._settings.name} did not sign you in: {name}.")
        if given["iss"] and given["iss"] != [
            self._settings.issuer
        ]:  # RFC 9207: another provider's code would be sent to this one
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "another identity provider than was asked has answered. Begin again."
            )
        if len(given["code"]) != 1 or not 0 < len(given["code"][0]) <= _MOST_TEXT:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the identity provider has sent no code. Begin again.")
        return away, given["code"][0]

    def _signed_in(self, request: Request, away: _Away, code: str) -> NewSession:
        if self._provider.metadata().authorization_response_iss_parameter_supported and not request.query_params.get(
            "iss"
        ):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the identity provider does not say who it is. Begin again.")
        claims, settings = self._provider.claims(code, away.value("verifier"), away.value("nonce")), self._settings
        address, name = source(request), claims.get(settings.user_claim)
        user = external_user(
            self._installation,
            f"{settings.issuer} {claims['sub']}",
            name if isinstance(name, str) else "",
            create=settings.create_users,
            source=address,
        )
        keep_teams(
            self._installation, user.name, memberships(settings.teams, claims.get(settings.groups_claim)), address
        )
        self._cookie.end(request)
        seconds = settings.session_hours * 3600
        return self._principals.sign_in(user.name, address, idle_s=seconds, longest_s=seconds)

    async def _in_thread(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the call returns
        if self._waiting >= _MOST_WAITING:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many sign in at this moment. Try again.", {"Retry-After": "5"}
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting -= 1

    def _answering(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            try:
                return await answer(request)
            except (RefusedError, PenstockError) as error:
                _log.warning("a sign-in by %s failed: %s", self._settings.issuer, error)
                return _page(error)

        return answered


class OidcLogins:
    """Signs users in by the identity providers of the settings.

    Args:
        installation: Whose users.
        principals: Makes sessions.
        cookie: Has browsers keep them.
        providers: The settings of each, by its id.
        url: Where browsers reach the server.
    """

    def __init__(
        self,
        installation: Installation,
        principals: Principals,
        cookie: SessionCookie,
        providers: Mapping[str, OidcSettings],
        url: str,
    ) -> None:
        self._cookie = cookie
        self._logins = {
            name: OidcLogin(name, installation, principals, cookie, settings, url)
            for name, settings in providers.items()
        }

    def routes(self) -> list[Route]:
        """The routes of all of them."""
        return [route for each in self._logins.values() for route in each.routes()]

    def leave(self, request: Request, answer: Callable[[str], Response]) -> Response:
        """Answer somebody who has logged out here: with where to log out, too, if this browser came in by a provider.

        Args:
            request: The request, whose session has ended.
            answer: Makes the answer of a place to go to, "" for none.
        """
        login = self._logins.get(self._cookie.read(request, _BY))
        found = answer("" if login is None else login.logout_url())
        if login is not None:
            self._cookie.write(request, found, "", 0, _BY)
        return found


def own_path(path: str) -> str:
    """A path of this server to go to after signing in; that of its first page in place of what leads elsewhere."""
    return path if len(path) <= _MOST_TEXT and _OWN_PATH.fullmatch(path) else "/"


def memberships(teams: Mapping[str, str], groups: object) -> dict[str, bool]:
    """Of which teams somebody is a member, by the groups of a claim: a list of texts, or one text.

    >>> memberships({"eng": "data", "ops": "data", "fin": "finance"}, ["ops"])
    {'data': True, 'finance': False}
    """
    written = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    named = {each for each in written if isinstance(each, str)}
    found = dict.fromkeys(teams.values(), False)
    return found | {team: True for group, team in teams.items() if group in named}


def _logout_token(body: bytes) -> str:
    """The one token of a form; raises RefusedError."""
    try:
        given = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=_MOST_FIELDS)
        (token,) = given["logout_token"]
    except (ValueError, KeyError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "this takes a form with one logout_token.") from None
    return token


def _page(error: Exception) -> Response:
    """A page for a person whose browser came here by itself: a problem as JSON would be no answer."""
    problem = problem_of(error)
    sentence = html.escape(problem.detail[:1].upper() + problem.detail[1:])
    content = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>Not signed in</title><h1>Not signed in</h1><p role="alert">{sentence}</p><p><a href="/login">Log in</a></p></html>'
    )
    headers = error.headers if isinstance(error, RefusedError) else {}
    return Response(content, problem.status, headers, "text/html; charset=utf-8")
