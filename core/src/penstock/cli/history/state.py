"""``penstock state``."""

from collections.abc import Callable
from typing import Any

import click

from penstock.cli import names, requests
from penstock.cli.installation import project
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import json_option, print_json, print_line, print_table
from penstock.service.values import kept_state as service


@click.group()
def state() -> None:
    """What tasks and assets keep from run to run: list, show, set, delete."""


def _of(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say whose state is meant."""
    for option in (
        click.option("--asset", type=names.ASSET, default=None, metavar="URI", help="Of this asset."),
        click.option("--task", "of_task", type=names.PLAIN, default=None, help="Of this task of the DAG."),
        click.option("--dag", "of_dag", type=names.DAG, default=None, help="Of the tasks of this DAG."),
    ):
        command = option(command)
    return command


@state.command("list")
@_of
@page_options
@json_option
@click.pass_context
def list_state(
    context: click.Context,
    of_dag: str | None,
    of_task: str | None,
    asset: str | None,
    *,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List what is kept, of all tasks and assets unless some are named."""
    with project(context) as installation:
        page = service.list_state(
            installation, dag_id=of_dag or "", task_id=of_task or "", asset=asset or "", after=after or "", limit=limit
        )
    if as_json:
        print_json(page)
        return
    print_table(
        ["dag", "task", "asset", "key", "value", "changed", "by"],
        [(v.dag_id, v.task_id, v.asset, v.key, v.text(), v.changed_at, v.changed_by) for v in page.items],
        empty="nothing is kept.",
    )
    print_next(page.next)


@state.command("get")
@click.argument("key", type=names.PLAIN)
@_of
@json_option
@click.pass_context
def get_state(
    context: click.Context, key: str, of_dag: str | None, of_task: str | None, asset: str | None, *, as_json: bool
) -> None:
    """Show a value."""
    with project(context) as installation:
        found = service.show_state(installation, key, dag_id=of_dag or "", task_id=of_task or "", asset=asset or "")
    if as_json:
        print_json(found)
    else:
        print_line(found.text())


@state.command("set")
@click.argument("key", type=names.PLAIN)
@click.argument("value", metavar="JSON")
@_of
@requests.why_option
@json_option
@click.pass_context
def set_state(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    key: str,
    value: str,
    of_dag: str | None,
    of_task: str | None,
    asset: str | None,
    why: str | None,
    *,
    as_json: bool,
) -> None:
    """Set a value to JSON, such as 7, true or '"a text"'."""
    with project(context) as installation:
        service.set_state(
            installation,
            key,
            value,
            dag_id=of_dag or "",
            task_id=of_task or "",
            asset=asset or "",
            by=requests.asked_by(why),
        )
    if as_json:
        print_json({"set": True, "key": key})
    else:
        print_line(f"set {key} of {_named(of_dag, of_task, asset)}")


@state.command("delete")
@click.argument("key", type=names.PLAIN)
@_of
@requests.why_option
@json_option
@click.pass_context
def delete_state(
    context: click.Context,
    key: str,
    of_dag: str | None,
    of_task: str | None,
    asset: str | None,
    why: str | None,
    *,
    as_json: bool,
) -> None:
    """Delete a value."""
    with project(context) as installation:
        service.delete_state(
            installation, key, dag_id=of_dag or "", task_id=of_task or "", asset=asset or "", by=requests.asked_by(why)
        )
    if as_json:
        print_json({"deleted": True, "key": key})
    else:
        print_line(f"deleted {key} of {_named(of_dag, of_task, asset)}")


def _named(dag_id: str | None, task_id: str | None, asset: str | None) -> str:
    return f"asset {asset!r}" if asset else f"task {task_id!r} of DAG {dag_id!r}"
