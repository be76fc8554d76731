"""Reads the ``Idempotency-Key`` of a request, and what it is the key of."""

import hashlib
from http import HTTPStatus

import msgspec

from penstock.model.access.principal import Principal
from penstock.service.operations.operation import Operation
from penstock_server.http.problems import RefusedError

LONGEST_KEY = 200
"""Characters of a key."""


def key_of(written: str) -> str:
    """The key of a header; "" if there is none. Quotes around it, as the draft of its standard has them, are no part of it.

    Raises:
        RefusedError: It is no key.
    """
    key = written.strip().removeprefix('"').removesuffix('"')
    if written and not (key and len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"the Idempotency-Key cannot be used: write 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID.",
        )
    return key


def scope_of(principal: Principal) -> str:
    """Whose keys somebody's are: those of a person, or of the person's tokens of the same limits."""
    only = "" if principal.only is None else "\n".join(["", *sorted(principal.only)])
    return principal.name + only


def rights_of(principal: Principal, operation: Operation) -> bytes:
    """What somebody may, for an operation that asks for more than can be required before it is done; else nothing.

    One whose permission is on a thing that it names is answered again as long as that is granted.
    """
    if operation.subject:
        return b""
    return b"".join(sorted(map(msgspec.json.encode, principal.grants)))


def fingerprint(*parts: bytes | str) -> bytes:
    """A hash by which a request is told from others."""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        made.update(len(content).to_bytes(8, "big") + content)
    return made.digest()
