"""Operations on users: list, add, disable, delete, and set their passwords, whose hashes are made by who has the password."""

import re

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.access.permission import Permission, Role
from penstock.model.access.principal import Grant, everywhere
from penstock.model.access.user import HeldGrant, User
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.service.access.grant_entries import check_grant, grant_entry
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_USERS = PagedList("users", str)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,98}[A-Za-z0-9])?")
_EXTERNAL = re.compile(r"https?://[!-~]{1,500} [ -~]{1,255}")
# RFC 9106 and the PHC string format: what argon2-cffi writes.
_HASH = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")


class UserSummary(User, frozen=True):
    """A user in a list.

    Attributes:
        grants: What the user holds, by teams as well.
    """

    grants: tuple[HeldGrant, ...] = ()


@operation("GET", "/users", needs=Permission.USERS_WRITE)
def list_users(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[UserSummary]:
    """List a page of users with their grants, by name; raises PageError or StoreError."""
    stored = installation.store.access.users
    found, end = _USERS.cut(stored.page(after=_USERS.key(after) or "", limit=limit + 1), limit, lambda user: user.name)
    held = stored.grants_of_page(found[0].name, found[-1].name) if found else {}
    items = [UserSummary(**msgspec.structs.asdict(each), grants=tuple(held.get(each.name, ()))) for each in found]
    return Page(items=items, next=end)


@operation("GET", "/users/{user}", needs=Permission.USERS_WRITE)
def show_user(installation: Installation, user: str) -> User:
    """Show a user; raises NotFoundError or StoreError."""
    return find_user(installation, user)


@operation("POST", "/users", needs=Permission.USERS_WRITE)
def add_user(
    installation: Installation,
    user: str,
    *,
    external: str = "",
    service: bool = False,
    given: Grant | None = None,
    by: AskedBy = NOBODY,
) -> User:
    """Add a user, who may nothing but what is granted, and who sets a password by a link (`reset_password`).

    Args:
        installation: The installation.
        user: The name.
        external: What an identity provider knows the user by.
        service: Whether it is a service account, which has tokens only.
        given: A grant to begin with.
        by: Who asks, for the audit.

    Raises:
        RequestError: The name is taken or cannot be used, or it is of a service account that signs in.
        StoreError: The database failed.
    """
    _check(user, "")
    _check_external(user, external, service=service)
    now = installation.now()
    return _add(installation, User(user, now, now, False, external or None, service), "", given, by)


def add_user_with_password(
    installation: Installation, user: str, password_hash: str, *, given: Grant | None = None, by: AskedBy = NOBODY
) -> User:
    """Add a user with the argon2id hash of a password; as `add_user`, and raises as it, and RequestError if the hash is none."""
    check_password(user, password_hash)
    now = installation.now()
    return _add(installation, User(user, now, now, True), password_hash, given, by)


def add_first_admin(installation: Installation, link: bytes, user: str, password_hash: str, by: AskedBy) -> bool:
    """Add the first admin by the hash of a link, which counts no more; returns whether the link counts.

    Raises:
        RequestError: The name is taken or cannot be used, or the hash is none.
        StoreError: The database failed.
    """
    _check(user, password_hash)
    now, given = installation.now(), everywhere(Role.ADMIN)
    entry = by.entry(now, AuditAction.ADD, subject=f"user {user!r}")
    return installation.store.access.users.add_first_admin(
        User(user, now, now, password=True),
        password_hash,
        given,
        link,
        entry,
        grant_entry(given, f"user {user!r}", now, by),
    )


def set_password(installation: Installation, user: str, password_hash: str, *, by: AskedBy = NOBODY) -> None:
    """Set a user's password by its argon2id hash; the user's sessions end.

    Raises:
        NotFoundError: There is no such user.
        RequestError: The hash is none, or the user is a service account.
        StoreError: The database failed.
    """
    check_password(user, password_hash)
    if find_user(installation, user).service:
        raise RequestError(f"user {user!r}: a service account never signs in. Give it a token, and no password.")
    entry = by.entry(installation.now(), AuditAction.PASSWORD, subject=f"user {user!r}")
    installation.store.access.users.set_password(user, password_hash, entry)


@operation("PUT", "/users/{user}/disabled", needs=Permission.USERS_WRITE)
def set_disabled(installation: Installation, user: str, *, disabled: bool, by: AskedBy = NOBODY) -> None:
    """Let a user in no more, or again: sessions end, and tokens do not count.

    Raises:
        NotFoundError: There is no such user.
        RequestError: It is the last admin.
        StoreError: The database failed.
    """
    entry = by.entry(
        installation.now(), AuditAction.DISABLE if disabled else AuditAction.ENABLE, subject=f"user {user!r}"
    )
    installation.store.access.users.set_disabled(user, entry, disabled=disabled)


@operation("PUT", "/users/{user}/external", needs=Permission.USERS_WRITE)
def set_external(installation: Installation, user: str, external: str, *, by: AskedBy = NOBODY) -> None:
    """Tie a user to what an identity provider knows somebody by, who signs in there as this user from then on; sessions end.

    Args:
        installation: The installation.
        user: The user.
        external: The issuer, a blank, and the subject, which do not change there; "" to untie the user.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such user.
        RequestError: It cannot be so, another user is tied to it, or the user is a service account.
        StoreError: The database failed.
    """
    found = find_user(installation, user)
    _check_external(user, external, service=found.service)
    entry = by.entry(
        installation.now(),
        AuditAction.SET,
        subject=f"identity of user {user!r}",
        before=found.external or "",
        after=external,
    )
    installation.store.access.users.set_external(user, external, entry)


@operation("DELETE", "/users/{user}", needs=Permission.USERS_WRITE)
def delete_user(installation: Installation, user: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a user with grants, tokens and sessions; what the audit says of the user stays.

    Raises:
        NotFoundError: There is no such user.
        RequestError: It is the last admin.
        StoreError: The database failed.
    """
    entry = by.entry(installation.now(), AuditAction.DELETE, subject=f"user {user!r}")
    installation.store.access.users.remove(user, entry)


def find_user(installation: Installation, user: str) -> User:
    """Find a user by name; raises NotFoundError or StoreError."""
    users = installation.store.access.users
    found = users.find(user)
    if found is None:
        raise NotFoundError("user", user, (each.name for each in users.page()))
    return found


def check_password(user: str, password_hash: str) -> None:
    """Check the hash of a user's password; raises RequestError if it is none."""
    _check(user, password_hash)
    if not password_hash:
        raise RequestError(f"user {user!r}: no hash of a password is given.")


def _add(installation: Installation, made: User, password_hash: str, given: Grant | None, by: AskedBy) -> User:
    subject = f"{'service account' if made.service else 'user'} {made.name!r}"
    entries = [by.entry(made.created_at, AuditAction.ADD, subject=subject)]
    if given is not None:
        check_grant(given)
        entries.append(grant_entry(given, f"user {made.name!r}", made.created_at, by))
    installation.store.access.users.add(made, password_hash, given, *entries)
    return made


def _check_external(user: str, external: str, *, service: bool) -> None:
    if service and external:
        raise RequestError(f"user {user!r}: a service account never signs in. Give it a token, and no password.")
    if external and not _EXTERNAL.fullmatch(external):
        raise RequestError(
            f"user {user!r}: {external[:300]!r} is nothing that an identity provider knows anybody by, and a name or a mail address is not "
            "enough. Give the issuer's URL and the subject, with a blank between: 'https://id.example.com 248289761001'."
        )


def _check(user: str, password_hash: str) -> None:
    if not _NAME.fullmatch(user):
        raise RequestError(
            f"user {user[:300]!r}: a name has 1 to 100 letters, digits and any of _ . @ + -, with a letter or digit at both ends."
        )
    if password_hash and not _HASH.fullmatch(password_hash):
        raise RequestError(
            f"user {user!r}: what was given is no argon2id hash of a password, and a password itself is never stored. "
            "Set it by penstock users or by the server."
        )
