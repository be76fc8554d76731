"""What is known of the network before anything is asked: where to ask, as whom, and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from penstock_plugin_manager.errors import UsageError


class Login(NamedTuple):
    """User name and password for everything below an address."""

    address: str
    username: str
    password: str


class Network(NamedTuple):
    """How servers are asked, the same by the manager, uv and pip.

    Attributes:
        logins: Credentials that came with an address.
        keyring: Whether the program ``keyring`` may be asked for passwords.
        certificates: File or folder of the authorities that are trusted; "" for the system's.
        client_certificate: File with certificate and key that are shown to servers; "" for none.
        trusted_hosts: Hosts whose certificate is not checked, with or without a port.
        proxy: Address of a proxy for every request; "" leaves it to ``HTTP_PROXY`` and its like.
        variables: The environment variables in which credentials are looked for.
        services: The indexes, by whose addresses a keyring knows passwords.
    """

    logins: tuple[Login, ...] = ()
    keyring: bool = False
    certificates: str = ""
    client_certificate: str = ""
    trusted_hosts: tuple[str, ...] = ()
    proxy: str = ""
    variables: Mapping[str, str] = {}
    services: tuple[str, ...] = ()

    def with_address(self, address: str) -> tuple[str, Network]:
        """Return an address without its user name and password, and the network that knows them.

        Raises:
            UsageError: it is no address.
        """
        bare, username, password = taken_apart(address)
        if not username and not password:
            return bare, self
        return bare, self._replace(logins=(*self.logins, Login(bare, username, password)))

    def login_for(self, url: str) -> Login | None:
        """Return the credentials that came with the address nearest to a URL: of the same host, with the longest common path."""
        wanted = _realm(url)
        path = urlsplit(url).path
        near = [each for each in self.logins if _realm(each.address) == wanted]
        return max(near, key=lambda each: _common(urlsplit(each.address).path, path), default=None)

    def full_address(self, address: str) -> str:
        """Return an address with user name and password in it, as uv reads it from its variables."""
        login = next((each for each in self.logins if each.address == address), None)
        if login is None:
            return address
        parts = urlsplit(address)
        user = quote(login.username, safe="") + (f":{quote(login.password, safe='')}" if login.password else "")
        return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc}"))

    def is_unchecked(self, url: str) -> bool:
        """Tell whether the certificate of a URL's host is not checked."""
        parts = urlsplit(url)
        return bool({parts.hostname, parts.netloc.rpartition("@")[2]} & set(self.trusted_hosts))


def taken_apart(address: str) -> tuple[str, str, str]:
    """Return an address without user name and password, and these two, decoded.

    Raises:
        UsageError: it is no address.
    """
    if "://" not in address:
        return address, "", ""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  reading it tells whether it is a number
    except ValueError:  # its text may quote the password
        raise UsageError(
            "An address of an index cannot be read: it has no valid host or port.",
            "Write it as https://HOST/PATH/, and signs such as / # @ in a password as %2F %23 %40.",
        ) from None
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, "", ""
    username, _, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(username), unquote(password)


def shown(address: str) -> str:
    """Return an address as it may be shown: without user name, password and query."""
    try:
        bare = taken_apart(address)[0]
    except UsageError:
        return "an address"
    return bare.partition("?")[0].partition("#")[0] if "://" in bare else bare


def _realm(url: str) -> tuple[str, str | None, int | None]:
    """Return what must be equal for credentials of one address to be sent to another (RFC 7235, 2.2)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _common(one: str, other: str) -> int:
    pairs = zip(one.rstrip("/").split("/"), other.split("/"), strict=False)
    return next((at for at, (left, right) in enumerate(pairs) if left != right), one.count("/"))
