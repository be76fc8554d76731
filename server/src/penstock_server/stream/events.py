"""The route of the stream of events: ``GET /api/v1/events``."""

import asyncio
from collections.abc import Callable, Hashable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from penstock.errors import ForbiddenError, PenstockError, RequestError
from penstock.model.access.permission import MEANINGS, Permission
from penstock.model.feed.delta import Delta
from penstock.model.feed.position import FeedPosition
from penstock.service.installation import Installation
from penstock.service.stream.sight import Sight
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.problems import RefusedError, problem_answer
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.hub import Wanted

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LONGEST_LIST = 100

InstallationOf = Callable[[], Installation]
"""The installation as whoever asks may use it, now; raises RefusedError for who is not known."""


class RequestViewer:
    """Who asked for a stream.

    Args:
        installation_of: Says who asks, now and again later.

    Attributes:
        name: The principal's.
        group: What the principal may.

    Raises:
        RefusedError: It is nobody.
        ForbiddenError: It may see no DAG.
        StoreError: The database failed.
    """

    def __init__(self, installation_of: InstallationOf) -> None:
        self._installation_of = installation_of
        installation = installation_of()
        self._principal = installation.principal
        if not self._principal.may_somewhere(Permission.DAGS_READ):
            raise ForbiddenError(self._principal.name, MEANINGS[Permission.DAGS_READ])
        self.name = self._principal.name
        self.group: Hashable = (self._principal.grants, self._principal.only)
        self._sight = Sight(installation)

    def sees(self, delta: Delta) -> bool:
        """Whether the principal may learn of a delta; raises StoreError."""
        return self._sight.sees(delta)

    def holds(self) -> bool:
        """Whether whoever asked would be the same principal with the same grants if it asked now."""
        try:
            installation = self._installation_of()
        except (RefusedError, PenstockError):
            return False
        self._sight = Sight(installation)
        return bool(installation.principal == self._principal)


def events(streams: EventStreams, installation: Installation, authenticator: Authenticator) -> Route:
    """Make the route.

    A stream begins at the position of ``Last-Event-ID`` or ``after``, or now. ``dag`` (several), ``run`` and ``kind`` (several) choose.

    Args:
        streams: Opens the streams.
        installation: What is served.
        authenticator: Finds who asks.
    """

    async def answer(request: Request) -> Response:
        def seen() -> Installation:
            return installation.seen_by(authenticator.principal(request))

        try:
            viewer = await asyncio.to_thread(RequestViewer, seen)
            after = request.headers.get("last-event-id") or request.query_params.get("after")
            opened = await streams.open(viewer, _wanted(request), FeedPosition.of(after) if after else None)
        except (RefusedError, PenstockError) as error:
            return problem_answer(error)
        return StreamingResponse(opened, media_type="text/event-stream", headers=_HEADERS)

    return Route("/api/v1/events", answer, methods=["GET"])


def _wanted(request: Request) -> Wanted:
    query = request.query_params
    dags, kinds = query.getlist("dag"), query.getlist("kind")
    if len(dags) + len(kinds) > _LONGEST_LIST:
        raise RequestError(
            f"the stream of events is asked for {len(dags)} DAGs and {len(kinds)} kinds. Name {_LONGEST_LIST} at most."
        )
    return Wanted(frozenset(dags), query.get("run", ""), frozenset(kinds))
