"""Sends a content as the file that it is, whole or a part of it (RFC 9110, section 14)."""

import hashlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request

from penstock.service.operations.content import Content
from penstock_server.http.problems import RefusedError

LINES = "application/x-ndjson"
"""How a stream is sent whose end may be an error in a sentence: who wants a content so says it by ``Accept``."""

FILE = "application/octet-stream"
"""How a content is sent otherwise."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Download(NamedTuple):
    """What is sent of a content.

    Attributes:
        status: 206 for a part of it.
        pieces: What is sent.
        headers: Of the answer.
    """

    status: HTTPStatus
    pieces: Iterator[bytes]
    headers: dict[str, str]


def wants_lines(request: Request) -> bool:
    """Whether whoever asks reads a content a line at a time, with what went wrong as the last."""
    return LINES in request.headers.get("accept", "")


def download(request: Request, content: Content) -> Download:
    """What is sent of a content: the part that ``Range`` asks for if there is one, and its size is known.

    Raises:
        RefusedError: It has no such part.
    """
    name, size = content.facts
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "private, no-cache",
    }
    if size is None:
        return Download(HTTPStatus.OK, content, headers)
    tag = f'"{hashlib.blake2b(f"{name} {size}".encode(), digest_size=16).hexdigest()}"'
    headers |= {"Accept-Ranges": "bytes", "ETag": tag}
    part = _part(request, tag, size)
    if part is None:
        return Download(HTTPStatus.OK, content.part(0, size), headers | {"Content-Length": str(size)})
    first, last = part
    headers |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1)}
    return Download(HTTPStatus.PARTIAL_CONTENT, content.part(first, last - first + 1), headers)


def _part(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that are asked for; None for all of them, as for several parts."""
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or request.headers.get("if-range", tag) != tag or not any(found.groups()):
        return None
    begin, end = found.groups()
    first = int(begin) if begin else max(size - int(end), 0)
    last = min(int(end), size - 1) if begin and end else size - 1
    if begin and end and int(end) < first:
        return None
    if first >= size:
        raise RefusedError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"there is no byte {first:,}: it has {size:,}.",
            {"Content-Range": f"bytes */{size}"},
        )
    return first, last
