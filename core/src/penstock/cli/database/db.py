"""``penstock db``."""

import click
from msgspec.structs import asdict

from penstock.cli import requests
from penstock.cli.installation import anywhere, project, require_here, require_project, settings_of
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.cli.waiting import became
from penstock.errors import ExitCode
from penstock.model.text import counted
from penstock.service.database import admin as service
from penstock.service.database import copying, upgrades
from penstock.service.installation import Installation

DAYS = click.IntRange(0, 36_500)


@click.group()
def db() -> None:
    """Check, upgrade and copy the database, delete what is old; rotate its keys."""


@db.command("upgrade")
@click.option(
    "--check", is_flag=True, help="Say what would be done, and whether schedulers may go on meanwhile; do nothing."
)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0.0),
    default=None,
    metavar="SECONDS",
    help="Have schedulers that cannot go on end what runs first, and wait so long for that.",
)
@json_option
@click.pass_context
def upgrade_database(context: click.Context, drain_s: float | None, *, check: bool, as_json: bool) -> int:
    """Bring the schema to the version that this Penstock works on, all of it or nothing.

    With --check, exit code 1 says that schedulers of an older version must end first.
    """
    with anywhere(context) as installation:
        if check:
            return _checked(installation, as_json=as_json)
        waits = None if drain_s is None else lambda done: became(done, drain_s)
        done = upgrades.upgrade_database(installation, waits, by=requests.asked_by(None))
    if as_json:
        print_json({"before": done.before, "after": done.after, "changed": done.changed})
    elif not done.changed:
        print_line(f"the schema is {done.after} already")
    else:
        made = done.before is None
        print_line(
            f"made the schema {done.after}" if made else f"upgraded the schema from {done.before} to {done.after}"
        )
    return ExitCode.DONE


def _checked(installation: Installation, *, as_json: bool) -> int:
    found = upgrades.pending_upgrade_of(installation)
    blocking = bool(found.blocking)
    if as_json:
        print_json({**asdict(found), "online": not blocking})
    elif found.before is None:
        print_line("there is no database yet")
    elif not found.migrations:
        print_line(f"the schema is {found.after} already; versions that work on {found.floor} or later may share it")
    elif blocking:
        print_line(
            f"from {found.before} to {found.after}: schedulers of an older version must end first, because of "
            f"{', '.join(found.blocking)}: stop them, or have them end what runs with --drain SECONDS"
        )
    else:
        print_line(
            f"from {found.before} to {found.after} online: schedulers may go on meanwhile, and those of versions that work on "
            f"{found.floor} or later beside new ones"
        )
    return ExitCode.FAILED if blocking else ExitCode.DONE


@db.command("copy")
@click.option(
    "--to",
    "to_url",
    required=True,
    metavar="URL",
    help="The other database, which is empty, as [database] url would name it.",
)
@json_option
@click.pass_context
def copy_database(context: click.Context, to_url: str, *, as_json: bool) -> None:
    """Copy all that is in the database into an empty one, from SQLite to PostgreSQL or back, and compare both.

    Nothing may run on either meanwhile. This one stays as it is, and the other one can be used once the copy is complete.
    """
    require_here(context)
    require_project(settings_of(context))
    with anywhere(context) as installation:
        done = copying.copy_whole_database(
            installation, to_url, _unseen if as_json else _remark, by=requests.asked_by(None)
        )
    rows = sum(each.rows for each in done.tables)
    if as_json:
        print_json(
            {"from": done.before, "to": done.after, "rows": rows, "tables": [each._asdict() for each in done.tables]}
        )
        return
    print_line(
        f"copied {counted(rows, 'row')} of {counted(len(done.tables), 'table')} from {done.before} to {done.after}, and compared them"
    )
    if shown := sum(each.made_visible for each in done.tables):
        print_line(f"characters that PostgreSQL does not take were made visible in {counted(shown, 'text')}")
    print_line(
        "to work on it, name it in [database] url or PENSTOCK_DATABASE__URL, with the same key and the same state folder"
    )


def _remark(what: str, table: str, rows: int, total: int) -> None:
    """Tell of a copy's progress beside its result."""
    print_remark(f"{what} {table}: {rows} of {counted(total, 'row')}")


def _unseen(*_done: object) -> None:
    """Say nothing beside a result that a program reads."""


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


@db.command("prune")
@click.option(
    "--runs-days", type=DAYS, default=None, help="Delete finished runs that are older; as [retention] unless given."
)
@click.option("--logs-days", type=DAYS, default=None, help="Delete logs that are older.")
@click.option("--audit-days", type=DAYS, default=None, help="Delete entries of the audit that are older.")
@click.option("--clock-is-right", is_flag=True, help="Believe the clock, now and later, though it looks far off.")
@click.option("--dry-run", is_flag=True, help="Count the runs, and delete nothing.")
@json_option
@click.pass_context
def prune_database(
    context: click.Context,
    runs_days: int | None,
    logs_days: int | None,
    audit_days: int | None,
    *,
    clock_is_right: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete now what is old, and not within the hour: finished runs with their values and logs, logs, the audit; 0 keeps it."""
    from penstock.service.retention.prune import prune  # noqa: PLC0415 - imports what opens stores

    with project(context) as installation:
        done = prune(
            installation, runs_days=runs_days, logs_days=logs_days, audit_days=audit_days, clock_is_right=clock_is_right,
            dry_run=dry_run, by=requests.asked_by(None),
        )  # fmt: skip
    if as_json:
        print_json({"deleted": not dry_run, "runs": done.runs})
    else:
        print_line(f"{counted(done.runs, 'run')} {'would be deleted' if dry_run else 'deleted'}")


@db.command("rotate-keys")
@json_option
@click.pass_context
def rotate_keys(context: click.Context, *, as_json: bool) -> None:
    """Seal every secret again with the first key; after that, the further keys can be taken away."""
    with project(context) as installation:
        number = service.rotate_keys(installation, by=requests.asked_by(None))
    if as_json:
        print_json({"encrypted": number})
    else:
        print_line(f"encrypted {number} values with the first key")


@db.command("forget-secrets")
@click.option("--yes", is_flag=True, help="Delete; without it, what would be deleted is named.")
@json_option
@click.pass_context
def forget_secrets(context: click.Context, *, yes: bool, as_json: bool) -> None:
    """Delete the connections and Variables that no key opens, where a key is lost for good."""
    with project(context) as installation:
        found = service.forget_secrets(installation, dry_run=not yes, by=requests.asked_by(None))
    if as_json:
        print_json({"deleted": yes, **asdict(found)})
        return
    named = [
        *(f"connection {name}" for name in found.connections),
        *(f"Variable {name}" for name in found.variables),
        *(f"what version {name} has read of Variables" for name in found.versions),
        *(f"what file {name} has read of Variables" for name in found.files),
    ]
    for line in named:
        print_line(f"{'deleted' if yes else 'would be deleted'}: {line}")
    if not named:
        print_line("every secret can be read")
    elif not yes:
        print_line("nothing is deleted yet: add --yes, once it is sure that the key is lost for good")
