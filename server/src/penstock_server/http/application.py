"""The ASGI application: every route of the server."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.model.remote.execution_messages import PREFIX as EXECUTION
from penstock.service.installation import Installation
from penstock_server.http.api import Api
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.fence import Fence
from penstock_server.http.health import LIVE, health_routes
from penstock_server.http.lasting.open_answers import OpenAnswers
from penstock_server.http.pages import Pages
from penstock_server.http.reach.address import Address
from penstock_server.http.reach.machine_paths import MachinePaths, ProblemFence
from penstock_server.http.schema_check import CheckedRoute, SchemaCheck


def application(
    installation: Installation,
    authenticator: Authenticator,
    address: Address = Address(),  # noqa: B008 - a frozen value
    more: Sequence[BaseRoute] = (),
    answers: OpenAnswers | None = None,
    execution: ASGIApp | None = None,
) -> ASGIApp:
    """Make the application.

    Args:
        installation: What it serves.
        authenticator: Finds who asks for anything of it.
        address: Where it listens, and how it is reached.
        more: Other routes, such as those by which browsers sign in.
        answers: Counts those that last, with those of other routes; of the API alone unless given.
        execution: What answers workers; nothing does unless given.
    """
    api = Api(installation, OpenAnswers(authenticator) if answers is None else answers)
    check = SchemaCheck(installation)
    asking = [*more, *health_routes(installation, authenticator), Route("/api", api)]
    # All that is not named here asks the database.
    routes = [each if each is LIVE else CheckedRoute(each, check) for each in asking]
    others = Starlette(routes=[*routes, Mount("/", Pages())])
    own = frozenset(each.path for each in more if isinstance(each, Route))

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        # Most requests are for the API, which has a table of its own: to try all other routes before costs as much as an answer.
        direct = scope["type"] == "http" and scope["path"].startswith("/api/") and scope["path"] not in own
        if execution is not None and scope["type"] == "http" and scope["path"].startswith(f"{EXECUTION}/"):
            await check.answer(execution, scope, receive, send)
            return
        await (check.answer(api, scope, receive, send) if direct else others(scope, receive, send))

    return Fence(ProblemFence(answer, MachinePaths(installation.settings)), address)
