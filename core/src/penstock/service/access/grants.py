"""Operations on roles, grants and teams: who may do what."""

import msgspec

from penstock.errors import NotFoundError
from penstock.model.access.permission import MEANINGS, ROLES, SCOPES, Permission, Role, Scope
from penstock.model.access.principal import Grant
from penstock.model.access.user import HeldGrant, Team
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.names import check_name
from penstock.service.access.grant_entries import check_grant, grant_entry, grant_text
from penstock.service.access.users import find_user
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import Page, PagedList, PageSize

_GRANTS, _TEAMS = PagedList("grants", int), PagedList("teams", str)


class RolePermission(msgspec.Struct, frozen=True):
    """What a permission allows, what it is asked of, and the roles that have it."""

    permission: Permission
    meaning: str
    scope: Scope
    roles: tuple[Role, ...]


@operation("GET", "/roles", needs=None)
def list_permissions(installation: Installation) -> list[RolePermission]:  # noqa: ARG001 - every operation has it
    """List every permission, what it allows, and the roles that have it."""
    return [
        RolePermission(each, MEANINGS[each], SCOPES[each], tuple(role for role in Role if each in ROLES[role]))
        for each in Permission
    ]


@operation("GET", "/users/{user}/grants", needs=Permission.USERS_WRITE)
def list_grants(installation: Installation, user: str, *, after: str = "", limit: PageSize = 200) -> Page[HeldGrant]:
    """List a page of the grants that a user holds, those of the user's teams included; raises NotFoundError, PageError or StoreError."""
    find_user(installation, user)
    return _GRANTS.page_of_all(installation.store.access.users.grants(user), after, limit, lambda each: each.number)


@operation("GET", "/teams/{team}/grants", needs=Permission.USERS_WRITE)
def list_team_grants(
    installation: Installation, team: str, *, after: str = "", limit: PageSize = 200
) -> Page[HeldGrant]:
    """List a page of the grants that a team holds; raises NotFoundError, PageError or StoreError."""
    _find_team(installation, team)
    found = installation.store.access.users.team_grants(team)
    return _GRANTS.page_of_all(found, after, limit, lambda each: each.number)


@operation("POST", "/users/{user}/grants", needs=Permission.USERS_WRITE)
def grant(installation: Installation, user: str, given: Grant, *, by: AskedBy = NOBODY) -> HeldGrant:
    """Give a user a role on some things; the user's sessions end, so that it counts from the next one on.

    Raises:
        NotFoundError: There is no such user.
        RequestError: The grant names nothing.
        StoreError: The database failed.
    """
    return _give(installation, given, by, user=user)


@operation("POST", "/teams/{team}/grants", needs=Permission.USERS_WRITE)
def grant_team(installation: Installation, team: str, given: Grant, *, by: AskedBy = NOBODY) -> HeldGrant:
    """Give a team a role on some things; the sessions of its members end.

    Raises:
        NotFoundError: There is no such team.
        RequestError: The grant names nothing.
        StoreError: The database failed.
    """
    return _give(installation, given, by, team=team)


@operation("DELETE", "/grants/{number}", needs=Permission.USERS_WRITE)
def revoke(installation: Installation, number: int, *, by: AskedBy = NOBODY) -> None:
    """Take a grant away; the sessions of whoever held it end.

    Raises:
        NotFoundError: There is no such grant.
        RequestError: The last admin holds it.
        StoreError: The database failed.
    """
    users = installation.store.access.users
    held = users.grant(number)
    if held is None:
        raise NotFoundError("grant", str(number))
    entry = by.entry(installation.now(), AuditAction.REVOKE, subject=str(held), before=grant_text(held.grant))
    users.revoke(number, entry)


@operation("GET", "/teams", needs=Permission.USERS_WRITE)
def list_teams(installation: Installation, *, after: str = "", limit: PageSize = 200) -> Page[Team]:
    """List a page of the teams with their members, by name; raises PageError or StoreError."""
    return _TEAMS.page_of_all(installation.store.access.users.teams(), after, limit, lambda each: each.name)


@operation("GET", "/teams/{team}", needs=Permission.USERS_WRITE)
def show_team(installation: Installation, team: str) -> Team:
    """Show a team with its members; raises NotFoundError or StoreError."""
    return _find_team(installation, team)


@operation("POST", "/teams", needs=Permission.USERS_WRITE)
def add_team(installation: Installation, team: str, description: str = "", *, by: AskedBy = NOBODY) -> Team:
    """Add a team without members; raises RequestError if the name is taken or cannot be used, or StoreError."""
    check_name("team", team)
    now = installation.now()
    made = Team(team, description, now)
    installation.store.access.users.add_team(made, by.entry(now, AuditAction.ADD, subject=f"team {team!r}"))
    return made


@operation("DELETE", "/teams/{team}", needs=Permission.USERS_WRITE)
def delete_team(installation: Installation, team: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a team with its grants; its members stay users.

    Raises:
        NotFoundError: There is no such team.
        RequestError: The last admin is one by this team.
        StoreError: The database failed.
    """
    entry = by.entry(installation.now(), AuditAction.DELETE, subject=f"team {team!r}")
    installation.store.access.users.remove_team(team, entry)


@operation("PUT", "/teams/{team}/members/{user}", needs=Permission.USERS_WRITE)
def add_member(installation: Installation, team: str, user: str, *, by: AskedBy = NOBODY) -> bool:
    """Put a user into a team; returns whether that changed anything. Raises NotFoundError or StoreError."""
    entry = by.entry(installation.now(), AuditAction.ADD, subject=f"user {user!r} to team {team!r}")
    return installation.store.access.users.set_member(team, user, entry, member=True)


@operation("DELETE", "/teams/{team}/members/{user}", needs=Permission.USERS_WRITE)
def remove_member(installation: Installation, team: str, user: str, *, by: AskedBy = NOBODY) -> bool:
    """Take a user out of a team; returns whether that changed anything.

    Raises:
        NotFoundError: There is no such team or user.
        RequestError: The user is the last admin by this team.
        StoreError: The database failed.
    """
    entry = by.entry(installation.now(), AuditAction.DELETE, subject=f"user {user!r} from team {team!r}")
    return installation.store.access.users.set_member(team, user, entry, member=False)


def _give(installation: Installation, given: Grant, by: AskedBy, *, user: str = "", team: str = "") -> HeldGrant:
    check_grant(given)
    now = installation.now()
    holder = f"team {team!r}" if team else f"user {user!r}"
    entry = grant_entry(given, holder, now, by)
    number = installation.store.access.users.add_grant(given, now, entry, user=user, of_team=team)
    return HeldGrant(number, user, team, given, now)


def _find_team(installation: Installation, team: str) -> Team:
    known = {each.name: each for each in installation.store.access.users.teams()}
    if team not in known:
        raise NotFoundError("team", team, known)
    return known[team]
