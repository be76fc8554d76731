"""What the commands of tokens do."""

import sys
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import RequestError, as_sentence
from penstock.model.access.permission import Permission
from penstock.model.access.principal import everywhere
from penstock.service.access import tokens
from penstock.service.operations.page import every
from penstock_server.access.user_terminal import asked_by, role_of
from penstock_server.opened import asked, opened


def create(user: str, name: str, *, permissions: Sequence[str] | None = None, days: float | None = None) -> int:
    """Make a token of a user; its secret is printed this once.

    Args:
        user: Whose it is.
        name: What it is for.
        permissions: What it is limited to; all that its user may, unless given.
        days: After how many days it ends; never, unless given.

    Raises:
        RequestError: There is no such permission.
    """
    limits = _limits(permissions)
    with asked() as installation:
        made = tokens.create_token(installation, name, user=user, permissions=limits, days=days, by=asked_by())
    print(made.secret)  # noqa: T201 - standard output is the secret alone, for scripts
    print(f"token {made.token.token_id} of {user}. The secret is not shown again.", file=sys.stderr)  # noqa: T201 - as above
    return 0


def ensure(user: str, name: str, file: str, *, role: str = "", permissions: Sequence[str] | None = None) -> int:
    """Have a service account with a token whose secret a file has, made elsewhere; nothing changes if both are there.

    Args:
        user: The service account.
        name: What the token is for; an earlier one of this name ends.
        file: The file with the secret.
        role: A role on everything, for an account that is added.
        permissions: What the token is limited to; all that its account may, unless given.

    Raises:
        RequestError: The file cannot be read, what it has is no secret, or there is no such permission.
    """
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} cannot be read: {as_sentence(error)}") from None
    given = everywhere(role_of(role)) if role else None
    with opened() as installation:
        changed = tokens.ensure_token(
            installation, user, name, secret, given=given, permissions=_limits(permissions), by=asked_by()
        )
    print(f"{'made' if changed else 'kept'} token {name} of {user}")  # noqa: T201 - as above
    return 0


def show_all(*, user: str = "") -> int:
    """List the tokens of all users, or of one."""
    with asked() as installation:
        for each in every(lambda after: tokens.list_tokens(installation, user=user, after=after)):
            limits = "all that the user may" if each.permissions is None else " ".join(each.permissions)
            ends = "never ends" if each.expires_at is None else f"ends {each.expires_at:%Y-%m-%d}"
            used = "never used" if each.used_at is None else f"used {each.used_at:%Y-%m-%d %H:%M}"
            print(f"{each.token_id}  {each.user}  {each.name}: {limits}, {ends}, {used}")  # noqa: T201 - as above
    return 0


def revoke(token_id: str) -> int:
    """Delete a token, which counts no more within a second."""
    with asked() as installation:
        tokens.revoke_token(installation, token_id, by=asked_by())
    print(f"deleted token {token_id}")  # noqa: T201 - as above
    return 0


def _limits(permissions: Sequence[str] | None) -> list[Permission] | None:
    for each in permissions or ():
        if each not in set(Permission):
            raise RequestError(f"there is no permission {each!r}. Permissions: {', '.join(Permission)}.")
    return [Permission(each) for each in permissions or ()] or None
