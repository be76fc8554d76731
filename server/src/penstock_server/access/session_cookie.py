"""The cookie by which a browser is known, and others that go with it."""

from starlette.requests import Request
from starlette.responses import Response

from penstock.service.access.principals import NewSession
from penstock.service.access.tokens import end_session
from penstock.service.installation import Installation
from penstock_server.access.user_authenticator import UserAuthenticator


class SessionCookie:
    """Writes and reads the cookie of a session: no script reads it, and under TLS nobody but this host can have set it.

    Args:
        installation: Whose sessions.
        authenticator: Knows its name.
    """

    def __init__(self, installation: Installation, authenticator: UserAuthenticator) -> None:
        self._installation, self._authenticator = installation, authenticator

    def keep(self, request: Request, answer: Response, made: NewSession) -> None:
        """Have the browser keep a session."""
        lasts = made.session.expires_at - made.session.created_at
        self.write(request, answer, made.secret, int(lasts.total_seconds()))

    def end(self, request: Request) -> None:
        """End the session that a request belongs to, if there is one; raises StoreError."""
        found = self._authenticator.session(request)
        if found is not None:
            end_session(self._installation.seen_by(found[0]), found[1].session_id)

    def read(self, request: Request, suffix: str) -> str:
        """What the browser keeps under a name that ends so; "" if nothing."""
        return request.cookies.get(self._authenticator.cookie(request) + suffix, "")

    def write(self, request: Request, answer: Response, value: str, seconds: int, suffix: str = "") -> None:
        """Have the browser keep a value for some seconds; for 0, forget it."""
        answer.set_cookie(
            self._authenticator.cookie(request) + suffix,
            value,
            max_age=seconds,
            path="/",
            secure=request.scope["scheme"] == "https",
            httponly=True,
            samesite="lax",
        )
