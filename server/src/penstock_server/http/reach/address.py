"""Where the server listens, and under which name browsers reach it."""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

import msgspec

from penstock.errors import ConfigError
from penstock_server.http.reach.proxies import network_problem

_BACKLOG = 2048
_MOST_PORT = 65_535
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LOOPBACK = "Write 127.0.0.1, ::1 or localhost"


class Address(msgspec.Struct, frozen=True):
    """Where the server listens, and how it is reached.

    Attributes:
        host: Name or address of this machine: one that only itself reaches, unless TLS or a proxy is declared.
        port: 0 for one that is free.
        tls_certificate: File of the certificate and those that vouch for it, PEM; "" to serve without TLS.
        tls_key: File of its private key, PEM.
        public_url: What browsers ask, such as ``https://penstock.example.com``; "" for where it listens.
        trusted_proxies: Addresses or networks of proxies, whose word on who asks, and how, is believed.
        names: More names by which machines ask, such as that of its service in a cluster; browsers are sent to none of them.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    tls_certificate: str = ""
    tls_key: str = ""
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def url(self, listening: socket.socket) -> str:
        """The URL under which people reach a socket that listens here."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host, port = listening.getsockname()[:2]
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def public_host(self) -> str:
        """The name in the public URL; "" without one."""
        return (urlsplit(self.public_url).hostname or "") if self.public_url else ""

    @property
    def known_url(self) -> str:
        """Where people reach the server, as far as that is known before it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"


def check(address: Address) -> None:
    """Check what an address is, before anything is opened.

    Raises:
        ConfigError: It cannot be so, or others would reach the server in a way that everybody between can read.
    """
    problem = _part_problem(address) or _reach_problem(address)
    if problem:
        raise ConfigError(problem)


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


def _part_problem(address: Address) -> str:
    """What is wrong with one of its parts; "" if nothing is."""
    if not 0 <= address.port <= _MOST_PORT:
        return f"The server cannot listen: port = {address.port}; write 0 to {_MOST_PORT:,}, 0 for one that is free."
    if bool(address.tls_certificate) != bool(address.tls_key):
        given, lacks = ("tls_certificate", "tls_key") if address.tls_certificate else ("tls_key", "tls_certificate")
        return f"The server cannot speak TLS: {given} is given and {lacks} is not. Give both, or neither."
    if strange := [each for each in address.names if not _NAME.fullmatch(each)]:
        return f"The server is not asked by names = {strange[0]!r}: write a host name alone, such as penstock.internal."
    networks = [problem for each in address.trusted_proxies if (problem := network_problem(each))]
    return networks[0] if networks else _url_problem(address.public_url)


def _url_problem(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.query or parts.fragment:
        return f"The server cannot be reached at public_url = {url!r}: write it as https://HOST or https://HOST:PORT."
    if parts.path not in {"", "/"}:
        return (
            f"The server cannot be reached at public_url = {url!r}: it is not served below a path, as its cookies and pages "
            f"count for a whole host. Give it a host name of its own, such as {parts.scheme}://penstock.{parts.hostname}."
        )
    return ""


def _reach_problem(address: Address) -> str:
    """Why others would reach the server as they must not; "" if they do not."""
    here = _is_loopback(address.host)
    protected = bool(address.tls_certificate or address.trusted_proxies)
    if not here and not protected:
        return (
            f"The server does not listen on host = {address.host!r}: other machines may reach that, and without TLS everybody between "
            f"reads passwords and tokens. {_LOOPBACK}; or give tls_certificate and tls_key; or name the proxy that speaks TLS in "
            "trusted_proxies."
        )
    if not address.public_url:
        if address.trusted_proxies:
            return (
                "The server does not trust the proxies of trusted_proxies without public_url: it answers to names that it knows alone. "
                "Write what browsers ask of the proxy, such as https://penstock.example.com."
            )
        if not here:
            return (
                f"The server does not listen on host = {address.host!r} without public_url: it answers to names that it knows alone. "
                "Write what browsers ask, such as https://penstock.example.com."
            )
        return ""
    secure = urlsplit(address.public_url).scheme == "https"
    if secure and not protected:
        return (
            f"The server is not reached at public_url = {address.public_url!r}: nothing speaks TLS. Give tls_certificate and tls_key, "
            "or name the proxy that does in trusted_proxies."
        )
    if not secure and (address.tls_certificate or not _is_loopback(address.public_host)):
        return (
            f"The server is not reached at public_url = {address.public_url!r}: without TLS everybody between reads passwords and "
            "tokens. Write https://."
        )
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(address: Address, error: OSError) -> ConfigError:
    return ConfigError(
        f"The server cannot listen on host = {address.host!r}, port = {address.port}: {error.strerror}. "
        "Choose another port, or end what listens there."
    )
