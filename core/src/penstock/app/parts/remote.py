"""Composes an installation that is on another machine."""

from penstock.client.http_remote import HttpRemote
from penstock.client.server_address import server_address
from penstock.clock import SystemClock
from penstock.service.installation import Installation


def remote_installation(url: str, token: str) -> Installation:
    """The installation behind a server; nothing is asked of it yet.

    Args:
        url: Of its server.
        token: Who asks; "" for nobody.

    Raises:
        ConfigError: The URL is none of a server, or the token could be read on the way.
    """
    return Installation.elsewhere(HttpRemote(server_address(url), token.strip()), SystemClock())
