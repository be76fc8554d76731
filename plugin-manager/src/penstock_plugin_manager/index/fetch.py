"""Fetching from the network or the disk, with errors that name the address."""

from __future__ import annotations

import functools
import http.client
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError

_TIMEOUT = 20.0
_LIMIT = 256 << 20


class Answer(NamedTuple):
    """What an address gave: the body, its media type and the address after redirects."""

    body: bytes
    media: str
    url: str


def fetch(url: str, accept: str = "*/*", *, offline: bool = False) -> Answer:
    """Fetch an address; ``file:`` URLs and plain paths are read from the disk.

    Raises:
        MissingError: there is nothing under that address.
        ManagerError: the network is down or forbidden, or the server fails.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return _local(url, urllib.request.url2pathname(parts.path) if parts.scheme else url)
    if parts.scheme not in {"http", "https"}:
        raise ManagerError(f"{url} cannot be fetched: {parts.scheme!r} is neither http, https nor file.")
    if offline:
        raise ManagerError(f"{url} is on the network, and --offline forbids it.", "Try without --offline.")
    try:
        return _remote(urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "penstock-plugin-manager"}))  # noqa: S310  the scheme was checked above
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {404, 410}:
                raise MissingError(f"{url} does not exist (HTTP {error.code}).") from None
            raise ManagerError(f"{url} answers with HTTP {error.code}.", "Try later, or name another index.") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(f"{url} does not answer: {reason}.", "Check the network and the address.") from None


def _remote(request: urllib.request.Request) -> Answer:
    with urllib.request.urlopen(request, timeout=_TIMEOUT, context=_trust()) as response:  # noqa: S310  as above
        body = response.read(_LIMIT + 1)
        if len(body) > _LIMIT:
            raise ManagerError(f"{request.full_url} is larger than {_LIMIT >> 20} MB.", "Name the right address.")
        return Answer(body, response.headers.get_content_type(), response.url)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return the trust of the system, or of the file that pip and uv are told to use."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    return ssl.create_default_context(cafile=named if named and Path(named).is_file() else None)


def _local(url: str, path: str) -> Answer:
    try:
        return Answer(Path(path).read_bytes(), "", url)
    except FileNotFoundError:
        raise MissingError(f"{path} does not exist.") from None
    except OSError as error:
        raise ManagerError(f"{path} cannot be read: {error.strerror}.") from None


def content_length(url: str) -> int | None:
    """Return the size of a remote file by asking for its head, or None where the server does not say."""
    if urlsplit(url).scheme not in {"http", "https"}:
        return None
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "penstock-plugin-manager"})  # noqa: S310  the scheme was checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT, context=_trust()) as response:  # noqa: S310  as above
            text = response.headers.get("Content-Length", "")
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return None
    return int(text) if text.isdigit() else None
