"""``penstock tenants``: who shares the installation."""

import click

from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.service.choices import tenants as service


@click.group()
def tenants() -> None:
    """Who shares the installation; [tenants] has their weights and limits, and DAG(tenant=...) names one."""


@tenants.command("list")
@json_option
@click.pass_context
def list_tenants(context: click.Context, *, as_json: bool) -> None:
    """List tenants with their weights and limits, the tasks that they run, and those that wait."""
    with project(context) as installation:
        found = service.list_tenants(installation)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            each.name or "(none named)",
            f"{each.weight:g}",
            "(any number)" if each.max_active_tasks is None else each.max_active_tasks,
            each.active,
            each.waiting,
            each.dags,
        )
        for each in found
    ]
    print_table(["tenant", "weight", "tasks at once", "active", "waiting", "DAGs"], rows, empty="no DAG yet.")
