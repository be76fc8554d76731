"""What passes between a client and a fake: requests and answers of HTTP, whole, and ranges of a body.

Source: RFC 9110 (ranges: section 14), RFC 9112. Not covered: trailers, content codings, several ranges at once.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass
class HttpRequest:
    """What a client sent.

    Attributes:
        method: Such as `GET`.
        target: Path and query as they stood in the request's first line.
        headers: By name, as they were sent; `header()` finds one whatever its case.
        body: The content without its transfer coding; of a recorded request, at most its first MiB.
        host: The host that was asked, without its port.
        complete: Whether the whole body arrived; it does not if the client dies or the connection is cut.
        answered: The status that a fault or a route answered with; None while or because none did.
    """

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = ""
    complete: bool = True
    answered: int | None = None

    @property
    def path(self) -> str:
        """The path, as it was sent: percent signs stand."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's first value of each name."""
        parts = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in parts.items()}

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a body that is a JSON object or a form; none of an empty one.

        Raises:
            ValueError: The body is neither.
        """
        if not self.body:
            return {}
        if self.header("Content-Type").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError(f"a body of JSON is to be an object, and is {type(found).__name__}")  # noqa: TRY004 - what came, not what was passed
        return found

    def header(self, name: str) -> str:
        """A header's value, "" without it."""
        return _header(self.headers, name)

    def without_query(self, name: str) -> None:
        """Forget a parameter, as a service that does not know it."""
        parts = urlsplit(self.target)
        kept = {key: value for key, value in self.query.items() if key != name}
        self.target = urlunsplit(parts._replace(query=urlencode(kept)))

    def without_header(self, name: str) -> None:
        """Forget a header, as a service that does not know it."""
        self.headers = {key: value for key, value in self.headers.items() if key.lower() != name.lower()}


@dataclass
class HttpAnswer:
    """What the client gets.

    Attributes:
        status: Of HTTP.
        headers: By name. `Content-Length` and `Date` are added where they are missing.
        body: The content; pieces that come one by one are sent as they come, in chunks.
        sent_bytes: The connection is closed after so many bytes of the body; None sends all.
        reset: Whether the connection is reset (RST): in place of the answer, or after `sent_bytes`.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | Iterable[bytes] = b""
    sent_bytes: int | None = None
    reset: bool = False

    @classmethod
    def json(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """An answer whose body is a value as JSON."""
        own = {"Content-Type": "application/json; charset=utf-8"} | dict(headers or {})
        return cls(status, own, json.dumps(value).encode())

    @classmethod
    def text(cls, text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """An answer whose body is plain text."""
        return cls(status, {"Content-Type": "text/plain; charset=utf-8"} | dict(headers or {}), text.encode())

    @property
    def content(self) -> bytes:
        """The body as a whole; pieces are taken from where they come."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def header(self, name: str) -> str:
        """A header's value, "" without it."""
        return _header(self.headers, name)


def ranged(request: HttpRequest, content: bytes, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """Answer with the content, or with the one range of it that the request asks for.

    A range beyond the content's end is 416; one that is not understood is ignored, as RFC 9110 14.2 has it.
    """
    own = dict(headers or {}) | {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(request.header("Range"))
    first, last = match.groups() if match else ("", "")
    if not first + last or (first and last and int(last) < int(first)):
        return HttpAnswer(200, own, content)
    begin = int(first) if first else max(len(content) - int(last), 0)
    end = min(int(last) + 1, len(content)) if first and last else len(content)
    if begin >= len(content):
        return HttpAnswer(416, own | {"Content-Range": f"bytes */{len(content)}"})
    return HttpAnswer(206, own | {"Content-Range": f"bytes {begin}-{end - 1}/{len(content)}"}, content[begin:end])


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")
