"""Answers what comes bit by bit: a content as a file or as lines, and a stream as lines."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from inspect import unwrap
from typing import Any, get_args, get_origin, get_type_hints

from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import PenstockError
from penstock.service.logs import LogChunk
from penstock.service.operations.content import Content
from penstock.service.operations.operation import Operation
from penstock_server.http.download import FILE, LINES, download, wants_lines
from penstock_server.http.lasting.lasting_response import LastingResponse
from penstock_server.http.lasting.open_answers import AnswerKind, OpenAnswer, OpenAnswers
from penstock_server.http.lasting.reading import Reading
from penstock_server.http.lasting.right import Right
from penstock_server.http.problems import problem_of
from penstock_server.http.reach.machine_paths import MachinePaths

THREADS = 8
"""Threads in which answers that last are read: these wait for each other, and nobody else for them."""

PAUSE_S = 0.5
"""Seconds until a stream that has nothing new is looked at again."""

_log = logging.getLogger(__name__)
_Encode = Callable[[Any], bytes]


def kind_of(operation: Operation) -> AnswerKind | None:
    """What lasts of an operation's answer, as its annotation says; None if nothing does."""
    answer = get_type_hints(unwrap(operation.function), include_extras=True).get("return")
    origin = get_origin(answer)
    if not (isinstance(origin, type) and issubclass(origin, Iterator)):
        return None
    return AnswerKind.CONTENT if get_args(answer) == (bytes,) else AnswerKind.LINES


class Lasting:
    """Gives answers that last.

    Args:
        answers: Counts them.
        encode: Makes JSON of what is in a line.
        folders: What no problem tells of.
    """

    def __init__(self, answers: OpenAnswers, encode: _Encode, folders: MachinePaths) -> None:
        self._answers, self._encode, self._folders = answers, encode, folders
        self._threads = ThreadPoolExecutor(THREADS, "lasting")

    async def answer(
        self, request: Request, kind: AnswerKind, right: Right, call: Callable[[], Iterator[Any]]
    ) -> Response:
        """Begin an answer; what fails before its first bit is a problem with a status.

        Args:
            request: What is asked.
            kind: What the answer is.
            right: By what right it goes on.
            call: Does the operation; in a thread.

        Raises:
            RefusedError: The principal has too many, or it has no such part.
            PenstockError: What the operation raises.
        """
        opened = self._answers.open(kind, right)
        reading = None
        try:
            found = await asyncio.wrap_future(self._threads.submit(call))
            if isinstance(found, Content):
                right.needs_also(found.still)
                if not wants_lines(request):
                    sent = download(request, found)
                    reading = Reading(self._threads, sent.pieces, len)
                    opened.on_end = lambda _reason: opened.cut.set()  # a file has no words for why it is not whole
                    content = self._pieces(await reading.next(), reading)
                    return _response(opened, reading, content, FILE, sent.status, sent.headers)
                reading = Reading(self._threads, found, len)
            else:
                reading = Reading(self._threads, found, _size)
            content = self._lines(await reading.next(), reading, opened)
            return _response(opened, reading, content, LINES, HTTPStatus.OK, {"X-Accel-Buffering": "no"})
        except BaseException:
            if reading is None:
                opened.close()
            else:
                reading.close(opened.close)
            raise

    async def _pieces(self, first: list[Any], reading: Reading) -> AsyncIterator[bytes]:
        # What fails on the way ends the connection before its time: nobody takes a part of a file for all of it.
        try:
            found = first
            while found:
                for each in found:
                    yield each
                found = await reading.next()
        except PenstockError as error:
            _log.warning("a download was cut off: %s", error)
            raise

    async def _lines(self, first: list[Any], reading: Reading, opened: OpenAnswer) -> AsyncIterator[bytes]:
        try:
            found = first
            while found:
                for each in found:
                    opened.require_open()
                    if each is not None:
                        yield self._encode(each) + b"\n"
                if found[-1] is None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(opened.ended.wait(), PAUSE_S)
                found = await reading.next()
        except Exception as error:  # noqa: BLE001 - the status is out: what failed is the last line
            if problem_of(error).status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.exception("a stream failed")
            problem = self._encode({"problem": problem_of(error)}).decode()
            yield self._folders.without(problem).encode() + b"\n"


def _response(
    opened: OpenAnswer,
    reading: Reading,
    content: AsyncIterator[bytes],
    media_type: str,
    status: int,
    headers: Mapping[str, str],
) -> Response:
    return LastingResponse(
        opened, content, lambda: reading.close(opened.close), status=status, headers=headers, media_type=media_type
    )


def _size(item: Any) -> int:  # noqa: ANN401 - of a stream of anything
    return len(item.data) if isinstance(item, LogChunk) else 0
