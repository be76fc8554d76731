"""``penstock queues``: what waits, and how many workers that wants."""

import click

from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.service.figures import figures as service


@click.group()
def queues() -> None:
    """What waits in queues; [queues] routes them to executors, tasks name theirs."""


@queues.command("list")
@click.option(
    "--tries-per-worker",
    type=click.IntRange(min=1),
    help="Tries that a worker runs at once, if not as [queues] says.",
)
@json_option
@click.pass_context
def list_queues(context: click.Context, *, tries_per_worker: int | None, as_json: bool) -> None:
    """List queues with what waits, what runs, and the workers that could be at work now."""
    with project(context) as installation:
        found = service.list_queues(installation, tries_per_worker=tries_per_worker)
    if as_json:
        print_json(found)
        return
    rows = [
        (each.name, each.executor, each.waiting, f"{each.oldest_s:.0f} s" if each.waiting else "", each.held, each.wanted, each.workers)
        for each in found
    ]  # fmt: skip
    print_table(["queue", "executor", "waiting", "oldest", "held", "could run", "workers wanted"], rows, empty="none")
