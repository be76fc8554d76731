"""``penstock pools``."""

import click

from penstock.cli import names, requests
from penstock.cli.config.executors import print_executors
from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_line, print_table
from penstock.model.text import counted
from penstock.service.choices.executors import list_executors
from penstock.service.config import pools as service
from penstock.service.operations.page import MOST, every


@click.group()
def pools() -> None:
    """Slots that tasks share."""


@pools.command("list")
@json_option
@click.pass_context
def list_pools(context: click.Context, *, as_json: bool) -> None:
    """List pools, and executors but for --json, with what is in use and the tasks that wait."""
    with project(context) as installation:
        found = list(every(lambda after: service.list_pools(installation, after=after, limit=MOST)))
        executors = [] if as_json else list_executors(installation)
    if as_json:
        print_json(found)
    else:
        rows = [
            (p.name, "(none)" if p.slots is None else p.slots, p.rate, p.used, p.waiting, p.problem or p.description)
            for p in found
        ]
        print_table(["pool", "slots", "rate", "used", "waiting", "description"], rows, empty="none")
        print_line("")
        print_executors(executors)


@pools.command("set")
@click.argument("name", type=names.POOL)
@click.argument("slots", type=int)
@click.option("--rate", default="", help="How many of its tasks may start in which time, such as 10/min or 3/20s.")
@click.option("--description", default="")
@json_option
@click.pass_context
def set_pool(context: click.Context, name: str, slots: int, rate: str, description: str, *, as_json: bool) -> None:
    """Make or resize a pool; 0 slots close it."""
    with project(context, create=True) as installation:
        pool = service.set_pool(installation, name, slots, description, rate=rate, by=requests.asked_by(None))
    if as_json:
        print_json(pool)
    else:
        print_line(f"pool {name} has {counted(slots, 'slot')}" + (f", and {pool.rate} may start" if pool.rate else ""))


@pools.command("delete")
@click.argument("name", type=names.POOL)
@json_option
@click.pass_context
def delete_pool(context: click.Context, name: str, *, as_json: bool) -> None:
    """Delete a pool that no DAG uses."""
    with project(context) as installation:
        service.delete_pool(installation, name, by=requests.asked_by(None))
    if as_json:
        print_json({"deleted": name})
    else:
        print_line(f"deleted pool {name}")
