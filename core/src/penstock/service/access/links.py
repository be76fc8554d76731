"""Links by which a user sets a new password, once: an admin makes one, and never sees a password."""

from datetime import datetime
from secrets import token_urlsafe

import msgspec

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.access.user import LONGEST_LINK
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.service.access.tokens import digest
from penstock.service.access.users import check_password, find_user
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation


class PasswordLink(msgspec.Struct, frozen=True):
    """A link that was just made; its secret is told this once.

    Attributes:
        user: Whose password it sets.
        secret: What stands behind the address of the page: ``/reset#SECRET``.
        expires_at: When it counts no more.
    """

    user: str
    secret: str
    expires_at: datetime


@operation("POST", "/users/{user}/reset", needs=Permission.USERS_WRITE, secret_answer=True)
def reset_password(installation: Installation, user: str, *, by: AskedBy = NOBODY) -> PasswordLink:
    """Make a link by which a user sets a new password, once and within an hour; one of before counts no more.

    Until then the old password counts.

    Raises:
        NotFoundError: There is no such user.
        RequestError: The user does not sign in by a password here.
        StoreError: The database failed.
    """
    found = find_user(installation, user)
    if found.service:
        raise RequestError(f"user {user!r}: a service account never signs in. Give it a token, and no password.")
    if found.external is not None:
        raise RequestError(
            f"user {user!r} signs in as {found.external!r}, by an identity provider that has the password."
        )
    if found.disabled:
        raise RequestError(f"user {user!r} is disabled. Enable the user first: penstock users enable {user}")
    now, secret = installation.now(), token_urlsafe(32)
    until = now + LONGEST_LINK
    entry = by.entry(
        now, AuditAction.PASSWORD, subject=f"link of user {user!r}", after=f"until {until:%Y-%m-%d %H:%M} UTC"
    )
    installation.store.access.sessions.add_link(digest(secret), user, now, until, entry)
    return PasswordLink(user, secret, until)


def set_password_by_link(installation: Installation, secret: str, password_hash: str, source: str = "") -> str:
    """Set a password by the secret of a link, which counts no more; the user's sessions end.

    Args:
        installation: The installation.
        secret: The secret of the link.
        password_hash: The argon2id hash of the password.
        source: The address that it came from.

    Returns:
        The user.

    Raises:
        RequestError: The link does not count, or the hash is none.
        StoreError: The database failed.
    """
    access, now, key = installation.store.access, installation.now(), digest(secret)
    user = access.sessions.link_user(key, now)
    if user:
        check_password(user, password_hash)
        by = AskedBy(user, "the link that an admin made", source)
        entry = by.entry(now, AuditAction.PASSWORD, subject=f"user {user!r}")
    if not (user and access.users.set_password(user, password_hash, entry, link=key)):
        raise RequestError(
            "this link was used, or its time is over. Ask an admin for another: penstock users reset NAME"
        )
    return user
