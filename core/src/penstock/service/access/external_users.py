"""Users whom an identity provider knows: they are made when they first sign in, and are in the teams of their groups."""

from collections.abc import Mapping

from penstock.errors import RequestError
from penstock.model.access.user import User
from penstock.model.history.audit import AskedBy, AuditAction
from penstock.service.access.grants import add_member, remove_member
from penstock.service.access.users import add_user
from penstock.service.installation import Installation

_WHY = "signed in by the identity provider"


def external_user(installation: Installation, external: str, name: str, *, create: bool, source: str = "") -> User:
    """Find the user whom an identity provider knows, or make one.

    A user who is here already under the name is never taken for this one: whoever names users there would be anybody here.

    Args:
        installation: The installation.
        external: What the provider knows the user by, which does not change there.
        name: The name for a new user.
        create: Whether there may be a new user.
        source: The address that the user came from.

    Raises:
        RequestError: There is none and none is made, the name is taken or cannot be used, or the user is disabled.
        StoreError: The database failed.
    """
    users = installation.store.access.users
    found = users.find_external(external)
    if found is not None:
        if found.disabled:
            raise RequestError(
                f"user {found.name!r} is disabled. An admin lets the user in again: penstock users enable {found.name}"
            )
        return found
    how = f"An admin adds one: penstock users add NAME --external {external!r}"
    if not create:
        raise RequestError(f"no user here is known as {external!r}. {how}")
    if not name:
        raise RequestError(f"the identity provider gives no name for who is known as {external!r}. {how}")
    if users.find(name) is not None:
        raise RequestError(
            f"there is another user {name!r} here, who does not sign in as {external!r}. {how}, or ties that one: "
            f"penstock users tie {name} {external!r}"
        )
    return add_user(installation, name, external=external, by=AskedBy(name, _WHY, source))


def end_sessions_of(installation: Installation, external: str, source: str = "") -> None:
    """End the sessions of the user whom an identity provider knows, who has logged out there; of nobody if there is no such user.

    Args:
        installation: The installation.
        external: What the provider knows the user by.
        source: The address that the provider asked from.

    Raises:
        StoreError: The database failed.
    """
    access = installation.store.access
    found = access.users.find_external(external)
    if found is not None:
        by = AskedBy(found.name, "logged out at the identity provider", source)
        access.sessions.end_all(
            found.name, by.entry(installation.now(), AuditAction.LOGOUT, subject=f"sessions of user {found.name!r}")
        )


def keep_teams(installation: Installation, user: str, teams: Mapping[str, bool], source: str = "") -> None:
    """Have a user be in teams, or not, by the groups that the identity provider tells.

    Args:
        installation: The installation.
        user: The user.
        teams: Whether the user is to be a member, by the names of the teams; others are left alone.
        source: The address that the user came from.

    Raises:
        NotFoundError: There is no such team.
        RequestError: The last admin is one by a team that is to be left.
        StoreError: The database failed.
    """
    by = AskedBy(user, _WHY, source)
    for team, member in teams.items():
        change = add_member if member else remove_member
        change(installation, team, user, by=by)
