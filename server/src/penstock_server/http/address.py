"""The address that the server listens on."""

import ipaddress
import socket
from typing import NamedTuple

from penstock.errors import ConfigError

_BACKLOG = 2048
_MOST_PORT = 65_535


class Address(NamedTuple):
    """Where the server listens.

    Attributes:
        host: Name or address of this machine, one that only itself reaches.
        port: 0 for one that is free.
    """

    host: str = "127.0.0.1"
    port: int = 8080


def check(address: Address) -> None:
    """Check what an address is, before anything is opened.

    Raises:
        ConfigError: No such port can be, or others reach the host, who would see all of the installation.
    """
    if not 0 <= address.port <= _MOST_PORT:
        raise ConfigError(
            f"The server cannot listen: port = {address.port}; write 0 to {_MOST_PORT:,}, 0 for one that is free."
        )
    if address.host != "localhost" and not _is_loopback(address.host):
        raise ConfigError(
            f"The server does not listen on host = {address.host!r}: it has no TLS, and other machines may reach that. "
            "Write 127.0.0.1, ::1 or localhost."
        )


def listen(address: Address) -> socket.socket:
    """Open a socket that listens on an address.

    Raises:
        ConfigError: The address is no good, is taken, or may not be had by this user.
    """
    check(address)
    try:
        # Named TCP, and not just a stream: asyncio turns off Nagle's algorithm on such sockets alone, which holds answers back for 40 ms.
        found = socket.getaddrinfo(address.host, address.port, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refused(address, error) from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(_BACKLOG)
    except OSError as error:
        opened.close()
        raise _refused(address, error) from None
    return opened


def url_of(listening: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(address: Address, error: OSError) -> ConfigError:
    return ConfigError(
        f"The server cannot listen on host = {address.host!r}, port = {address.port}: {error.strerror}. "
        "Choose another port, or end what listens there."
    )
