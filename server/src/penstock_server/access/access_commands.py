"""Commands of users and tokens, ``penstock users COMMAND`` and ``penstock tokens COMMAND``: what they do is imported when it is done."""

from collections.abc import Sequence


def add_user(user: str, *, role: str = "", service: bool = False, external: str = "") -> int:
    """Add a user, with a password that is asked for, or from another machine with a link by which it is set.

    Args:
        user: The name.
        role: A role on everything, to begin with.
        service: Whether it is a service account, which has tokens only.
        external: What an identity provider knows the user by, who signs in there; no password is asked for.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.add(user, role=role, service=service, external=external)


def list_users() -> int:
    """List the users with their grants."""
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.show_all()


def set_password(user: str) -> int:
    """Set a user's password, which is asked for; the user's sessions end.

    Args:
        user: The user.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.password(user)


def reset_password(user: str, *, url: str = "") -> int:
    """Print a link by which a user sets a new password, once and within an hour.

    Args:
        user: The user.
        url: Where the server is reached, if not where the settings say.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.reset(user, url=url)


def tie_user(user: str, external: str) -> int:
    """Tie a user to what an identity provider knows somebody by, who signs in there as this user from then on.

    Args:
        user: The user.
        external: The issuer and the subject, with a blank between.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.tie(user, external)


def untie_user(user: str) -> int:
    """Let nobody sign in as a user by an identity provider any more.

    Args:
        user: The user.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.untie(user)


def disable_user(user: str) -> int:
    """Let a user in no more.

    Args:
        user: The user.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.disable(user)


def enable_user(user: str) -> int:
    """Let a user in again.

    Args:
        user: The user.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.enable(user)


def delete_user(user: str) -> int:
    """Delete a user with grants, tokens and sessions.

    Args:
        user: The user.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.delete(user)


def grant(  # noqa: PLR0913 - one a kind of thing that is granted
    user: str,
    role: str,
    *,
    dags: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    connections: Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    pools: Sequence[str] | None = None,
    installation: bool = False,
    everything: bool = False,
) -> int:
    """Give a user a role on some things, named by globs, or on everything.

    Args:
        user: The user.
        role: viewer, operator, editor or admin.
        dags: Globs of DAG ids.
        tags: Tags of DAGs.
        connections: Globs of connection ids.
        variables: Globs of keys of Variables.
        pools: Globs of names of pools.
        installation: The installation as a whole, too.
        everything: On everything there is.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    given = user_terminal.grant_of(
        role, dags, tags, connections, variables, pools, installation=installation, everything=everything
    )
    return user_terminal.give(user, given)


def revoke_grant(number: int) -> int:
    """Take a grant away.

    Args:
        number: The number of the grant.
    """
    from penstock_server.access import user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return user_terminal.revoke(number)


def list_teams() -> int:
    """List the teams with their members and grants."""
    from penstock_server.access import team_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.show_all()


def create_team(team: str, *, description: str = "") -> int:
    """Add a team without members.

    Args:
        team: The name.
        description: For people.
    """
    from penstock_server.access import team_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.create(team, description)


def delete_team(team: str) -> int:
    """Delete a team with its grants; its members stay users.

    Args:
        team: The team.
    """
    from penstock_server.access import team_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.delete(team)


def add_member(team: str, user: str) -> int:
    """Put a user into a team.

    Args:
        team: The team.
        user: The user.
    """
    from penstock_server.access import team_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.add(team, user)


def remove_member(team: str, user: str) -> int:
    """Take a user out of a team.

    Args:
        team: The team.
        user: The user.
    """
    from penstock_server.access import team_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.remove(team, user)


def grant_team(
    team: str,
    role: str,
    *,
    dags: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    connections: Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    pools: Sequence[str] | None = None,
) -> int:
    """Give a team a role on some things, named by globs.

    Args:
        team: The team.
        role: viewer, operator, editor or admin.
        dags: Globs of DAG ids.
        tags: Tags of DAGs.
        connections: Globs of connection ids.
        variables: Globs of keys of Variables.
        pools: Globs of names of pools.
    """
    from penstock_server.access import team_terminal, user_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return team_terminal.give(team, user_terminal.grant_of(role, dags, tags, connections, variables, pools))


def create_token(user: str, name: str, *, permissions: Sequence[str] | None = None, days: float | None = None) -> int:
    """Make a token of a user; its secret is printed this once.

    Args:
        user: Whose it is.
        name: What it is for.
        permissions: What it is limited to; all that its user may, unless given.
        days: After how many days it ends; never, unless given.
    """
    from penstock_server.access import token_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return token_terminal.create(user, name, permissions=permissions, days=days)


def ensure_token(user: str, name: str, file: str, *, role: str = "", permissions: Sequence[str] | None = None) -> int:
    """Have a service account with a token whose secret a file has, made elsewhere; nothing changes if both are there.

    Args:
        user: The service account.
        name: What the token is for; an earlier one of this name ends.
        file: The file with the secret.
        role: A role on everything, for an account that is added.
        permissions: What the token is limited to; all that its account may, unless given.
    """
    from penstock_server.access import token_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return token_terminal.ensure(user, name, file, role=role, permissions=permissions)


def list_tokens(*, user: str = "") -> int:
    """List the tokens of all users, or of one.

    Args:
        user: The user.
    """
    from penstock_server.access import token_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return token_terminal.show_all(user=user)


def revoke_token(token_id: str) -> int:
    """Delete a token, which counts no more within a second.

    Args:
        token_id: Its id.
    """
    from penstock_server.access import token_terminal  # noqa: PLC0415 - a manifest's object is light to import

    return token_terminal.revoke(token_id)
