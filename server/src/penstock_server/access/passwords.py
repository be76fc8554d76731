"""Passwords and their argon2id hashes."""

from argon2 import PasswordHasher, extract_parameters, low_level
from argon2.exceptions import InvalidHashError, VerificationError

from penstock.errors import RequestError

SHORTEST = 12
"""Characters of a password: length is what makes guessing dear."""

MOST_BYTES = 1_024
"""Bytes of a password: more is no password, and would only cost time."""

# At least what the OWASP Password Storage Cheat Sheet asks for: 19 MiB, t=2, p=1.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_COST = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
_NOBODY = f"$argon2id$v={low_level.ARGON2_VERSION}${_COST}${'A' * 22}${'A' * 43}"
"""A hash of zeros, of which nobody knows a password; it takes as long to verify as any other."""
_MOST_MEMORY_KIB, _MOST_TIME, _MOST_LANES = 262_144, 16, 16


class Passwords:
    """Makes and verifies hashes. Each costs 19 MiB while it is made: whoever calls bounds how many are made at once.

    Attributes:
        verified: How many hashes were computed to verify a password: as many for a user who is not there.
    """

    def __init__(self) -> None:
        self.verified = 0

    def verify(self, stored: str, password: str) -> bool:
        """Whether a password is that of a hash.

        Args:
            stored: The hash; "" for a user who is not there, or has none: it takes as long, and is never right.
            password: What was given.
        """
        if not _can_be(password):
            return False
        known = bool(stored) and _affordable(stored)
        self.verified += 1
        try:
            _HASHER.verify(stored if known else _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
        return known


def hashed(password: str) -> str:
    """The hash of a new password; raises RequestError if it is too short, or is none."""
    if not _can_be(password):
        raise RequestError(f"the password has more than {MOST_BYTES:,} bytes, or is no text. Choose a shorter one.")
    if len(password) < SHORTEST:
        raise RequestError(
            f"the password has {len(password)} characters. Choose one of at least {SHORTEST}: four words will do."
        )
    return _HASHER.hash(password)


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)


def _can_be(password: str) -> bool:
    try:
        return len(password.encode()) <= MOST_BYTES
    except UnicodeEncodeError:
        return False


def _affordable(stored: str) -> bool:
    # A hash may come from outside: one that asks for gigabytes is no way to stop the server.
    try:
        found = extract_parameters(stored)
    except InvalidHashError:
        return False
    return found.memory_cost <= _MOST_MEMORY_KIB and found.time_cost <= _MOST_TIME and found.parallelism <= _MOST_LANES
