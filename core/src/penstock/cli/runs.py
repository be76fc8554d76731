"""``penstock runs``."""

import click

from penstock.cli import names, requests
from penstock.cli.installation import person, project
from penstock.cli.terminal import (
    counts,
    duration,
    json_option,
    print_fields,
    print_json,
    print_line,
    print_remark,
    print_table,
)
from penstock.model.state import RunState
from penstock.service import runs as service
from penstock.service.clear import Code, preview_clear


@click.group()
def runs() -> None:
    """List, show, cancel and clear runs."""


@runs.command("list")
@click.argument("dag_id", type=names.DAG, required=False)
@click.option("--state", type=click.Choice([s.value for s in RunState]), default=None, help="Only runs in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Length of the page.")
@click.option(
    "--before", type=int, default=None, metavar="NUMBER", help="The next page: the number that this page ends with."
)
@json_option
@click.pass_context
def list_runs(
    context: click.Context, dag_id: str | None, state: str | None, limit: int, before: int | None, *, as_json: bool
) -> None:
    """List runs, newest first."""
    with project(context) as installation:
        wanted = RunState(state) if state else None
        page = service.list_runs(installation, dag_id=dag_id or "", state=wanted, before=before, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ["dag", "run", "state", "logical date", "started", "duration", "reason"],
        [
            (
                r.dag_id,
                r.run_id,
                r.state,
                r.logical_date,
                r.started_at,
                duration(r.started_at, r.ended_at),
                r.reason,
            )
            for r in page.runs
        ],
        empty="no run found.",
    )
    if page.before is not None:
        print_remark(f"there are more: --before {page.before}")


@runs.command("show")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN, required=False)
@json_option
@click.pass_context
def show_run(context: click.Context, dag_id: str, run_id: str | None, *, as_json: bool) -> None:
    """Show a run, or the newest of the DAG."""
    with project(context) as installation:
        found = service.show_run(installation, dag_id, run_id or "")
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
            "duration": duration(run.started_at, run.ended_at),
            "version": run.version,
            "present version": "the same" if run.version == found.present_version else found.present_version,
            "tasks": counts(found.tasks),
        }
    )


@runs.command("cancel")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN)
@json_option
@click.pass_context
def cancel_run(context: click.Context, dag_id: str, run_id: str, *, as_json: bool) -> None:
    """End a run and kill what runs of it."""
    with project(context) as installation:
        number = service.cancel_run(installation, dag_id, run_id, by=person())
        done = requests.finished(installation, number)
        state = service.show_run(installation, dag_id, run_id).run.state
    if as_json:
        print_json({"requested": True, "handled": done, "dag_id": dag_id, "run_id": run_id, "state": state})
    elif done:
        print_line(f"run {run_id} of {dag_id} is {state.value}")
    else:
        print_line(f"asked to cancel run {run_id} of {dag_id}")


@runs.command("clear")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN)
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@requests.code_option(None)
@requests.keep_steps_option
@requests.dry_run_option
@json_option
@click.pass_context
def clear_run(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    run_id: str,
    *,
    only_failed: bool,
    code: Code | None,
    keep_steps: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the tasks of a run again, with the DAG's present version if no try of the run lives."""
    with project(context) as installation:
        found = preview_clear(installation, dag_id, run_id, only_failed=only_failed, code=code, keep_steps=keep_steps)
        requests.clear(installation, found, dry_run=dry_run, as_json=as_json)
