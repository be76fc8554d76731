"""Composes an installation that is on another machine."""

from penstock.client.http_remote import ClientLimits, HttpRemote
from penstock.client.server_address import server_address
from penstock.clock import SystemClock
from penstock.service.installation import Installation


def remote_installation(url: str, token: str, *, authority: str = "", timeout_s: float | None = None) -> Installation:
    """The installation behind a server; nothing is asked of it yet.

    Args:
        url: Of its server.
        token: Who asks; "" for nobody.
        authority: Certificates in PEM by which the server's is verified, beside those that this machine trusts.
        timeout_s: Seconds in which the server has to answer, which is asked once then; as usual unless given.

    Raises:
        ConfigError: The URL is none of a server, or the token could be read on the way.
    """
    limits = ClientLimits() if timeout_s is None else ClientLimits(timeout_s, timeout_s, pauses_s=())
    clock = SystemClock()
    return Installation.elsewhere(HttpRemote(server_address(url, authority), token.strip(), limits, clock), clock)
