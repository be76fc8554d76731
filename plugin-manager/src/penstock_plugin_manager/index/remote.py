"""Asking servers over HTTP; a module of its own, because loading what it needs takes longer than most commands."""

from __future__ import annotations

import functools
import http.client
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.response import Response

_TIMEOUT = 20.0
_LIMIT = 256 << 20


def get(url: str, accept: str) -> Response:
    """Fetch an ``http:`` or ``https:`` address.

    Raises:
        MissingError: there is nothing under that address.
        ManagerError: the network is down, or the server fails.
    """
    try:
        return _remote(urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "penstock-plugin-manager"}))  # noqa: S310  the caller checks the scheme
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {404, 410}:
                raise MissingError(f"{url} does not exist (HTTP {error.code}).") from None
            raise ManagerError(f"{url} answers with HTTP {error.code}.", "Try later, or name another index.") from None
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ManagerError(f"{url} does not answer: {reason}.", "Check the network and the address.") from None


def _remote(request: urllib.request.Request) -> Response:
    with urllib.request.urlopen(request, timeout=_TIMEOUT, context=_trust()) as response:  # noqa: S310  as above
        body = response.read(_LIMIT + 1)
        if len(body) > _LIMIT:
            raise ManagerError(f"{request.full_url} is larger than {_LIMIT >> 20} MB.", "Name the right address.")
        return Response(body, response.headers.get_content_type(), response.url)


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return the trust of the system, or of the file that pip and uv are told to use."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("PIP_CERT")
    return ssl.create_default_context(cafile=named if named and Path(named).is_file() else None)


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
