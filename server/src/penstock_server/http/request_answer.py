"""Answers a request, whatever comes of it: what fails is a problem to who asked, and what nobody foresaw a traceback in the log."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from penstock_server.http.problems import problem_answer, problem_of

_log = logging.getLogger(__name__)


async def answer_by(
    answer: Callable[[Request], Awaitable[Response]], scope: Scope, receive: Receive, send: Send
) -> None:
    """Send what a function answers to a request, or the problem that it raised."""
    request = Request(scope, receive)
    try:
        found = await answer(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asks gets an answer
        if problem_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.exception("%s %s failed", request.method, scope["path"])
        found = problem_answer(error)
    await found(scope, receive, send)
