"""What a proxy in front of the server tells of a request: from where it came, and how. It is believed of declared proxies alone."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import Scope

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_MOST = 32  # addresses of a chain that are looked at


class Sender(NamedTuple):
    """A request as it was before proxies passed it on.

    Attributes:
        client: The address that it came from.
        scheme: How the first proxy that is believed was asked; "" if it does not say.
        host: The name that was asked, as the header ``Host`` has it.
        by_proxy: Whether the one who has connected is a declared proxy.
        passed_on: Whether it says that it passes the request on for somebody.
    """

    client: str
    scheme: str
    host: str
    by_proxy: bool
    passed_on: bool


class Proxies:
    """The declared proxies.

    Args:
        networks: Their addresses or networks, as they are written.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in networks]

    def sender(self, scope: Scope) -> Sender:
        """What is known of a request; headers of anybody else than a declared proxy say nothing."""
        peer, headers = scope["client"][0] if scope.get("client") else "", Headers(scope=scope)
        found = address_of(peer)
        if found is None or not self._trusts(found):
            return Sender(peer if found is None else str(found), "", headers.get("host", ""), False, False)
        scheme = (_last(headers, "x-forwarded-proto") or "").lower()
        return Sender(
            str(self._client(found, headers.getlist("x-forwarded-for"))),
            scheme if scheme in {"http", "https"} else "",
            _last(headers, "x-forwarded-host") or headers.get("host", ""),
            by_proxy=True,
            passed_on=any(name.startswith("x-forwarded-") for name in headers),
        )

    def _client(self, peer: IpAddress, lines: Sequence[str]) -> IpAddress:
        """The last address of the chain that no declared proxy has: what stands before it, whoever that is may have written."""
        for each in [entry for line in lines for entry in line.split(",")][: -_MOST - 1 : -1]:
            before = address_of(each)
            if before is None or not self._trusts(peer):
                break
            peer = before
        return peer

    def _trusts(self, address: IpAddress) -> bool:
        return any(address in network for network in self._networks)


def network_problem(written: str) -> str:
    """What is wrong with an entry of ``trusted_proxies``, as a sentence; "" if nothing is."""
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        return (
            f"The server cannot trust the proxy trusted_proxies = {written!r}: that is no address and no network. "
            "Write such as 10.0.0.5 or 10.0.0.0/24."
        )
    if network.prefixlen == 0:
        return (
            f"The server does not trust every address, trusted_proxies = {written!r}: whoever asks could say to be somebody else. "
            "Write the addresses of the proxies."
        )
    return ""


_LONGEST = 100  # an address with its zone and port; what is longer is none, and is not remembered either


def address_of(written: str) -> IpAddress | None:
    """The address of an entry such as ``10.0.0.1``, ``10.0.0.1:1234`` or ``[::1]:1234``; None if it is none."""
    return _address_of(written) if len(written) <= _LONGEST else None


@lru_cache(1_000)
def _address_of(written: str) -> IpAddress | None:
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _last(headers: Headers, name: str) -> str:
    """The last of what a header holds: what stands before it came from elsewhere."""
    lines = headers.getlist(name)
    return lines[-1].rpartition(",")[2].strip() if lines else ""
