"""What comes back from where a server should be: in time or given up, and in words for people where it is none of a server."""

import http.client
import io
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from penstock.clock import Clock
from penstock.model.text import shortened

LONGEST = 300
"""Characters that are shown of what somebody else has written."""
_EXPIRED, _NOT_YET_VALID, _WRONG_HOST = 10, 9, 62
"""Of OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_HOSTNAME_MISMATCH."""
_TLS_ALERT = "\x15\x03"
"""What an alert of TLS begins with: RFC 8446, 5.1."""
_PASSING = frozenset({502, 503, 504})  # what proxies say while the server behind them starts
_REDIRECTS = range(300, 400)
_CLOSED_BEFORE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


def response_in_time(clock: Clock, within_s: float) -> type[http.client.HTTPResponse]:
    """A class of responses for `http.client.HTTPConnection.response_class`, whose answers are here in time or are given up.

    A time limit of a socket is one for each of its reads: who sends a byte a second is never late by it.

    Args:
        clock: Tells the monotonic instant.
        within_s: Seconds from now on.
    """
    until_s = clock.read().monotonic_s + within_s

    def left_s() -> float:
        left = until_s - clock.read().monotonic_s
        if left <= 0:
            raise TimeoutError(f"its answer takes longer than {within_s:g} s, and was given up")
        return left

    class ResponseInTime(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as its base has it
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_ReadsInTime(sock, self.fp.detach(), left_s))

    return ResponseInTime


def was_closed_before(error: Exception) -> bool:
    """Whether a connection that is used again was closed meanwhile, so that a new one is worth an attempt."""
    return isinstance(error, _CLOSED_BEFORE)


def no_answer(where: str, error: Exception) -> str:
    """A sentence for a server of which nothing came that is HTTP."""
    if isinstance(error, ssl.SSLError):
        return f"the server {where} {tls_refusal(error)}"
    if isinstance(error, TimeoutError) and "handshake" in str(error):
        return f"the server {where} does not answer by TLS in time. Is it right that its URL begins with https://?"
    why = shortened(str(error) or type(error).__name__, LONGEST) + maybe_tls(where, error)
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
        return f"what answers at {where} speaks no HTTP: {why}. PENSTOCK_SERVER names it: is it right?"
    return f"the server {where} does not answer: {why}"


def maybe_tls(where: str, error: Exception) -> str:
    """More of a sentence, where what answers may speak TLS: it closes the connection of who does not, or speaks in its own bytes."""
    closed = isinstance(error, ConnectionResetError)  # among these is `http.client.RemoteDisconnected`
    alerted = isinstance(error, http.client.BadStatusLine) and _TLS_ALERT in str(error)
    return (
        "; if it is one of TLS, its URL begins with https://"
        if (closed or alerted) and where.startswith("http://")
        else ""
    )


def tls_refusal(error: ssl.SSLError) -> str:
    """The rest of a sentence that begins with a server: why it is not spoken to, and what is to be done."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"is not who it says it is: {error.verify_message.rstrip('.')}. {_remedy(error.verify_code)}"
    return f"speaks no TLS that is understood here: {error.reason or error}. Is it right that its URL begins with https://?"


def foreign_answer(where: str, response: http.client.HTTPResponse) -> str:
    """A sentence for an answer that no server of Penstock's has given."""
    found = shortened(f"{response.status} {response.reason}", LONGEST)
    if response.status in _PASSING:
        return f"the server {where} cannot answer now: {found}"
    if response.status in _REDIRECTS:
        to = _plain(response.getheader("Location", ""))
        return f"the server {where} sends elsewhere: {found}, to {to or 'no place'}. PENSTOCK_SERVER has to name the server itself."
    kind = shortened(response.getheader("Content-Type", ""), LONGEST) or "no type"
    return (
        f"what answers at {where} is no server of Penstock's: {found}, with {kind}. PENSTOCK_SERVER names it: is it right, and lets "
        "every proxy before it such requests pass?"
    )


def _remedy(code: int) -> str:
    if code in (_EXPIRED, _NOT_YET_VALID):
        return "Have its certificate renewed; if that is in order, the clock of this machine is wrong."
    if code == _WRONG_HOST:
        return "Name the server as its certificate does, in PENSTOCK_SERVER."
    paths = ssl.get_default_verify_paths()  # what SSL_CERT_FILE names is among them, if it is a file
    return (
        f"Its certificate has to be signed by an authority in {paths.cafile or paths.capath}. PENSTOCK_SERVER_AUTHORITY_FILE names a "
        "file with another one, by which the server alone is verified."
    )


def _plain(location: str) -> str:
    """A URL without what may be secret in it."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return ""
    return shortened(f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path, LONGEST)


class _ReadsInTime(io.RawIOBase):
    """Reads from a socket until an instant."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, left_s: Callable[[], float]) -> None:
        self._sock, self._raw, self._left_s = sock, raw, left_s
        self._each_s = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - any buffer
        left_s = self._left_s()
        self._sock.settimeout(left_s if self._each_s is None else min(left_s, self._each_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        super().close()
        self._raw.close()
