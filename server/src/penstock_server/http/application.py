"""The ASGI application: every route of the server."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application() -> Starlette:
    """Make the application."""
    return Starlette(routes=[Route("/health/live", _live, methods=["GET"])])


async def _live(_request: Request) -> Response:
    return Response(b"alive\n", media_type="text/plain", headers={"Cache-Control": "no-store"})
