"""Asking servers over HTTP; a module of its own, because loading what it needs takes longer than most commands."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import urljoin, urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError, as_sentence
from penstock_plugin_manager.index.credentials import look_up
from penstock_plugin_manager.index.network import Login, Network, shown, taken_apart
from penstock_plugin_manager.index.response import Response

_LIMIT = 256 << 20
_HOPS = 10


class Answer(NamedTuple):
    """A server's answer whose body is still to be read.

    Attributes:
        whole: Bytes of the file of which the body is the part that was asked for; None for a body that is the file.
    """

    body: IO[bytes]
    media: str
    url: str
    length: int | None
    whole: int | None = None


def read_whole(answer: Answer, url: str) -> bytes:
    """Read an answer's body to its end.

    Raises:
        ManagerError: it is too large, or ends before the length that the server has told.
    """
    try:
        body = answer.body.read(_LIMIT + 1)
    except (http.client.HTTPException, OSError) as error:
        raise _silent(url, error) from None
    if len(body) > _LIMIT:
        raise ManagerError(f"{shown(url)} is larger than {_LIMIT >> 20} MB.", "Name the right address.")
    if answer.length is not None and len(body) < answer.length:
        raise ManagerError(f"{shown(url)} was cut off after {len(body)} of {answer.length} bytes.", "Try again.")
    return body


class Remote:
    """Servers, asked with one set of credentials, one trust and one proxy."""

    def __init__(self, network: Network, hide: Callable[[str], None], seconds: float) -> None:
        self._network, self._hide, self._seconds = network, hide, seconds
        self._looked_up: dict[str, Login | None] = {}

    def fetch(self, url: str, accept: str) -> Response:
        """Fetch an address as a whole.

        Raises:
            MissingError: there is nothing under that address.
            ManagerError: the network is down, the server fails or refuses, or the answer is too large.
        """
        with self.opened(url, accept) as answer:
            body = read_whole(answer, url)
        return Response(body, answer.media, answer.url)

    def end_of(self, url: str, count: int, most: int) -> tuple[bytes, int]:
        """Return the last bytes of a file and its size; no bytes of one that comes only as a whole and is larger than ``most``.

        Raises:
            ManagerError: as for ``fetch``, or the server does not tell the size.
        """
        with self.opened(url, "*/*", f"bytes=-{count}") as answer:
            size = answer.length if answer.whole is None else answer.whole
            if size is None:
                raise ManagerError(f"{shown(url)} comes without its size.")
            return b"" if answer.whole is None and size > most else read_whole(answer, url), size

    @contextmanager
    def opened(self, url: str, accept: str, part: str = "") -> Iterator[Answer]:
        """Open an address, wherever it redirects to.

        Raises:
            MissingError: there is nothing under that address.
            ManagerError: the network is down, or the server fails or refuses.
        """
        place = url
        for _ in range(_HOPS + 1):
            response = self._with_credentials(place, accept, part)
            if response.status in {301, 302, 303, 307, 308} and response.headers.get("Location"):
                place = urljoin(place, response.headers["Location"])
                response.close()
                if urlsplit(place).scheme not in {"http", "https"}:
                    raise ManagerError(f"{shown(url)} leads to {shown(place)}, which is no address of the web.")
                continue
            with response:
                length = response.headers.get("Content-Length") or ""
                yield Answer(
                    response, response.headers.get_content_type(), taken_apart(place)[0],
                    int(length) if length.isdigit() else None, _whole(response),
                )  # fmt: skip
            return
        raise ManagerError(f"{shown(url)} redirects in a circle.", "Check the address.")

    def _with_credentials(self, url: str, accept: str, part: str) -> http.client.HTTPResponse:
        bare, username, password = taken_apart(url)
        known = Login(bare, username, password) if username or password else self._network.login_for(bare)
        response = self._ask(bare, accept, part, known if known and (known.password or not known.username) else None)
        if response.status in {401, 403} and not (known and known.password):
            # A name without a password is a token, if nobody has a password to it.
            found = self._found(bare, known.username if known else "") or known
            if found:
                response.close()
                response = self._ask(bare, accept, part, found)
                known = found
        if response.status < 400:
            return response
        with response:
            raise _refusal(bare, response.status, known)

    def _found(self, url: str, username: str) -> Login | None:
        key = f"{username}@{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        if key not in self._looked_up:
            found = look_up(url, self._network, username)
            if found:
                self._hide(found.password)
            self._looked_up[key] = found
        return self._looked_up[key]

    def _ask(self, url: str, accept: str, part: str, login: Login | None) -> http.client.HTTPResponse:
        headers = {"Accept": accept, "User-Agent": "penstock-plugin-manager", "Accept-Encoding": "identity"}
        if part:
            headers["Range"] = part
        if login:
            pair = f"{login.username}:{login.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            request = urllib.request.Request(url, headers=headers)  # noqa: S310  the caller checks the scheme
            opener = self._careless if self._network.is_unchecked(url) else self._careful
            answer: http.client.HTTPResponse = opener.open(request, timeout=self._seconds)
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise _silent(url, error) from None
        return answer

    @cached_property
    def _careful(self) -> urllib.request.OpenerDirector:
        named = self._network.certificates
        if named and not Path(named).exists():
            raise ManagerError(
                f"The certificates {named} do not exist.", "Mend PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE."
            )
        folder = bool(named) and Path(named).is_dir()
        try:
            context = ssl.create_default_context(
                cafile=named if named and not folder else None, capath=named if folder else None
            )
            if self._network.client_certificate:
                context.load_cert_chain(self._network.client_certificate)
        except (ssl.SSLError, OSError) as error:
            raise ManagerError(
                f"The certificates {self._network.client_certificate or named} cannot be read: {as_sentence(error)}"
            ) from None
        return self._opener(context)

    @cached_property
    def _careless(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return self._opener(context)

    def _opener(self, context: ssl.SSLContext) -> urllib.request.OpenerDirector:
        proxy = self._network.proxy
        proxies = {"http": proxy, "https": proxy} if proxy else None
        return urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context), _Unchanged()
        )


class _Unchanged(urllib.request.HTTPErrorProcessor):
    """Hand every answer over, redirects and refusals as well: what is sent along is decided for each address anew."""

    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        del request
        return response

    https_response = http_response


def _whole(response: http.client.HTTPResponse) -> int | None:
    """Return the size of the file of which an answer is a part; None for one that is no part."""
    size = (response.headers.get("Content-Range") or "").rpartition("/")[2]
    return int(size) if response.status == http.HTTPStatus.PARTIAL_CONTENT and size.isdigit() else None


def _refusal(url: str, status: int, login: Login | None) -> ManagerError:
    if status in {404, 410}:
        return MissingError(f"{shown(url)} does not exist (HTTP {status}).")
    if status in {401, 403}:
        what = (
            f"refuses the password of {login.username!r}" if login else "asks for a password, and none is known for it"
        )
        return ManagerError(
            f"{shown(url)} {what} (HTTP {status}).",
            "Put it where uv or pip find it: a netrc file, a variable such as UV_INDEX_URL, pip.conf or a keyring.",
        )
    return ManagerError(f"{shown(url)} answers with HTTP {status}.", "Try later, or name another index.")


def _silent(url: str, error: Exception) -> ManagerError:
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return ManagerError(f"{shown(url)} does not answer: {reason}.", "Check the network and the address.")
