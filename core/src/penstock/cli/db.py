"""``penstock db``."""

import click

from penstock.cli.installation import anywhere, project
from penstock.cli.terminal import json_option, print_json, print_line
from penstock.errors import ExitCode
from penstock.service import admin as service


@click.group()
def db() -> None:
    """Check and upgrade the database; rotate its keys."""


@db.command("upgrade")
@json_option
@click.pass_context
def upgrade_database(context: click.Context, *, as_json: bool) -> None:
    """Bring the schema to the version that this Penstock works on, all of it or nothing."""
    with anywhere(context) as installation:
        done = service.upgrade_database(installation)
    if as_json:
        print_json({"before": done.before, "after": done.after, "changed": done.changed})
    elif not done.changed:
        print_line(f"the schema is {done.after} already")
    else:
        made = done.before is None
        print_line(
            f"made the schema {done.after}" if made else f"upgraded the schema from {done.before} to {done.after}"
        )


@db.command("check")
@json_option
@click.pass_context
def check_database(context: click.Context, *, as_json: bool) -> int:
    """Read the whole database and look for damage; exit code 1 if there is any."""
    with project(context) as installation:
        found = service.check_database(installation)
    if as_json:
        print_json({"database": found.database, "problems": found.problems})
    for problem in [] if as_json else found.problems or [f"database {found.database}: no damage found"]:
        print_line(problem)
    return ExitCode.FAILED if found.problems else ExitCode.DONE


@db.command("rotate-keys")
@json_option
@click.pass_context
def rotate_keys(context: click.Context, *, as_json: bool) -> None:
    """Seal every secret again with the first key; after that, the further keys can be taken away."""
    with project(context) as installation:
        number = service.rotate_keys(installation)
    if as_json:
        print_json({"encrypted": number})
    else:
        print_line(f"encrypted {number} values with the first key")
