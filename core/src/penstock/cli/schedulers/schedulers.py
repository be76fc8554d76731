"""``penstock schedulers``."""

import click

from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.service.schedulers import schedulers as service


@click.group()
def schedulers() -> None:
    """Those that decide what runs, and where they are."""


@schedulers.command("list")
@json_option
@click.pass_context
def list_schedulers(context: click.Context, *, as_json: bool) -> None:
    """List the schedulers that work on the database, with the DAGs that each owns and whether it drains."""
    with project(context) as installation:
        found = service.list_schedulers(installation)
    if as_json:
        print_json(found)
        return
    print_table(
        ["scheduler", "host", "process", "since", "dags", "drained since"],
        [(s.name, s.host, s.pid, s.since, "all" if s.dags is None else s.dags, s.draining_since) for s in found],
        empty="none is running; start it with `penstock up`",
    )
