"""``penstock db``."""

import click

from penstock.cli.installation import installation, settings_of
from penstock.cli.output import json_option, print_json
from penstock.store import upgrade


@click.group()
def db() -> None:
    """Check and upgrade the database; rotate its keys."""


@db.command("upgrade")
@json_option
@click.pass_context
def upgrade_database(context: click.Context, *, as_json: bool) -> None:
    """Bring the schema to the version that this Penstock works on, all of it or nothing."""
    before, after = upgrade(settings_of(context).database_url)
    if as_json:
        print_json({"before": before, "after": after, "changed": before != after})
    elif before == after:
        click.echo(f"the schema is {after} already")
    else:
        click.echo(f"made the schema {after}" if before is None else f"upgraded the schema from {before} to {after}")


@db.command("check")
@json_option
@click.pass_context
def check_database(context: click.Context, *, as_json: bool) -> int:
    """Read the whole database and look for damage; exit code 1 if there is any."""
    with installation(context) as (_, store):
        problems = store.check()
        name = store.name
    if as_json:
        print_json({"database": name, "problems": problems})
    for problem in [] if as_json else problems or [f"database {name}: no damage found"]:
        click.echo(problem)
    return 1 if problems else 0


@db.command("rotate-keys")
@json_option
@click.pass_context
def rotate_keys(context: click.Context, *, as_json: bool) -> None:
    """Seal every secret again with the first key; after that, the further keys can be taken away."""
    with installation(context) as (_, store):
        number = store.config.rotate_keys()
    if as_json:
        print_json({"encrypted": number})
    else:
        click.echo(f"encrypted {number} values with the first key")
