"""How long a try to sign in waits for those before it that have failed: pure.

Three counts guard a password. That of an account and an address together is the narrow one: who guesses from elsewhere does not move
it, so nobody locks a user out who is not at the user's own address. That of the address holds up who tries many accounts. That of the
account, over all addresses, slows down an attack that is spread over many, and for so short a time that the user gets in. The latter
two do not hold where the user has a session from, in the manner of OWASP's device cookies
(https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
"""

from collections.abc import Collection
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from penstock.model.limits.clock_difference import MOST_DIFFERENCE

_AT_ONCE = 5
_MOST_SPREAD = 100
_LONGEST_S = 900.0
_LONGEST_SPREAD_S = 30.0
_MOST_LETTERS = 200
_PREFIX = 64


class Guard(NamedTuple):
    """One count of failures, and what they cost.

    Attributes:
        key: What is counted.
        free: Failures in a row that cost nothing.
        longest_s: The longest pause, in seconds.
    """

    key: str
    free: int
    longest_s: float

    def pause(self, failures: int, failed_at: datetime | None, now: datetime) -> float:
        """Seconds to wait after so many failures, the last of them at this instant: each one doubles them."""
        if failures < self.free or failed_at is None:
            return 0.0
        if failed_at > now + MOST_DIFFERENCE:  # the clock was ahead then, and nobody waits until it is so late
            return 0.0
        pause = min(2.0 ** min(failures - self.free, 20), self.longest_s)
        return max(0.0, pause - max(0.0, (now - failed_at).total_seconds()))


def guards(name: str, source: str, known: Collection[str] = ()) -> tuple[Guard, ...]:
    """What guards a try to sign in.

    Args:
        name: The account, whether or not there is one of this name.
        source: The address.
        known: Addresses from which this user has sessions.
    """
    where, account = network(source), name[:_MOST_LETTERS]
    narrow = Guard(f"address:{where} account:{account}", _AT_ONCE, _LONGEST_S)
    if where and where in {network(each) for each in known}:
        return (narrow,)
    return (
        narrow,
        Guard(f"address:{where}", _AT_ONCE, _LONGEST_S),
        Guard(f"account:{account}", _MOST_SPREAD, _LONGEST_SPREAD_S),
    )


def network(source: str) -> str:
    """What of an address counts as one place: all of IPv4, and of IPv6 the first 64 bits, of which whoever has one has all."""
    try:
        address = ip_address(source)
    except ValueError:
        return source[:_MOST_LETTERS]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), _PREFIX), strict=False))
    return str(address)
