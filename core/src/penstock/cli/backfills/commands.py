"""``penstock backfills``."""

import time
from typing import Any

import click

from penstock.cli import names, requests
from penstock.cli.backfills.plans import print_plan
from penstock.cli.installation import project, remind_of_scheduler
from penstock.cli.page_options import page_options, print_next
from penstock.cli.terminal import counts, json_option, print_fields, print_json, print_line, print_remark, print_table
from penstock.errors import ExitCode
from penstock.model.backfills.backfill import BackfillState, Rerun
from penstock.service.backfills import backfills as service
from penstock.service.backfills.plan import plan_backfill
from penstock.service.installation import Installation

_PAUSE_S = 0.5


@click.group()
def backfills() -> None:
    """Plan, start, watch, pause, resume and cancel backfills."""


@backfills.command("create")
@click.argument("dag_id", type=names.DAG)
@click.option("--from-date", "since", required=True, metavar="ISO", help="The first logical date.")
@click.option("--to-date", "until", required=True, metavar="ISO", help="The last one, which is included.")
@click.option("--task", "task_ids", type=names.TASK, multiple=True, help="Only this task; may be given several times.")
@click.option("--upstream", is_flag=True, help="And all that is upstream of these tasks.")
@click.option("--downstream", is_flag=True, help="And all that is downstream of them.")
@click.option("--run-backwards", "backwards", is_flag=True, help="The latest date first.")
@click.option(
    "--max-active-runs", default=10, show_default=True, type=click.IntRange(1, 10_000),
    help="Runs of it at once; max_active_runs of the DAG bounds them, too.",
)  # fmt: skip
@click.option(
    "--rerun",
    type=click.Choice([each.value for each in Rerun]),
    default=Rerun.NONE.value,
    show_default=True,
    help="What runs again of dates that have a run: nothing, what failed, or all.",
)
@click.option(
    "--conf", default=None, metavar="JSON", help="A JSON object that overrides the DAG's params in each new run."
)
@click.option("--plan", default="", metavar="HASH", help="Only if the plan is still the one of this --dry-run.")
@click.option("--wait", is_flag=True, help="Wait for its end; exits with 1 if a run of it did not succeed.")
@requests.why_option
@click.option("--dry-run", is_flag=True, help="Show what becomes of each date, and start nothing.")
@json_option
@click.pass_context
def create(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    *,
    since: str,
    until: str,
    task_ids: tuple[str, ...],
    backwards: bool,
    max_active_runs: int,
    rerun: str,
    conf: str | None,
    plan: str,
    why: str | None,
    upstream: bool,
    downstream: bool,
    wait: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run a DAG for all of its dates in a span, after whatever else it has to do."""
    first, last = requests.read_date(since, "--from-date"), requests.read_date(until, "--to-date")
    if first is None or last is None or ((upstream or downstream) and not task_ids):
        raise click.UsageError("Name the tasks with --task that --upstream and --downstream start from.")
    with project(context) as installation:
        wanted: dict[str, Any] = {
            "tasks": list(task_ids), "upstream": upstream, "downstream": downstream, "backwards": backwards,
            "max_active_runs": max_active_runs, "rerun": Rerun(rerun), "conf": requests.read_conf(conf),
        }  # fmt: skip
        if dry_run:
            print_plan(plan_backfill(installation, dag_id, first, last, **wanted), as_json=as_json)
            return ExitCode.DONE
        by = requests.asked_by(why)
        started = service.start_backfill(installation, dag_id, first, last, **wanted, expected=plan, by=by)
        made = started.backfill
        if not as_json:
            _print_started(started)
        done = requests.finished(installation, started.asked)
        shown = _ended(installation, made.number) if wait and done else service.show_backfill(installation, made.number)
    if as_json or wait:
        print_json(shown) if as_json else print_line(_summary(shown))
    return ExitCode.FAILED if wait and (shown.failed or not shown.backfill.state.final) else ExitCode.DONE


@backfills.command("list")
@click.argument("dag_id", type=names.DAG, required=False)
@page_options
@json_option
@click.pass_context
def list_backfills(context: click.Context, dag_id: str | None, limit: int, after: str | None, *, as_json: bool) -> None:
    """List backfills, newest first."""
    with project(context) as installation:
        page = service.list_backfills(installation, dag_id=dag_id or "", after=after or "", limit=limit)
    if as_json:
        print_json(page)
        return
    rows = [
        (b.number, b.spec.dag_id, b.state, b.spec.since, b.spec.until, f"{b.done} of {b.spec.total}", each.waits)
        for each in page.items
        for b in [each.backfill]
    ]
    print_table(["number", "dag", "state", "from", "to", "dates", "waits"], rows, empty="no backfill found.")
    print_next(page.next)


@backfills.command("show")
@click.argument("number", type=int)
@json_option
@click.pass_context
def show(context: click.Context, number: int, *, as_json: bool) -> None:
    """Show a backfill and how far it has come."""
    with project(context) as installation:
        found = service.show_backfill(installation, number)
    if as_json:
        print_json(found)
        return
    row, spec = found.backfill, found.backfill.spec
    print_fields(
        {
            "backfill": row.number,
            "dag": spec.dag_id,
            "state": row.state,
            "reason": found.waits or row.reason,
            "from": spec.since,
            "to": spec.until,
            "order": "latest first" if spec.backwards else "oldest first",
            "max active runs": spec.max_active_runs,
            "rerun": spec.rerun,
            "only tasks": ", ".join(spec.tasks),
            "conf": spec.conf or "",
            "created": row.created_at,
            "ended": row.ended_at,
            "dates": f"{row.done} of {spec.total} had their turn",
            "came to": counts(found.dates),
        }
    )


@backfills.command("dates")
@click.argument("number", type=int)
@page_options
@json_option
@click.pass_context
def dates(context: click.Context, number: int, limit: int, after: str | None, *, as_json: bool) -> None:
    """List what became of the dates of a backfill that have had their turn."""
    with project(context) as installation:
        page = service.list_dates(installation, number, after=after or "", limit=limit)
    if as_json:
        print_json(page)
        return
    rows = [
        (d.ordinal, d.logical_date, d.action, d.run_id, "deleted" if each.state is None else each.state, d.reason)
        for each in page.items
        for d in [each.item]
    ]
    print_table(["n", "logical date", "action", "run", "state", "why"], rows, empty="no date has had its turn yet.")
    print_next(page.next)


def _print_started(started: service.StartedBackfill) -> None:
    spec = started.backfill.spec
    print_line(f"backfill {started.backfill.number} of {spec.dag_id} has {spec.total} dates")
    if started.note:
        print_remark(started.note)


def _command(name: str, state: BackfillState, doc: str) -> None:
    """Add a command that asks for a state."""

    @backfills.command(name, help=doc)
    @click.argument("number", type=int)
    @requests.why_option
    @json_option
    @click.pass_context
    def command(context: click.Context, number: int, why: str | None, *, as_json: bool) -> None:
        with project(context) as installation:
            asked = service.set_backfill(installation, number, state, by=requests.asked_by(why))
            done = requests.finished(installation, asked)
            found = service.show_backfill(installation, number)
        if as_json:
            print_json({"requested": True, "handled": done, "backfill": number, "state": found.backfill.state})
        elif done:
            print_line(_summary(found))
        else:
            print_line(f"asked to {name} backfill {number}")


_command("pause", BackfillState.PAUSED, "Make no run of a backfill until it is resumed; those that live go on.")
_command("resume", BackfillState.RUNNING, "Let a backfill that was paused go on.")
_command(
    "cancel", BackfillState.CANCELLED, "End a backfill: what runs of it is killed, and no date has its turn any more."
)


def _summary(found: service.BackfillProgress) -> str:
    came_to = counts(found.dates)
    return f"backfill {found.backfill.number} is {found.backfill.state.value}" + (f": {came_to}" if came_to else "")


def _ended(installation: Installation, number: int) -> service.BackfillProgress:
    """Wait until a backfill has ended, as long as somebody works; who is interrupted leaves it alone."""
    while not (found := service.show_backfill(installation, number)).backfill.state.final:
        if not remind_of_scheduler(installation):
            break
        time.sleep(_PAUSE_S)
    return found
