"""The routes of health, metrics and scaling.

Whoever asks about health is told a sentence and no name of a DAG: load balancers have no token. Metrics are of the
installation, so they need the permission to see it; DAGs, DAG files and pools are named to whoever may see them. Scaling is
the operation that lists the queues, as autoscalers read it: by queue, with the workers of the queue's cool-down.
"""

import asyncio
import shutil
from collections.abc import Callable
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.errors import PenstockError
from penstock.model.access.permission import Permission
from penstock.model.access.refusal import refusal
from penstock.service.figures.cooldown import Cooldown
from penstock.service.figures.figures import FigureReader, scheduler_health
from penstock.service.installation import Installation
from penstock.service.operations.table import operations
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError, problem_answer

_LEAST_FREE_BYTES = 1 << 20
"""Room without which a transaction may fail: SQLite writes whole pages, into two files."""


def health_routes(installation: Installation, authenticator: Authenticator) -> list[Route]:
    """Make the routes, `LIVE` among them.

    Args:
        installation: What is served.
        authenticator: Finds who asks for metrics or scaling.
    """
    figures = FigureReader(installation, installation.settings.metrics.most_labels)
    queues = next(each for each in operations() if each.method == "GET" and each.path == "/queues")
    wanted, cooldown = Parameters(queues), Cooldown()

    def ready() -> str:
        installation.store.role.holders()
        installation.store.dags.ids()
        folder = installation.settings.state_folder
        if folder.is_dir() and shutil.disk_usage(folder).free < _LEAST_FREE_BYTES:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the disk of the state folder is full: nobody can sign in or change anything until there is room.",
            )
        return "ready"

    def scheduler() -> str:
        problem = scheduler_health(installation).problem
        if problem:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, problem)
        return "the scheduler's loop comes round"

    async def metrics(request: Request) -> Response:
        def answer() -> Response:
            principal = authenticator.principal(request)
            if not principal.may_somewhere(Permission.INSTALLATION_READ):
                raise refusal(principal, Permission.INSTALLATION_READ, "see the metrics")
            kind, text = figures.answer(request.headers.get("accept", ""), installation.seen_by(principal))
            return Response(text, headers={"Content-Type": kind})

        return await _in_thread(answer)

    async def scaling(request: Request) -> Response:
        def answer() -> Response:
            principal = authenticator.principal(request)
            asked = wanted.decode({}, request.scope["query_string"], b"", principal)
            found = queues.function(installation.seen_by(principal), **asked)
            now_s = installation.clock.read().monotonic_s
            answered = {each.name: cooldown.kept(each, now_s) for each in found}
            return Response(msgspec.json.encode(answered), media_type="application/json")

        return await _in_thread(answer)

    checks = {"ready": ready, "scheduler": scheduler}
    routes = [Route(f"/health/{name}", _checked(check), methods=["GET"]) for name, check in checks.items()]
    return [LIVE, *routes, Route("/metrics", metrics, methods=["GET"]), Route("/scaling", scaling, methods=["GET"])]


def _checked(check: Callable[[], str]) -> Callable[[Request], object]:
    async def answer(_request: Request) -> Response:
        return await _in_thread(lambda: Response(f"{check()}\n", media_type="text/plain"))

    return answer


async def _in_thread(call: Callable[[], Response]) -> Response:
    try:
        return await asyncio.to_thread(call)
    except (RefusedError, PenstockError) as error:
        return problem_answer(error)


async def _live(_request: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


LIVE = Route("/health/live", _live, methods=["GET"])
"""The one route here that asks nothing of the installation, and is answered whatever has become of it."""
