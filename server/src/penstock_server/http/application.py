"""The ASGI application: every route of the server."""

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from penstock.service.installation import Installation
from penstock_server.http.api import Api
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.fence import LOOPBACK, Fence
from penstock_server.http.pages import Pages


def application(installation: Installation, authenticator: Authenticator, hosts: Collection[str] = LOOPBACK) -> ASGIApp:
    """Make the application.

    Args:
        installation: What it serves.
        authenticator: Finds who asks for anything of it.
        hosts: Names under which it may be asked.
    """
    api = Api(installation, authenticator)
    routes = [
        Route("/health/live", _live, methods=["GET"]),
        Route("/api", api),
        Mount("/api", api),
        Mount("/", Pages()),
    ]
    return Fence(Starlette(routes=routes), hosts)


async def _live(_request: Request) -> Response:
    return Response(b"alive\n", media_type="text/plain")
