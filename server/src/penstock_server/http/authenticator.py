"""Who a request comes from."""

import hmac
import os
import re
import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

from penstock.model.access.principal import OWNER, Principal
from penstock_server.http.problems import RefusedError

TOKEN_FILE = "server.token"  # noqa: S105 - a name
"""In the state folder: what lets programs of this machine in."""

_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
_MOST_CHARACTERS = 1_000


class Authenticator(Protocol):
    """Finds who a request comes from, by its headers; it is asked before a byte of the body is read."""

    def principal(self, request: Request) -> Principal:
        """Find who asks; may take its time, as it is called in a thread.

        Raises:
            RefusedError: Nobody who is known.
        """

    def remembered(self, request: Request) -> Principal | None:
        """Who asks, if that can be said at once, without a look into the database; None if `principal` is to be asked."""


class OwnerToken:
    """Knows who can read a file of the state folder: whoever can, can read the database, too, and may everything.

    Implements `Authenticator`.

    Args:
        secret: What the file holds.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    @classmethod
    def of(cls, state_folder: Path) -> "OwnerToken":
        """Read the one of before, or make one where only this user can read it: programs and tabs that have it go on.

        One that others can read, or that is no token, is replaced. To have another, delete the file and start the server again.
        """
        path = state_folder / TOKEN_FILE
        found = _read(path)
        if not found:
            new = path.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
            new.replace(path)
            found = _read(path)  # two that start at once go by the one that is there at the end
        return cls(found)

    def principal(self, request: Request) -> Principal:
        """The owner, if the token is right; raises RefusedError."""
        found = self.remembered(request)
        if found is None:
            raise unknown()
        return found

    def remembered(self, request: Request) -> Principal | None:
        """The owner, if the token is right."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(errors="replace"), self._secret):
            return OWNER
        return None


def _read(path: Path) -> str:
    """What the file holds, if it is a token that only this user can read; else ""."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
            found, facts = file.read(_MOST_CHARACTERS), os.fstat(file.fileno())
    except (OSError, UnicodeDecodeError):
        return ""
    own = facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
    return found if own and _TOKEN.fullmatch(found) else ""


def unknown() -> RefusedError:
    """The refusal of a request that nobody who is known has sent."""
    return RefusedError(
        HTTPStatus.UNAUTHORIZED,
        "this needs a valid token, sent as `Authorization: Bearer TOKEN`.",
        {"WWW-Authenticate": "Bearer"},
    )
