"""``penstock audit``."""

import click

from penstock.cli import names
from penstock.cli.installation import project
from penstock.cli.terminal import json_option, print_json, print_remark, print_table
from penstock.service.history import audit as service


@click.command("audit")
@click.argument("dag_id", type=names.DAG, required=False)
@click.option("--run", "run_id", type=names.RUN, default=None, help="Only of this run.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Length of the page.")
@click.option(
    "--before", type=int, default=None, metavar="NUMBER", help="The next page: the number that this page ends with."
)
@json_option
@click.pass_context
def audit(
    context: click.Context, dag_id: str | None, run_id: str | None, limit: int, before: int | None, *, as_json: bool
) -> None:
    """Show who has asked for what, and why: each change, and each login; newest first."""
    with project(context) as installation:
        page = service.list_audit(installation, dag_id=dag_id or "", run_id=run_id or "", before=before, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ["at", "who", "from", "action", "dag", "run", "what", "before", "after", "why"],
        [
            (e.at, e.person, e.source, e.action, e.dag_id, e.run_id, e.subject, e.before, e.after, e.why)
            for e in page.entries
        ],
        empty="nobody has asked for anything.",
    )
    if page.before is not None:
        print_remark(f"there are more: --before {page.before}")
