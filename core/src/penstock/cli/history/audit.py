"""``penstock audit``."""

import click

from penstock.cli import names, requests
from penstock.cli.installation import project
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import json_option, print_json, print_table
from penstock.model.history.audit import AuditAction
from penstock.service.history import audit as service


@click.command("audit")
@click.argument("dag_id", type=names.DAG, required=False)
@click.option("--run", "run_id", type=names.RUN, default=None, help="Only of this run.")
@click.option(
    "--by", "person", type=names.PLAIN, default=None, metavar="PERSON", help="Only what this person asked for."
)
@click.option("--action", type=click.Choice([each.value for each in AuditAction]), default=None, help="Only this.")
@click.option("--since", default=None, metavar="ISO", help="Only what was asked for then or later.")
@click.option("--until", default=None, metavar="ISO", help="Only what was asked for before.")
@page_options
@json_option
@click.pass_context
def audit(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str | None,
    *,
    run_id: str | None,
    person: str | None,
    action: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """Show who has asked for what, and why: each change, and each login; newest first."""
    first, end = requests.read_date(since, "--since"), requests.read_date(until, "--until")
    with project(context) as installation:
        page = service.list_audit(
            installation, dag_id=dag_id or "", run_id=run_id or "", person=person or "",
            action=AuditAction(action) if action else None, since=first, until=end, after=after or "", limit=limit,
        )  # fmt: skip
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
