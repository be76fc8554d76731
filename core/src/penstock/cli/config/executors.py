"""``penstock executors``: where tries run."""

from collections.abc import Sequence

import click

from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.service.choices import executors as service


@click.group()
def executors() -> None:
    """Where tries run; [executors] names them, and [queues] routes queues to them."""


@executors.command("list")
@json_option
@click.pass_context
def list_executors(context: click.Context, *, as_json: bool) -> None:
    """List executors with their capacity, the tries that they hold, and the tasks that wait."""
    with project(context) as installation:
        found = service.list_executors(installation)
    if as_json:
        print_json(found)
    else:
        print_executors(found)


def print_executors(found: Sequence[service.ExecutorUsage]) -> None:
    """Print executors as a table."""
    rows = [
        (
            each.name,
            each.type or "(not in the settings)",
            "(unknown)" if each.capacity is None else each.capacity,
            each.held,
            each.waiting,
            ", ".join(each.queues),
        )
        for each in found
    ]
    print_table(["executor", "type", "capacity", "held", "waiting", "queues"], rows, empty="none")
