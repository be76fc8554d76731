"""Where a server is, and how it is spoken to there."""

import http.client
import ipaddress
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from penstock.errors import ConfigError, as_sentence

SERVER, TOKEN, AUTHORITY = "PENSTOCK_SERVER", "PENSTOCK_TOKEN", "PENSTOCK_SERVER_AUTHORITY"
"""Variables of the environment: the URL of the server that is asked in place of what is here, who asks it, and who vouches for it."""


class ServerAddress(NamedTuple):
    """Where a server is.

    Attributes:
        secure: Whether it is spoken to by TLS, whose certificate is verified.
        host: Its name or address.
        port: Its port.
        prefix: What its paths begin with, behind a proxy that serves more; "" for most.
        authority: Certificates in PEM by which its own is verified, beside those that this machine trusts.
    """

    secure: bool
    host: str
    port: int
    prefix: str
    authority: str = ""

    def __str__(self) -> str:
        """Its URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.prefix}"

    def connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """A new connection, which is opened with its first request."""
        if self.secure:
            context = ssl.create_default_context()
            if self.authority:
                context.load_verify_locations(cadata=self.authority)
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)


def server_address(url: str, authority: str = "") -> ServerAddress:
    """Read the URL of a server.

    Args:
        url: The URL.
        authority: Certificates in PEM by which it is verified, beside those that this machine trusts.

    Raises:
        ConfigError: It is none, a token that is sent there could be read on the way, or there is no certificate in `authority`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{SERVER}={url!r} is no URL: {as_sentence(error)} Write https://HOST.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"{SERVER}={url!r} is no URL of a server. Write https://HOST, with :PORT if it has one.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"{SERVER} names a user or password before its host. Write the token into {TOKEN}.")
    secure = parts.scheme == "https"
    if not secure and not _is_loopback(parts.hostname):
        raise ConfigError(
            f"{SERVER}={url!r} is no https:// URL: whoever is between here and {parts.hostname} could read the token. "
            "Write https://, or http:// for a server of this machine alone."
        )
    if authority:
        _check_authority(authority)
    return ServerAddress(secure, parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"), authority)


def _check_authority(authority: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=authority)
    except (ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise ConfigError(
            f"{AUTHORITY} holds no certificate in PEM: {why}. {AUTHORITY}_FILE names a file that has one, as it begins with "
            "-----BEGIN CERTIFICATE-----."
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
