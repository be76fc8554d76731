"""Finds who a request comes from: by a token, or by the session of a browser, from pages of this server alone."""

import hashlib
from http import HTTPStatus

from starlette.requests import Request

from penstock.model.access.principal import Principal
from penstock.model.access.user import Session
from penstock.service.access.principals import Principals
from penstock_server.http.authenticator import OwnerToken, unknown
from penstock_server.http.problems import RefusedError

_READS = frozenset({"GET", "HEAD"})


class UserAuthenticator:
    """Knows users by their tokens and sessions, and the owner by the token of the state folder.

    Implements `penstock_server.http.authenticator.Authenticator`.

    Args:
        principals: Finds users.
        owner: Knows the owner.
        database: Its name. Browsers send cookies to each port of a host, so those of an installation have a name of their own, which
            servers of several machines share with the database.
    """

    def __init__(self, principals: Principals, owner: OwnerToken, database: str) -> None:
        self._principals, self._owner = principals, owner
        self._name = f"penstock-{hashlib.blake2b(database.encode(), digest_size=6).hexdigest()}"

    def principal(self, request: Request) -> Principal:
        """Who asks. A token that is sent decides alone; a session counts for what pages of this server ask.

        Raises:
            RefusedError: Nobody who is known, or a page of another site asks for a change.
            StoreError: The database failed.
        """
        if "authorization" in request.headers:
            scheme, _, token = request.headers["authorization"].partition(" ")
            known = self._principals.of_token(token.strip(), source(request)) if scheme.lower() == "bearer" else None
            return known or self._owner.principal(request)
        found = self.session(request)
        if found is None:
            raise unknown()
        if request.method not in _READS:
            refuse_other_sites(request, known_by_cookie=True)
        return found[0]

    def remembered(self, request: Request) -> Principal | None:
        """Who asks, if it is the owner, or a user of whose token or session it was found within the last second that it counts."""
        if "authorization" in request.headers:
            scheme, _, token = request.headers["authorization"].partition(" ")
            if scheme.lower() != "bearer":
                return None
            return self._principals.remembered_token(token.strip(), source(request)) or self._owner.remembered(request)
        secret = request.cookies.get(self.cookie(request), "") if request.method in _READS else ""
        return self._principals.remembered_session(secret, source(request)) if secret else None

    def session(self, request: Request) -> tuple[Principal, Session] | None:
        """The user and the session of a request's cookie; None if it has none that counts. Raises StoreError."""
        secret = request.cookies.get(self.cookie(request), "")
        return self._principals.of_session(secret, source(request)) if secret else None

    def cookie(self, request: Request) -> str:
        """The name of the cookie: with ``__Host-``, which needs TLS, nobody but this host can have set it."""
        return f"__Host-{self._name}" if request.scope["scheme"] == "https" else self._name


def source(request: Request) -> str:
    """The address that a request came from."""
    return request.client.host if request.client else ""


def refuse_other_sites(request: Request, *, known_by_cookie: bool) -> None:
    """Refuse what a page of another site asks a browser to send.

    By ``Sec-Fetch-Site``, or by ``Origin`` where a browser does not send that, as the OWASP cheat sheet on CSRF describes.

    Args:
        request: The request.
        known_by_cookie: Whether a cookie says who asks: then one of the two has to be there.

    Raises:
        RefusedError: It does not come from a page of this server.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site in {"same-origin", "none"}
    elif origin is not None:
        own = origin == f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    else:
        own = not known_by_cookie
    if not own:
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "a page of another site asks for this with your cookie, or nothing says that none does. "
            "Ask from a page of this server, or with a token: `Authorization: Bearer TOKEN`.",
        )
