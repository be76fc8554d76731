"""``penstock services``: the long-running parts of providers that `penstock up` keeps alive."""

import click

from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_remark, print_table
from penstock.service.choices import services as service


@click.group()
def services() -> None:
    """Long-running parts of providers that `penstock up` keeps alive; [services] names them."""


@services.command("list")
@json_option
@click.pass_context
def list_services(context: click.Context, *, as_json: bool) -> None:
    """List services with their states."""
    with project(context) as installation:
        found = service.list_services(installation)
    if as_json:
        print_json(found)
        return
    print_table(
        ["service", "type", "state", "since", "process", "ends", "what", "log"],
        [(s.name, s.type, s.state, s.since, s.pid, s.ends, s.detail, s.log) for s in found],
        empty="no service. Name one in [services] of penstock.toml",
    )
    for each in found:
        for problem in each.problems:
            print_remark(f"[services.{each.name}]: {problem}")
