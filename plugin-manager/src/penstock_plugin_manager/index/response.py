"""What a server or the disk answered."""

from __future__ import annotations

from typing import NamedTuple


class Response(NamedTuple):
    """A response: the body, its media type and the address after redirects."""

    body: bytes
    media: str
    url: str
