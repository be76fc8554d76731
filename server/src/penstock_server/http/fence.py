"""What holds for each answer, whatever gives it: the Host that was asked, headers for browsers, and no caching unless said."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock_server.http.problems import RefusedError, problem_answer

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which this machine asks itself."""


class Fence:
    """Stands around an application.

    Args:
        application: What answers.
        hosts: Names under which the server may be asked. Any other is refused: a page of another site may have its own name
            lead here, and read what the browser's user may read.
    """

    def __init__(self, application: ASGIApp, hosts: Collection[str] = LOOPBACK) -> None:
        self._application, self._hosts = application, frozenset(each.lower() for each in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if _name(host) in self._hosts:
            await self._application(scope, receive, guarded)
            return
        detail = f"this server is not asked as {host[:200]!r}. Its names: {', '.join(sorted(self._hosts))}."
        await problem_answer(RefusedError(HTTPStatus.MISDIRECTED_REQUEST, detail))(scope, receive, guarded)


def _name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()
