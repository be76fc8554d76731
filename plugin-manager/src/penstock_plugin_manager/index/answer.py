"""What an address gave."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """What an address gave: the body, its media type and the address after redirects."""

    body: bytes
    media: str
    url: str
