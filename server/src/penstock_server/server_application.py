"""The application as it is served: an installation, and who is let in."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from penstock.errors import StoreError
from penstock.service.access.principals import FIRST_LINK_MINUTES, Principals
from penstock.service.installation import Installation
from penstock.service.stream.changes import ChangeFollower
from penstock_server.access.login import Login
from penstock_server.access.passwords import Passwords
from penstock_server.access.session_cookie import SessionCookie
from penstock_server.access.user_authenticator import UserAuthenticator
from penstock_server.execution.execution_api import ExecutionApi
from penstock_server.http.application import application
from penstock_server.http.authenticator import OwnerToken
from penstock_server.http.lasting.open_answers import OpenAnswers
from penstock_server.http.reach.address import Address
from penstock_server.oidc.oidc_settings import OidcSettings
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.events import events


def first_link(installation: Installation, url: str) -> str:
    """The address of the page that makes the first admin, once and within an hour; "" if there is an admin. Raises StoreError.

    The secret stands behind ``#``, which browsers send to nobody: it is in no log.

    Args:
        installation: What is served.
        url: Where it is served.
    """
    secret = Principals(installation).first_link()
    return f"{url}/welcome#{secret}" if secret else ""


class HttpAddress:
    """What a terminal is told of a server: where it listens, and how the first admin is made, until there is one.

    Args:
        installation: What is served.
        url: Where it listens.

    Raises:
        StoreError: The database failed.
    """

    def __init__(self, installation: Installation, url: str) -> None:
        self._installation, self._url = installation, url
        self._link = first_link(installation, url)
        self._until = installation.now() + timedelta(minutes=FIRST_LINK_MINUTES)

    def text(self) -> str:
        """The sentence. While the database cannot be asked, the link stays in it for its hour: the server goes on to report."""
        if self._link:
            with suppress(StoreError):
                self._link = "" if self._installation.store.access.users.has_admin() else self._link
        if not self._link:
            return f"listening on {self._url}"
        if self._installation.now() >= self._until:
            # An old secret is of no use to anybody, and stays on no screen.
            return f"listening on {self._url}; there is no admin yet, and a link that makes one is printed by: penstock server link"
        return f"listening on {self._url}; the first admin is made, once and within an hour, at {self._link}"


def server_application(
    installation: Installation, address: Address, url: str = "", oidc: Mapping[str, OidcSettings] | None = None
) -> tuple[ASGIApp, tuple[EventStreams, ExecutionApi]]:
    """Make the application, and what of it has answers that wait: streams of events, and orders of workers.

    Args:
        installation: What is served.
        address: Where it listens, and how it is reached.
        url: Where people reach it.
        oidc: The identity providers by which users sign in, by their ids; none unless given.

    Raises:
        OSError: The state folder cannot be written.
    """
    principals, folder = Principals(installation), installation.settings.state_folder
    authenticator = UserAuthenticator(principals, OwnerToken.of(folder), installation.store.name)
    answers = OpenAnswers(authenticator)
    streams, leave = EventStreams(lambda: ChangeFollower(installation)), None
    routes = [_ways(oidc or {}), events(streams, installation, answers)]
    if oidc:
        from penstock_server.oidc.oidc_login import OidcLogins  # noqa: PLC0415 - the extra oidc brings what it imports

        logins = OidcLogins(installation, principals, SessionCookie(installation, authenticator), oidc, url)
        leave = logins.leave
        routes += logins.routes()
    routes += Login(installation, principals, authenticator, Passwords(), leave).routes()
    execution = ExecutionApi(installation, authenticator)
    return application(installation, authenticator, address, routes, answers, execution), (streams, execution)


def _ways(oidc: Mapping[str, OidcSettings]) -> Route:
    """What the page where one signs in offers beside a password; whoever asks has not signed in yet."""

    async def ways(_request: Request) -> Response:
        return JSONResponse({"oidc": [{"id": each, "name": settings.name} for each, settings in oidc.items()]})

    return Route("/auth/ways", ways, methods=["GET"])
