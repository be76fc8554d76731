"""``penstock runs``."""

import click

from penstock.cli.installation import person, project, remind_of_scheduler
from penstock.cli.terminal import counts, json_option, print_fields, print_json, print_table
from penstock.model.state import RunState
from penstock.service import runs as service


@click.group()
def runs() -> None:
    """List, show, cancel and clear runs."""


@runs.command("list")
@click.argument("dag_id", required=False, default="")
@click.option("--state", type=click.Choice([s.value for s in RunState]), default=None, help="Only runs in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Length of the page.")
@click.option(
    "--before", type=int, default=None, metavar="NUMBER", help="The next page: the number that this page ends with."
)
@json_option
@click.pass_context
def list_runs(
    context: click.Context, dag_id: str, state: str | None, limit: int, before: int | None, *, as_json: bool
) -> None:
    """List runs, newest first."""
    with project(context) as installation:
        wanted = RunState(state) if state else None
        page = service.list_runs(installation, dag_id=dag_id, state=wanted, before=before, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ["dag", "run", "state", "logical date", "started", "ended", "reason"],
        [(r.dag_id, r.run_id, r.state, r.logical_date, r.started_at, r.ended_at, r.reason) for r in page.runs],
        empty="no run found.",
    )
    if page.before is not None:
        click.echo(f"there are more: --before {page.before}", err=True)


@runs.command("show")
@click.argument("dag_id")
@click.argument("run_id", required=False, default="")
@json_option
@click.pass_context
def show_run(context: click.Context, dag_id: str, run_id: str, *, as_json: bool) -> None:
    """Show a run, or the newest of the DAG."""
    with project(context) as installation:
        found = service.show_run(installation, dag_id, run_id)
    if as_json:
        print_json(found)
        return
    run = found.run
    print_fields(
        {
            "dag": run.dag_id,
            "run": run.run_id,
            "kind": run.kind,
            "state": run.state,
            "reason": run.reason,
            "logical date": run.logical_date,
            "data from": run.interval_start,
            "data to": run.interval_end,
            "conf": run.conf or "",
            "created": run.created_at,
            "started": run.started_at,
            "ended": run.ended_at,
            "version": run.version,
            "tasks": counts(found.tasks),
        }
    )


@runs.command("cancel")
@click.argument("dag_id")
@click.argument("run_id")
@json_option
@click.pass_context
def cancel_run(context: click.Context, dag_id: str, run_id: str, *, as_json: bool) -> None:
    """End a run and kill what runs of it."""
    with project(context) as installation:
        service.cancel_run(installation, dag_id, run_id, by=person())
        _print_request(
            f"asked to cancel run {run_id} of {dag_id}", {"dag_id": dag_id, "run_id": run_id}, as_json=as_json
        )
        remind_of_scheduler(installation)


@runs.command("clear")
@click.argument("dag_id")
@click.argument("run_id")
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@json_option
@click.pass_context
def clear_run(context: click.Context, dag_id: str, run_id: str, *, only_failed: bool, as_json: bool) -> None:
    """Run the tasks of a run again."""
    with project(context) as installation:
        service.clear_tasks(installation, dag_id, run_id, only_failed=only_failed)
        _print_request(
            f"asked to clear run {run_id} of {dag_id}", {"dag_id": dag_id, "run_id": run_id}, as_json=as_json
        )
        remind_of_scheduler(installation)


def _print_request(sentence: str, facts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json({"requested": True, **facts})
    else:
        click.echo(sentence)
