"""A guard against connections that leave this machine."""

import contextlib
import ipaddress
import socket
import sys
from collections.abc import Iterator


class OutboundConnectionError(RuntimeError):
    """Code of a test tried to reach an address beyond this machine."""


class OutboundGuard:
    """Refuses connections of this process to anything but loopback addresses and unix sockets.

    It is an audit hook of the interpreter, so it sees every library that connects through Python's sockets. It does
    not see connections of C libraries (libpq, gRPC's core) or of other processes. `getaddrinfo` refuses names before
    it resolves them; a name given to `socket.connect` itself is resolved first. An
    audit hook can not be taken away; this one sleeps outside of `watching()`.
    """

    def __init__(self) -> None:
        self._active = 0
        self._seen: list[str] = []
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[str]]:
        """Refuse while the block runs, and yield the list of what was refused."""
        seen: list[str] = []
        self._seen = seen
        self._active += 1
        try:
            yield seen
        finally:
            self._active -= 1

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._active:
            return
        if event in {"socket.connect", "socket.sendto"}:
            address = arguments[1]
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            address = (arguments[0], arguments[1] if len(arguments) > 1 else None)
        else:
            return
        if not _is_local(address):
            self._seen.append(f"{event} {address!r}")
            raise OutboundConnectionError(f"{event} to {address!r}: tests may reach this machine alone")


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a unix socket's path, or an address family of this machine alone
    host = address[0]
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str | None):
        return True  # a netlink socket's numbers
    if host in {None, "", "localhost", socket.gethostname()}:
        return True
    try:
        ip = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return ip.is_loopback or ip.is_unspecified
