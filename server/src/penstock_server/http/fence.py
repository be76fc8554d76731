"""What holds for each answer, whatever gives it: the name and way by which it was asked, headers for browsers, no caching unless said."""

from collections.abc import Collection, Iterable
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock_server.http.problems import RefusedError, problem_answer
from penstock_server.http.reach.address import Address
from penstock_server.http.reach.proxies import Proxies, Sender, address_of

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
_RAW = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_LASTING = (b"strict-transport-security", b"max-age=31536000")

_ONCE = frozenset({b"host", b"authorization", b"content-type", b"origin", b"sec-fetch-site", b"idempotency-key"})

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which this machine asks itself."""

_HEALTH = "/health/"


class Fence:
    """Stands around an application.

    A request is passed on with what is known of it: the address that it came from, how and under which name it was asked.

    Args:
        application: What answers.
        address: Where the server listens, and how it is reached.
    """

    def __init__(self, application: ASGIApp, address: Address) -> None:
        self._application, self._proxies = application, Proxies(address.trusted_proxies)
        self._public, self._name = address.known_url, address.public_host.lower()
        self._more = {each.lower() for each in address.names}
        self._secure = bool(self._name) and self._public.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        sender = self._proxies.sender(scope)
        scheme = sender.scheme or scope["scheme"]
        name = _name(sender.host)
        lasting = scheme == "https" and bool(self._name) and name == self._name

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _guarded(message.get("headers", ()), lasting)}
            await send(message)

        refusal = self._refusal(sender, scheme, name, scope)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        headers = [each for each in scope["headers"] if each[0] != b"host"]
        seen = {
            "scheme": scheme,
            "client": (sender.client, 0),
            "headers": [(b"host", sender.host.encode("latin-1", "replace")), *headers],
        }
        await self._application({**scope, **seen}, receive, guarded)

    def _refusal(self, sender: Sender, scheme: str, name: str, scope: Scope) -> Response | None:
        """What is answered in place of the application; None if it is to answer."""
        twice = _twice(scope)
        if twice:
            detail = f"the header {twice!r} came more than once, and no two need to believe the same one. Send it once."
            return problem_answer(RefusedError(HTTPStatus.BAD_REQUEST, detail))
        if name not in self._names(sender):
            known = ", ".join(sorted(self._names(sender)))
            more = " The proxy is to pass the Host on." if sender.passed_on and name in LOOPBACK else ""
            detail = f"this server is not asked as {sender.host[:200]!r}. Its names: {known}.{more}"
            return problem_answer(RefusedError(HTTPStatus.MISDIRECTED_REQUEST, detail))
        if scheme == "https" or not self._is_open_way(sender, name, scope["path"]):
            return None
        if sender.scheme == "http" and scope["method"] in {"GET", "HEAD"} and self._secure:
            query = scope["query_string"].decode("latin-1")
            path = scope["raw_path"].partition(b"?")[0].decode("latin-1")
            return RedirectResponse(f"{self._public}{path}{'?' * bool(query)}{query}", HTTPStatus.PERMANENT_REDIRECT)
        if sender.by_proxy:
            why = "the proxy says it came without TLS" if sender.scheme else "the proxy does not send X-Forwarded-Proto"
        else:
            why = f"{sender.client} is no proxy of trusted_proxies"
        return problem_answer(
            RefusedError(
                HTTPStatus.FORBIDDEN, f"this came in a way that everybody between can read: {why}. Ask {self._public}."
            )
        )

    def _names(self, sender: Sender) -> Collection[str]:
        """Names under which it may be asked: a page of another site may have its own name lead here, and read what the user may."""
        public = {self._name} if self._name else set()
        if sender.passed_on and public:
            return public | self._more  # a proxy that hides the name would hide one of another site, too
        own = (
            {sender.host} if self._name and _is_ip(_name(sender.host)) else set()
        )  # checks of health ask by address, no page does
        return LOOPBACK | public | self._more | {_name(each) for each in own}

    def _is_open_way(self, sender: Sender, name: str, path: str) -> bool:
        """Whether what is said without TLS is read by others than this machine."""
        if sender.passed_on or name == self._name:
            return self._secure
        here = address_of(sender.client)
        if here is None or here.is_loopback:
            return False
        return not (sender.by_proxy and path.startswith(_HEALTH))


def _guarded(headers: Iterable[tuple[bytes, bytes]], lasting: bool) -> list[tuple[bytes, bytes]]:  # noqa: FBT001 - of one answer
    """The headers of an answer, with those that it does not say itself."""
    own = list(headers)
    given = {name.lower() for name, _ in own}
    return own + [each for each in (*_RAW, _LASTING) if each[0] not in given and (lasting or each is not _LASTING)]


def _name(host: str) -> str:
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host).lower()


def _is_ip(name: str) -> bool:
    return address_of(f"{name}:0" if name.startswith("[") else name) is not None


def _twice(scope: Scope) -> str:
    """A header of which there may be one, and of which a proxy may have judged another; "" if there is none."""
    names = [name for name, _ in scope["headers"] if name in _ONCE]
    return next((name.decode() for name in names if names.count(name) > 1), "")
