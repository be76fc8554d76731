"""``penstock workers``."""

import click

from penstock.cli.installation import project
from penstock.cli.requests import asked_by
from penstock.cli.terminal import json_option, print_json, print_line, print_table
from penstock.service.execution import workers as service


@click.group()
def workers() -> None:
    """Where tries of remote executors run, and which of them are to leave."""


@workers.command("list")
@json_option
@click.pass_context
def list_workers(context: click.Context, *, as_json: bool) -> None:
    """List the workers that were heard of lately, with what they take and what they have."""
    with project(context) as installation:
        found = service.list_workers(installation)
    if as_json:
        print_json(found)
        return
    print_table(
        ["worker", "executor", "queues", "host", "version", "slots", "running", "draining", "done", "failed",
            "average", "load", "last seen"],
        [_columns(each) for each in found],
        empty="none was heard of lately; `penstock worker --executor NAME --queues default` starts one",
    )  # fmt: skip


def _columns(row: service.WorkerRow) -> tuple[object, ...]:
    average = "" if row.average_s is None else f"{row.average_s:.2f} s"
    load = "" if row.load is None else f"{row.load:.2f}"
    return (
        row.name, row.executor, ", ".join(row.queues), row.host, row.version, row.slots, row.running, row.draining,
        row.done, row.failed, average, load, row.seen_at,
    )  # fmt: skip


@workers.command("drain")
@click.argument("name")
@click.pass_context
def drain_worker(context: click.Context, name: str) -> None:
    """Have the worker NAME take no try any more, and leave when those that it has have ended."""
    with project(context) as installation:
        service.drain_worker(installation, name, by=asked_by(None))
    print_line(f"{name} takes no try any more, and leaves when those that it has have ended")
