"""How requests are told apart: `METHOD /path/{name}`, `METHOD host/path`."""

import re
from urllib.parse import unquote

from penstock_testkit.saas.messages import HttpRequest

_NAME = re.compile(r"\{(\w+)(\.\.\.)?\}")


class Pattern:
    """A method, a host and a path in which `{name}` stands for a piece of a segment and `{name...}` for all that follows.

    A path is matched as it was sent, and its values are decoded then: an encoded slash is none between segments.

    Args:
        text: `GET /books/{id}` for each host, `GET files.shop.example/{key...}` for one; `*.` is any first label.

    Raises:
        ValueError: The text is not of that form.
    """

    def __init__(self, text: str) -> None:
        method, _, place = text.partition(" ")
        self.host, slash, path = place.partition("/")
        if not slash or not method.isupper():
            raise ValueError(f"{text!r} names no request: write it as `GET /books/{{id}}` or `GET host/books`")
        self.text = text
        self.method = method
        begin, parts = 0, []
        for match in _NAME.finditer(path):
            parts.append(re.escape(path[begin : match.start()]))
            parts.append(f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})")
            begin = match.end()
        self._path = re.compile("/" + "".join(parts) + re.escape(path[begin:]))

    def match(self, request: HttpRequest) -> dict[str, str] | None:
        """The values of the names in the path, if it is such a request."""
        if request.method != self.method or (self.host and not host_matches(self.host, request.host)):
            return None
        found = self._path.fullmatch(request.path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


def host_matches(pattern: str, host: str) -> bool:
    """Tell whether a host is meant; `*.` stands for exactly one label, as in certificates (RFC 6125, 6.4.3)."""
    if not pattern.startswith("*."):
        return pattern == host
    first, _, rest = host.partition(".")
    return bool(first) and rest == pattern[2:]
