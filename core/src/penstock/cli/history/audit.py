"""``penstock audit``."""

import click

from penstock.cli import names
from penstock.cli.installation import project
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.service.history import audit as service


@click.command("audit")
@click.argument("dag_id", type=names.DAG, required=False)
@click.option("--run", "run_id", type=names.RUN, default=None, help="Only of this run.")
@page_options
@json_option
@click.pass_context
def audit(
    context: click.Context, dag_id: str | None, run_id: str | None, limit: int, after: str | None, *, as_json: bool
) -> None:
    """Show who has asked for what, and why: each change, and each login; newest first."""
    with project(context) as installation:
        page = service.list_audit(
            installation, dag_id=dag_id or "", run_id=run_id or "", after=after or "", limit=limit
        )
    if as_json:
        print_json(page)
        return
    print_table(
        ["at", "who", "from", "action", "dag", "run", "what", "before", "after", "why"],
        [
            (e.at, e.person, e.source, e.action, e.dag_id, e.run_id, e.subject, e.before, e.after, e.why)
            for e in page.items
        ],
        empty="nobody has asked for anything.",
    )
    print_next(page.next)
