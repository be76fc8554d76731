"""What the commands of users do."""

import getpass
import sys
from collections.abc import Sequence

from penstock.errors import RequestError
from penstock.model.access.permission import Role
from penstock.model.access.principal import Grant, everywhere
from penstock.model.history.audit import AskedBy
from penstock.service.access import grants, links, users
from penstock.service.access.grant_entries import grant_text
from penstock.service.installation import Installation
from penstock.service.operations.page import every
from penstock_server.access.passwords import hashed
from penstock_server.opened import asked, opened, server_asked

_USERS = 200


def add(user: str, *, role: str = "", service: bool = False, external: str = "") -> int:
    """Add a user, with a password that is asked for, or from another machine with a link by which it is set.

    Args:
        user: The name.
        role: A role on everything, to begin with.
        service: Whether it is a service account, which has tokens only.
        external: What an identity provider knows the user by, who signs in there.
    """
    given = everywhere(role_of(role)) if role else None
    with asked() as installation:
        signs_in = not (service or external)
        if signs_in and installation.remote is None:
            users.add_user_with_password(installation, user, hashed(_asked(user)), given=given, by=asked_by())
        else:
            users.add_user(installation, user, external=external, service=service, given=given, by=asked_by())
        _print(f"added {user}, {f'{role} on everything' if role else 'who may nothing yet: penstock users grant'}")
        if signs_in and installation.remote is not None:  # a request brings no password, and no hash of one
            _print(f"{user} sets a password, once and within an hour, at {_link(installation, user, '')}")
    return 0


def show_all() -> int:
    """List the users with their grants."""
    with asked() as installation:
        for each in every(lambda after: users.list_users(installation, after=after, limit=_USERS)):
            kind = "service account" if each.service else "user" if each.password else "user without a password"
            _print(f"{each.name}  {kind}{', disabled' if each.disabled else ''}")
            for held in each.grants:
                of = f" (team {held.team})" if held.team else ""
                _print(f"  grant {held.number}: {grant_text(held.grant)}{of}")
    return 0


def password(user: str) -> int:
    """Set a user's password, which is asked for; the user's sessions end."""
    with opened() as installation:
        users.find_user(installation, user)
        users.set_password(installation, user, hashed(_asked(user)), by=asked_by())
    _print(f"set the password of {user}")
    return 0


def reset(user: str, *, url: str) -> int:
    """Print a link by which a user sets a new password."""
    with asked() as installation:
        _print(_link(installation, user, url))
    return 0


def _link(installation: Installation, user: str, url: str) -> str:
    from penstock_server.server_settings import url_of  # noqa: PLC0415 - other commands need no web framework

    place = url_of(installation, url or server_asked())
    made = links.reset_password(installation, user, by=asked_by())
    return f"{place}/reset#{made.secret}"  # behind #, which browsers send to nobody: it is in no log


def tie(user: str, external: str) -> int:
    """Tie a user to what an identity provider knows somebody by."""
    with asked() as installation:
        users.set_external(installation, user, external, by=asked_by())
    _print(f"tied {user} to {external}, and ended the user's sessions")
    return 0


def untie(user: str) -> int:
    """Let nobody sign in as a user by an identity provider any more."""
    with asked() as installation:
        users.set_external(installation, user, "", by=asked_by())
    _print(f"untied {user}, who signs in by a password alone: penstock users reset {user}")
    return 0


def disable(user: str) -> int:
    """Let a user in no more."""
    return _set_disabled(user, disabled=True)


def enable(user: str) -> int:
    """Let a user in again."""
    return _set_disabled(user, disabled=False)


def delete(user: str) -> int:
    """Delete a user with grants, tokens and sessions."""
    with asked() as installation:
        users.delete_user(installation, user, by=asked_by())
    _print(f"deleted {user}")
    return 0


def give(user: str, given: Grant) -> int:
    """Give a user a role on some things, named by globs, or on everything."""
    with asked() as installation:
        held = grants.grant(installation, user, given, by=asked_by())
    _print(f"gave {user} grant {held.number}: {grant_text(given)}")
    return 0


def revoke(number: int) -> int:
    """Take a grant away."""
    with asked() as installation:
        grants.revoke(installation, number, by=asked_by())
    _print(f"took grant {number} away")
    return 0


def asked_by() -> AskedBy:
    """Who is at this machine, for the audit."""
    try:
        return AskedBy(getpass.getuser(), "")
    except (OSError, KeyError):
        return AskedBy("", "")


def _set_disabled(user: str, *, disabled: bool) -> int:
    with asked() as installation:
        users.set_disabled(installation, user, disabled=disabled, by=asked_by())
    _print(f"{'disabled' if disabled else 'enabled'} {user}")
    return 0


def role_of(role: str) -> Role:
    """The role of this name; raises RequestError."""
    if role not in set(Role):
        raise RequestError(f"there is no role {role!r}. Roles: {', '.join(Role)}.")
    return Role(role)


def grant_of(  # noqa: PLR0913 - one a kind of thing that is granted
    role: str,
    dags: Sequence[str] | None,
    tags: Sequence[str] | None,
    connections: Sequence[str] | None,
    variables: Sequence[str] | None,
    pools: Sequence[str] | None,
    *,
    installation: bool = False,
    everything: bool = False,
) -> Grant:
    """The grant that the options of a command say; raises RequestError."""
    if everything:
        return everywhere(role_of(role))
    return Grant(
        role_of(role),
        tuple(dags or ()),
        tuple(tags or ()),
        tuple(connections or ()),
        tuple(variables or ()),
        tuple(pools or ()),
        installation=installation,
    )


def _asked(user: str) -> str:
    # Never an argument: those of a process are seen by everybody on its machine, and kept by shells.
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    found = getpass.getpass(f"Password of {user}: ")
    if found != getpass.getpass("Again: "):
        raise RequestError("the passwords differ. Nothing was changed.")
    return found


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the terminal that it runs in
