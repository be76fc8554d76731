"""The route of the stream of events: ``GET /api/v1/events``."""

from collections.abc import Collection, Hashable, Sequence
from http import HTTPStatus
from typing import NamedTuple, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.errors import PenstockError, RequestError, did_you_mean
from penstock.model.access.permission import Permission
from penstock.model.access.refusal import refusal
from penstock.model.feed.delta import Delta
from penstock.model.feed.position import FeedPosition
from penstock.service.installation import Installation
from penstock.service.operations.operation import Operation
from penstock.service.stream.sight import Sight
from penstock_server.http.lasting.lasting_response import LastingResponse
from penstock_server.http.lasting.open_answers import AnswerKind, OpenAnswers
from penstock_server.http.lasting.right import Right
from penstock_server.http.parameters import Parameters
from penstock_server.http.problems import RefusedError, problem_answer
from penstock_server.stream.event_streams import EventStreams
from penstock_server.stream.hub import Wanted

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LONGEST_LIST = 100
_KINDS = tuple(str(each.__struct_config__.tag) for each in get_args(Delta))


class PrincipalViewer:
    """Who asked for a stream.

    Args:
        installation: The installation as the principal may use it.

    Attributes:
        group: What the principal may.

    Raises:
        ForbiddenError: It may see no DAG.
    """

    def __init__(self, installation: Installation) -> None:
        principal = installation.principal
        if not principal.may_somewhere(Permission.DAGS_READ):
            raise refusal(principal, Permission.DAGS_READ, "follow events")
        self.group: Hashable = (principal.grants, principal.only)
        self._sight = Sight(installation)

    def sees(self, delta: Delta) -> bool:
        """Whether the principal may learn of a delta; raises StoreError."""
        return self._sight.sees(delta)

    def forget(self, dag_ids: Collection[str]) -> None:
        """Find out anew whether some DAGs may be seen."""
        self._sight.forget(dag_ids)


def events(streams: EventStreams, installation: Installation, answers: OpenAnswers) -> Route:
    """Make the route.

    A stream begins at the position of ``Last-Event-ID`` or ``after``, or now. ``dag`` (several), ``run`` and ``kind`` (several) choose.
    Its query is read by the same door as those of the operations.

    Args:
        streams: Opens the streams.
        installation: What is served.
        answers: Counts the streams, and ends those that may not go on.
    """
    parameters = Parameters(Operation(_choice, "GET", "/events", Permission.DAGS_READ, "", reads=True))

    async def answer(request: Request) -> Response:
        opened = None
        try:
            principal = await answers.known.principal(request)
            viewer = PrincipalViewer(installation.seen_by(principal))
            asked = parameters.decode({}, request.scope["query_string"], b"", principal)
            choice = _choice(installation, **asked)
            after = request.headers.get("last-event-id") or choice.after
            right = Right(answers.known.authenticator, request, principal, installation)
            opened = answers.open(AnswerKind.EVENTS, right)
            stream = await streams.open(viewer, choice.wanted, FeedPosition.of(after) if after else None)
        except BaseException as error:
            if opened is not None:
                opened.close()
            if isinstance(error, RefusedError | PenstockError):
                return problem_answer(error)
            raise
        opened.on_end = stream.end

        def close() -> None:
            stream.close()
            opened.close()

        return LastingResponse(opened, stream.content, close, headers=_HEADERS, media_type="text/event-stream")

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
