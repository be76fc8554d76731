"""Operations on tokens and sessions: everybody's own, and those of others for whoever may make users."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe

import msgspec

from penstock.errors import ForbiddenError, NotFoundError, RequestError
from penstock.model.access.permission import MEANINGS, Permission
from penstock.model.access.principal import Grant
from penstock.model.access.user import Session, Token
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.names import check_name
from penstock.service.access.users import add_user, find_user
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_TOKENS, _SESSIONS = PagedList("tokens", tuple[str, datetime, str]), PagedList("sessions", tuple[datetime, str])
PREFIX = "penstock_"
"""What each token's secret begins with, so that scanners of code find one that was written down."""
_SECRET = re.compile(r"penstock_[A-Za-z0-9_-]{43,200}")


class NewToken(msgspec.Struct, frozen=True):
    """A token that was just made, with its secret, which is told this once."""

    token: Token
    secret: str


class PrincipalSummary(msgspec.Struct, frozen=True):
    """Who asks, and what whoever that is may do.

    Attributes:
        user: The name; "" for the owner, who works beside the database.
        grants: What is granted.
        only: What the token is limited to; None without a limit.
    """

    user: str
    grants: tuple[Grant, ...]
    only: tuple[Permission, ...] | None


@operation("GET", "/me", needs=None)
def show_me(installation: Installation) -> PrincipalSummary:
    """Show who asks, and what whoever that is may do."""
    asks = installation.principal
    only = None if asks.only is None else tuple(each for each in Permission if each in asks.only)
    return PrincipalSummary(asks.name, asks.grants, only)


@operation("GET", "/tokens", needs=None)
def list_tokens(installation: Installation, *, user: str = "", after: str = "", limit: PageSize = 200) -> Page[Token]:
    """List a page of one's own tokens, or of those of another user, by user and age.

    Raises:
        NotFoundError: There is no such user.
        ForbiddenError: They may not be seen.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    whose, behind = _whose(installation, user), _TOKENS.key(after)
    found = installation.store.access.tokens.page(whose, after=behind, limit=limit + 1)
    return _TOKENS.page(found, limit, lambda each: (each.user, each.created_at, each.token_id))


@operation("POST", "/tokens", needs=None, secret_answer=True)
def create_token(
    installation: Installation,
    name: str,
    *,
    user: str = "",
    permissions: Sequence[Permission] | None = None,
    days: float | None = None,
    by: AskedBy = NOBODY,
) -> NewToken:
    """Make a token, whose secret is told this once.

    Args:
        installation: The installation.
        name: What it is for.
        user: Whose it is; one's own unless given.
        permissions: What it is limited to; all that its user may, unless given.
        days: After how many days it ends; never, unless given.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such user.
        ForbiddenError: It is another user's, or it is asked for by a token that is limited.
        RequestError: The name or the days cannot be used, or nobody is named whose it is.
        StoreError: The database failed.
    """
    check_name("token", name)
    owner, now = _whose(installation, user), installation.now()
    if not owner:
        raise RequestError("a token belongs to a user. Name one.")
    if days is not None and not 0 < days <= 36_500:
        raise RequestError(f"token {name!r}: {days:g} days are not possible. Choose more than 0 and at most 36,500.")
    limits = None if permissions is None else tuple(each for each in Permission if each in set(permissions))
    expires_at = None if days is None else now + timedelta(days=days)
    made, secret = Token(token_hex(6), owner, name, limits, now, expires_at), PREFIX + token_urlsafe(32)
    entry = by.entry(now, AuditAction.ADD, subject=f"token {made.token_id} of user {owner!r}", after=_token_text(made))
    installation.store.access.tokens.add(made, digest(secret), entry)
    return NewToken(made, secret)


def ensure_token(
    installation: Installation,
    user: str,
    name: str,
    secret: str,
    *,
    given: Grant | None = None,
    permissions: Sequence[Permission] | None = None,
    by: AskedBy = NOBODY,
) -> bool:
    """Have a service account, and a token of it whose secret was made elsewhere, such as by what deploys the installation.

    Args:
        installation: The installation.
        user: The service account; it is added unless it is there.
        name: What the token is for; an earlier one of this name ends.
        secret: The secret.
        given: What an account that is added is granted.
        permissions: What a token that is made is limited to.
        by: Who asks, for the audit.

    Returns:
        Whether anything has changed.

    Raises:
        RequestError: The secret is too short to be one, or another user's, or the user is no service account or disabled.
        StoreError: The database failed.
    """
    check_name("token", name)
    if not _SECRET.fullmatch(secret):
        raise RequestError(
            f"token {name!r}: its secret is none. Write {PREFIX} and 43 letters and digits by chance, or more."
        )
    found = installation.store.access.users.find(user)
    if found is None:
        add_user(installation, user, service=True, given=given, by=by)
    elif not found.service:
        raise RequestError(f"user {user!r} signs in, and is no service account. Name another one.")
    elif found.disabled:
        raise RequestError(f"user {user!r} is disabled: penstock users enable {user}")
    now, stored = installation.now(), installation.store.access.tokens
    held = stored.used(digest(secret), now)
    if held is not None and (held.user, held.name) == (user, name):
        return False
    if held is not None:
        raise RequestError(
            f"token {name!r} of user {user!r}: its secret is that of a token of {held.user!r}. Make another one."
        )
    earlier = [each for each in stored.page(user) if each.name == name]
    limits = None if permissions is None else tuple(each for each in Permission if each in set(permissions))
    made = Token(token_hex(6), user, name, limits, now, None)
    entry = by.entry(now, AuditAction.ADD, subject=f"token {made.token_id} of user {user!r}", after=_token_text(made))
    stored.add(made, digest(secret), entry)
    for each in earlier:
        revoke_token(installation, each.token_id, by=by)
    return True


@operation("DELETE", "/tokens/{token_id}", needs=None)
def revoke_token(installation: Installation, token_id: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a token, which counts no more within a second; raises NotFoundError, ForbiddenError or StoreError."""
    _check_unlimited(installation)
    tokens = installation.store.access.tokens
    found = tokens.find(token_id)
    if found is None or not _may_see(installation, found.user):
        raise NotFoundError("token", token_id)
    entry = by.entry(installation.now(), AuditAction.REVOKE, subject=f"token {token_id} of user {found.user!r}")
    tokens.remove(token_id, entry)


@operation("GET", "/sessions", needs=None)
def list_sessions(
    installation: Installation, *, user: str = "", after: str = "", limit: PageSize = 200
) -> Page[Session]:
    """List a page of where one has signed in, or another user has, oldest first.

    Raises:
        NotFoundError: There is no such user.
        ForbiddenError: They may not be seen.
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    whose, behind = _whose(installation, user), _SESSIONS.key(after)
    found = installation.store.access.sessions.page(whose, after=behind, limit=limit + 1)
    return _SESSIONS.page(found, limit, lambda each: (each.created_at, each.session_id))


@operation("DELETE", "/sessions/{session_id}", needs=None)
def end_session(installation: Installation, session_id: str, *, by: AskedBy = NOBODY) -> None:
    """End a session: one's own, or of others for whoever may make users; raises NotFoundError, ForbiddenError or StoreError."""
    _check_unlimited(installation)
    may_all = installation.may(Permission.USERS_WRITE)
    entry = by.entry(installation.now(), AuditAction.LOGOUT, subject=f"session {session_id}")
    installation.store.access.sessions.remove(session_id, entry, user="" if may_all else installation.principal.name)


def digest(secret: str) -> bytes:
    """What is stored of a secret of 256 random bits: it cannot be guessed, so its hash need not be slow."""
    return sha256(secret.encode()).digest()


def _check_unlimited(installation: Installation) -> None:
    """Refuse a limited token: one that leaks must not make another that outlives it, nor end those of its user."""
    asks = installation.principal
    if asks.only is not None:
        raise ForbiddenError(
            asks.name, "see or change tokens and sessions by a token that is limited", remedy="Use one without limits."
        )


def _whose(installation: Installation, user: str) -> str:
    _check_unlimited(installation)
    own = installation.principal.name
    if not user or user == own:
        return own
    if not _may_see(installation, user):
        raise ForbiddenError(own, MEANINGS[Permission.USERS_WRITE], user)
    return find_user(installation, user).name


def _may_see(installation: Installation, user: str) -> bool:
    return user == installation.principal.name or installation.may(Permission.USERS_WRITE)


def _token_text(made: Token) -> str:
    limits = "all that the user may" if made.permissions is None else " ".join(made.permissions)
    return f"{made.name!r}: {limits}, until {_until(made.expires_at)}"


def _until(at: datetime | None) -> str:
    return "it is revoked" if at is None else f"{at:%Y-%m-%d}"
