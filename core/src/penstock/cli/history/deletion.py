"""``penstock dags delete``."""

import time
from collections.abc import Callable
from typing import TypeVar

import click

from penstock.cli import names, requests
from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.errors import PendingError

_PAUSE_S, _SOON_S = 0.05, 10.0

Answer = TypeVar("Answer")


@click.command("delete")
@click.argument("dag_id", type=names.DAG)
@click.option("--history", is_flag=True, help="Of a DAG that a file defines: all that has ended; the DAG stays.")
@click.option("--yes", is_flag=True, help="Delete; without it, what would be deleted is counted.")
@requests.why_option
@json_option
@click.pass_context
def delete(context: click.Context, dag_id: str, *, history: bool, yes: bool, why: str | None, as_json: bool) -> None:
    """Delete a DAG that no file defines any more, with its runs, values, logs, backfills, events and versions."""
    from penstock.service.retention import dag_deletion as service  # noqa: PLC0415 - imports what opens stores

    with project(context) as installation:
        if not yes:
            found = service.preview_deletion(installation, dag_id, history_only=history)
            if as_json:
                print_json({"deleted": False, "found": found})
            else:
                print_line(f"of {dag_id} would be deleted: {service.deleted_text(found)}")
                print_remark(found.refused or "nothing was deleted. Add --yes to delete it")
            return
        by = requests.asked_by(why)
        done = _soon(lambda: service.delete_dag(installation, dag_id, history_only=history, by=by))
    if as_json:
        print_json({"deleted": True, "found": done})
    else:
        print_line(f"deleted {'' if done.dag else 'the history of '}{dag_id}: {service.deleted_text(done)}")


def _soon(call: Callable[[], Answer]) -> Answer:
    """Ask for something, and again for some seconds while it waits for something else; raises what the last call raises."""
    until = time.monotonic() + _SOON_S
    while True:
        try:
            return call()
        except PendingError:
            if time.monotonic() > until:
                raise
        time.sleep(_PAUSE_S)
