"""``penstock pools``."""

import click

from penstock.cli.installation import installation, now
from penstock.cli.output import json_option, print_json, print_table
from penstock.service import config as service
from penstock.store import Pool


@click.group()
def pools() -> None:
    """Slots that tasks share."""


@pools.command("list")
@json_option
@click.pass_context
def list_pools(context: click.Context, *, as_json: bool) -> None:
    """List pools."""
    with installation(context) as (_, store):
        found = service.list_pools(store)
    if as_json:
        print_json(found)
    else:
        print_table(["pool", "slots", "description"], [(p.name, p.slots, p.description) for p in found], empty="none")


@pools.command("set")
@click.argument("name")
@click.argument("slots", type=int)
@click.option("--description", default="")
@json_option
@click.pass_context
def set_pool(context: click.Context, name: str, slots: int, description: str, *, as_json: bool) -> None:
    """Make or resize a pool; 0 slots close it."""
    pool = Pool(name, slots, description)
    with installation(context) as (_, store):
        service.set_pool(store, pool, now())
    if as_json:
        print_json(pool)
    else:
        click.echo(f"pool {name} has {slots} slots")


@pools.command("delete")
@click.argument("name")
@json_option
@click.pass_context
def delete_pool(context: click.Context, name: str, *, as_json: bool) -> None:
    """Delete a pool that no DAG uses."""
    with installation(context) as (_, store):
        service.delete_pool(store, name, now())
    if as_json:
        print_json({"deleted": name})
    else:
        click.echo(f"deleted pool {name}")
