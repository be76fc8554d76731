"""What the commands of teams do."""

from collections.abc import Iterator

from penstock.model.access.principal import Grant
from penstock.model.access.user import HeldGrant
from penstock.service.access import grants
from penstock.service.access.grant_entries import grant_text
from penstock.service.installation import Installation
from penstock.service.operations.page import every
from penstock_server.access.user_terminal import asked_by
from penstock_server.opened import asked


def show_all() -> int:
    """List the teams with their members and grants."""
    with asked() as installation:
        for team in every(lambda after: grants.list_teams(installation, after=after)):
            about = f"  {team.description}" if team.description else ""
            _print(f"{team.name}{about}")
            _print(f"  members: {', '.join(team.members) or 'none'}")
            for held in _grants(installation, team.name):
                _print(f"  grant {held.number}: {grant_text(held.grant)}")
    return 0


def _grants(installation: Installation, team: str) -> Iterator[HeldGrant]:
    return every(lambda after: grants.list_team_grants(installation, team, after=after))


def create(team: str, description: str) -> int:
    """Add a team without members."""
    with asked() as installation:
        grants.add_team(installation, team, description, by=asked_by())
    _print(f"added team {team}, which may nothing yet: penstock teams grant")
    return 0


def delete(team: str) -> int:
    """Delete a team with its grants."""
    with asked() as installation:
        grants.delete_team(installation, team, by=asked_by())
    _print(f"deleted team {team}")
    return 0


def add(team: str, user: str) -> int:
    """Put a user into a team."""
    with asked() as installation:
        changed = grants.add_member(installation, team, user, by=asked_by())
    _print(f"put {user} into team {team}" if changed else f"{user} is in team {team} already")
    return 0


def remove(team: str, user: str) -> int:
    """Take a user out of a team."""
    with asked() as installation:
        changed = grants.remove_member(installation, team, user, by=asked_by())
    _print(f"took {user} out of team {team}" if changed else f"{user} is not in team {team}")
    return 0


def give(team: str, given: Grant) -> int:
    """Give a team a role on some things."""
    with asked() as installation:
        held = grants.grant_team(installation, team, given, by=asked_by())
    _print(f"gave team {team} grant {held.number}: {grant_text(held.grant)}")
    return 0


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the terminal that it runs in
