"""What the commands of tokens do."""

import sys
from collections.abc import Sequence

from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.service.access import tokens
from penstock.service.operations.page import every
from penstock_server.access.user_terminal import asked_by
from penstock_server.opened import asked


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
    for each in permissions or ():
        if each not in set(Permission):
            raise RequestError(f"there is no permission {each!r}. Permissions: {', '.join(Permission)}.")
    limits = [Permission(each) for each in permissions or ()] or None
    with asked() as installation:
        made = tokens.create_token(installation, name, user=user, permissions=limits, days=days, by=asked_by())
    print(made.secret)  # noqa: T201 - standard output is the secret alone, for scripts
    print(f"token {made.token.token_id} of {user}. The secret is not shown again.", file=sys.stderr)  # noqa: T201 - as above
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
