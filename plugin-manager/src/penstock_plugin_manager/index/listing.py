"""The list of a wheel's members, read from the end of the file alone: what it will take on disk, and whether it is built as a wheel.

The end of a zip file names all that it holds (APPNOTE 6.3.10, 4.3.12 to 4.3.16); of a file on a server these bytes are asked for as a
range (RFC 9110, 14).
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import IO, NamedTuple

from penstock_manifest.format import plain

from penstock_plugin_manager.errors import ManagerError
from penstock_plugin_manager.index.client import Client
from penstock_plugin_manager.index.structure import listing_problem
from penstock_plugin_manager.model.lock import File

_TAIL = 64 << 10
_END = b"PK\x05\x06"
_END_SIZE = 22
_WHOLE = 32 << 20
"""Bytes of the largest file that is fetched as a whole where a server knows no ranges."""


class Listing(NamedTuple):
    """What the list of a wheel's members tells.

    Attributes:
        size: Bytes of the file.
        unpacked: Bytes of its members; None where the list cannot be read.
        problem: What is wrong with it; "" for nothing.
    """

    size: int
    unpacked: int | None
    problem: str


def read_listing(file: File, client: Client) -> Listing | None:
    """Return what the list of a wheel's members tells; None where nobody lets it be read.

    Args:
        file: The wheel.
        client: How a server is asked.
    """
    try:
        if file.local_path:
            path = Path(file.local_path)
            with path.open("rb") as stream:
                return _read(file.name, stream, path.stat().st_size)
        return _of_server(file, client)
    except (ManagerError, OSError):
        return None


def _of_server(file: File, client: Client) -> Listing | None:
    end, size = client.end_of(file.url, _TAIL, _WHOLE)
    at = end.rfind(_END)
    if at >= 0 and len(end) < size:
        length, _ = struct.unpack("<2L", end[at + 12 : at + 20])
        needed = length + len(end) - at
        if len(end) < needed <= _WHOLE:
            end, size = client.end_of(file.url, needed, _WHOLE)
    return _read(file.name, io.BytesIO(end), size) if end else None


def _read(filename: str, stream: IO[bytes], size: int) -> Listing:
    """Read a list of members; what stands before the list may be missing."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError) as error:
        return Listing(size, None, f"it cannot be unpacked ({plain(str(error), 100)})")
    return Listing(size, sum(each.file_size for each in members), listing_problem(filename, members))
