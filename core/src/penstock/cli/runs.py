"""``penstock runs``."""

from typing import Any

import click

from penstock.cli import names, requests
from penstock.cli.history import clears as clears_of
from penstock.cli.installation import project
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import (
    counts,
    duration,
    json_option,
    print_fields,
    print_json,
    print_line,
    print_table,
)
from penstock.model.state import RunState
from penstock.model.text import counted
from penstock.service import runs as service
from penstock.service.clear import Code
from penstock.service.history import clears


@click.group()
def runs() -> None:
    """List, show, cancel, clear, mark and delete runs."""


@runs.command("list")
@click.argument("dag_id", type=names.DAG, required=False)
@click.option("--state", type=click.Choice([s.value for s in RunState]), default=None, help="Only runs in this state.")
@click.option("--tag", type=names.PLAIN, default=None, help="Only of DAGs with this tag.")
@click.option(
    "--search",
    type=names.PLAIN,
    default=None,
    metavar="TEXT",
    help="Only if the id of the run, or of the DAG, contains this.",
)
@click.option(
    "--since",
    default=None,
    metavar="ISO",
    help="Only of this logical date or a later one; UTC unless it has an offset.",
)
@click.option("--until", default=None, metavar="ISO", help="Only of an earlier logical date.")
@page_options
@json_option
@click.pass_context
def list_runs(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str | None,
    *,
    state: str | None,
    tag: str | None,
    search: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    first, end = requests.read_date(since, "--since"), requests.read_date(until, "--until")
    with project(context) as installation:
        page = service.list_runs(
            installation, dag_id=dag_id or "", state=RunState(state) if state else None, tag=tag or "", search=search or "",
            since=first, until=end, after=after or "", limit=limit,
        )  # fmt: skip
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
            for r in page.items
        ],
        empty="no run found.",
    )
    print_next(page.next)


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
@requests.why_option
@json_option
@click.pass_context
def cancel_run(context: click.Context, dag_id: str, run_id: str, why: str | None, *, as_json: bool) -> None:
    """End a run and kill what runs of it; its teardowns still run, unless it is cancelled once more."""
    with project(context) as installation:
        asked = service.cancel_run(installation, dag_id, run_id, by=requests.asked_by(why))
        done = requests.finished(installation, asked)
        state = service.show_run(installation, dag_id, run_id).run.state
    if as_json:
        print_json({"requested": True, "handled": done, "dag_id": dag_id, "run_id": run_id, "state": state})
    elif done and not state.finished:
        print_line(
            f"run {run_id} of {dag_id} is being cancelled: its tries end, then its teardowns run; cancel it once more to end these, too"
        )
    elif done:
        print_line(f"run {run_id} of {dag_id} is {state.value}")
    else:
        print_line(f"asked to cancel run {run_id} of {dag_id}")


@runs.command("clear")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN, required=False)
@requests.since_option
@requests.until_option
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@requests.code_option(None)
@requests.why_option
@requests.keep_steps_option
@requests.alone_option
@requests.dry_run_option
@json_option
@click.pass_context
def clear_run(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    run_id: str | None,
    since: str | None,
    until: str | None,
    *,
    only_failed: bool,
    code: Code | None,
    why: str | None,
    keep_steps: bool,
    alone: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the tasks of a run again, or of all runs of some dates, with the DAG's present version if no try of the run lives."""
    dates = requests.read_dates(since, until, run_id)
    if run_id is None and dates is None:
        raise click.UsageError("Name a run, or give --from and --until.")
    options: dict[str, Any] = {"only_failed": only_failed, "code": code, "keep_steps": keep_steps}
    with project(context) as installation:
        options |= {"alone": alone, "dry_run": dry_run, "by": requests.asked_by(why)}
        if dates is not None:
            found, named_runs = clears.clear_dates(installation, dag_id, *dates, **options), None
        else:
            found, named_runs = clears.clear_run(installation, dag_id, run_id or "", **options), 1
        clears_of.print_clears(installation, found, named_runs=named_runs, dry_run=dry_run, as_json=as_json)


@runs.command("mark")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN)
@click.argument("state", type=click.Choice(["success", "failed"]))
@requests.why_option
@requests.dry_run_option
@json_option
@click.pass_context
def mark_run(
    context: click.Context, dag_id: str, run_id: str, state: str, why: str | None, *, dry_run: bool, as_json: bool
) -> None:
    """Have a run end as a success or as failed; what runs of it is killed, its teardowns still run."""
    with project(context) as installation:
        marked = service.mark_run(installation, dag_id, run_id, state, dry_run=dry_run, by=requests.asked_by(why))
        done = marked.asked is not None and requests.finished(installation, marked.asked)
        found = service.show_run(installation, dag_id, run_id).run.state
    if as_json:
        facts = {"dag_id": dag_id, "run_id": run_id, "state": found, "changes": marked.changes}
        print_json({"requested": marked.asked is not None, "handled": done, **facts})
    elif dry_run:
        clears_of.print_changes(marked.changes)
    elif done:
        print_line(f"run {run_id} of {dag_id} is {found.value}")
    else:
        print_line(f"asked to mark run {run_id} of {dag_id} as {state}")


@runs.command("delete")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_ids", type=names.RUN, nargs=-1, metavar="[RUN_ID...]")
@click.option("--ended-before", default=None, metavar="ISO", help="In place of names: all runs that ended before.")
@requests.why_option
@click.option("--dry-run", is_flag=True, help="Count the runs, and delete nothing.")
@json_option
@click.pass_context
def delete_runs(
    context: click.Context,
    dag_id: str,
    run_ids: tuple[str, ...],
    ended_before: str | None,
    why: str | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete finished runs of a DAG with their tries, values and logs."""
    from penstock.service.retention import prune  # noqa: PLC0415 - imports what opens stores

    if bool(run_ids) == bool(ended_before):
        raise click.UsageError("Name runs, or give --ended-before.")
    before = requests.read_date(ended_before, "--ended-before")
    with project(context) as installation:
        by = requests.asked_by(why)
        done = prune.delete_runs(installation, dag_id, list(run_ids), before=before, dry_run=dry_run, by=by)
    if as_json:
        print_json({"deleted": not dry_run, "dag_id": dag_id, "runs": done.runs})
    else:
        print_line(f"{counted(done.runs, 'run')} of {dag_id} {'would be deleted' if dry_run else 'deleted'}")
