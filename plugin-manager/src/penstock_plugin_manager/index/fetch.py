"""Fetching from the network or the disk, with errors that name the address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from penstock_plugin_manager.errors import ManagerError, MissingError
from penstock_plugin_manager.index.response import Response
from penstock_plugin_manager.model.lock import file_path


def fetch(url: str, accept: str = "*/*", *, offline: bool = False) -> Response:
    """Fetch an address; ``file:`` URLs and plain paths are read from the disk.

    Raises:
        MissingError: there is nothing under that address.
        ManagerError: the network is down or forbidden, or the server fails.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return _local(url, file_path(url) if parts.scheme else url)
    if parts.scheme not in {"http", "https"}:
        raise ManagerError(f"{url} cannot be fetched: {parts.scheme!r} is neither http, https nor file.")
    if offline:
        raise ManagerError(f"{url} is on the network, and --offline forbids it.", "Try without --offline.")
    from penstock_plugin_manager.index.remote import get  # noqa: PLC0415  loading it is for those who ask

    return get(url, accept)


def _local(url: str, path: str) -> Response:
    try:
        return Response(Path(path).read_bytes(), "", url)
    except FileNotFoundError:
        raise MissingError(f"{path} does not exist.") from None
    except OSError as error:
        raise ManagerError(f"{path} cannot be read: {error.strerror}.") from None
