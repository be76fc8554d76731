"""The route of the stream of events: ``GET /api/v1/events``."""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from http import HTTPStatus
from typing import NamedTuple, get_args

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from penstock.errors import PenstockError, RequestError, did_you_mean
from penstock.model.access.permission import Permission
from penstock.model.access.refusal import refusal
from penstock.model.feed.delta import Delta
from penstock.model.feed.position import FeedPosition
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.service.stream.sight import Sight
from penstock_server.http.authenticator import Authenticator
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError, problem_answer
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.hub import Wanted

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LONGEST_LIST = 100
_KINDS = tuple(str(each.__struct_config__.tag) for each in get_args(Delta))

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
            raise refusal(self._principal, Permission.DAGS_READ, "follow events")
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
    Its query is read by the same door as those of the operations.

    Args:
        streams: Opens the streams.
        installation: What is served.
        authenticator: Finds who asks.
    """
    parameters = Parameters(Operation(_choice, "GET", "/events", Permission.DAGS_READ, "", reads=True))

    async def answer(request: Request) -> Response:
        def seen() -> Installation:
            return installation.seen_by(authenticator.principal(request))

        try:
            viewer = await asyncio.to_thread(RequestViewer, seen)
            asked = parameters.decode({}, request.scope["query_string"], b"", installation.principal)
            choice = _choice(installation, **asked)
            after = request.headers.get("last-event-id") or choice.after
            opened = await streams.open(viewer, choice.wanted, FeedPosition.of(after) if after else None)
        except (RefusedError, PenstockError) as error:
            return problem_answer(error)
        return StreamingResponse(opened, media_type="text/event-stream", headers=_HEADERS)

    return Route("/api/v1/events", answer, methods=["GET"])


class _Choice(NamedTuple):
    wanted: Wanted
    after: str


def _choice(
    _installation: Installation, *, dag: Sequence[str] = (), run: str = "", kind: Sequence[str] = (), after: str = ""
) -> _Choice:
    """What of a stream is asked for; its parameters are those of the query."""
    if len(dag) + len(kind) > _LONGEST_LIST:
        raise RequestError(
            f"the stream of events is asked for {len(dag)} DAGs and {len(kind)} kinds. Name {_LONGEST_LIST} at most."
        )
    if unknown := [each for each in kind if each not in _KINDS]:
        advice = did_you_mean(unknown[0], _KINDS, otherwise=f"Choose one of: {', '.join(_KINDS)}.")
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"no event is of the kind {unknown[0]!r}. {advice}")
    return _Choice(Wanted(frozenset(dag), run, frozenset(kind)), after)
