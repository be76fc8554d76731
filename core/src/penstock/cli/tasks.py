"""``penstock tasks``."""

from typing import Any

import click

from penstock.cli import names, requests
from penstock.cli.history import clears as clears_of
from penstock.cli.installation import project
from penstock.cli.logs.task_logs import logs
from penstock.cli.names import index_option, named_instance, one_task, run_option
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
from penstock.errors import RequestError
from penstock.model.run import TaskKey
from penstock.model.text import counted, shortened
from penstock.service import tasks as service
from penstock.service.clear import Code
from penstock.service.history.clears import clear_dates, clear_run
from penstock.service.installation import Installation
from penstock.service.names import index_of
from penstock.service.operations.page import pages
from penstock.service.runs import show_run
from penstock.service.values.rendered import list_rendered
from penstock.service.values.xcoms import list_xcoms

_SINGLE = 5
"""So many instances of a mapped task are explained one by one; more of them in groups."""
_LONGEST_ERROR = 500


@click.group()
def tasks() -> None:
    """List, explain, clear and mark task instances; read their logs, and look at their values."""


tasks.add_command(logs)


@tasks.command("list")
@click.argument("dag_id", type=names.DAG)
@click.argument("run_id", type=names.RUN, required=False)
@click.option(
    "--run", "named_run", type=names.RUN, default=None, help="The run, as the other commands of this group take it."
)
@json_option
@click.pass_context
def list_tasks(
    context: click.Context, dag_id: str, run_id: str | None, named_run: str | None, *, as_json: bool
) -> None:
    """List the task instances of a run, or of the newest run of the DAG."""
    if run_id and named_run:
        raise click.UsageError(f"Two runs are named: {run_id!r} and --run {named_run!r}. Name one.")
    with project(context) as installation:
        name = run_id or named_run or ""
        listed = list(pages(lambda after: service.list_tasks(installation, dag_id, name, after=after)))
    run, found = listed[0].run, [task for page in listed for task in page.items]
    if as_json:
        print_json({"run": run, "tasks": found})
        return
    print_line(f"{run.dag_id} {run.run_id} ({run.state.value})")
    print_table(
        ["task", "state", "try", "started", "duration", "reason"],
        [(t.label, t.state, t.try_number, t.started_at, duration(t.started_at, t.ended_at), t.reason) for t in found],
        empty=f"the run has not started{': ' + run.reason if run.reason else ' yet'}, so it has no task instances.",
    )


@tasks.command("why")
@one_task
@json_option
@click.pass_context
def why(
    context: click.Context, dag_id: str, task_id: str, run_id: str, map_index: int | str | None, *, as_json: bool
) -> None:
    """Explain why a task is in its state."""
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        found = service.why(installation, dag_id, task_id, run_id=run_id, map_index=index)
    if as_json:
        print_json(found)
        return
    _print_why(found)


def _print_why(found: list[service.Why]) -> None:
    groups: dict[tuple[str, str], list[service.Why]] = {}
    for each in found:
        # Many instances differ in nothing that helps: each is told alone only if they are few.
        alone = each.task.label if len(found) <= _SINGLE else each.reason
        groups.setdefault((each.task.state.value, alone), []).append(each)
    for (state, _), group in groups.items():
        keys = [each.task.label for each in group]
        verb = "are" if len(keys) > 1 else "is"
        print_line(f" {verb} {state}: {group[0].reason}", title=clears_of.named(keys))
        if len(group) == 1:
            _print_tries(group[0])
            if group[0].steps:
                print_line(f"  {counted(group[0].steps, 'step')} done, which no later try does again")
    upstream = found[0].upstream
    print_fields(
        {
            f"  upstream {name}": counts({s: states.count(s) for s in dict.fromkeys(states)}) or "no instance yet"
            for name, states in upstream.items()
        }
    )


def _print_tries(why: service.Why) -> None:
    for past in why.tries:
        tried = past.attempt
        outcome = tried.outcome.value if tried.outcome else "not ended"
        late = f"; answered {past.late_outcome.value} too late" if past.late_outcome else ""
        error = f": {shortened(tried.error.splitlines()[0], _LONGEST_ERROR)}" if tried.error.strip() else ""
        place = f", ran at {tried.worker}" if tried.worker else ""
        print_line(f"  try {tried.try_number} (dispatch {tried.epoch}{place}): {outcome}{error}{late}")


@tasks.command("clear")
@click.argument("dag_id", type=names.DAG)
@click.argument("task_ids", type=names.TASK, nargs=-1, required=True, metavar="TASK_ID...")
@run_option
@click.option("--upstream", is_flag=True, help="Also everything upstream.")
@click.option("--downstream/--no-downstream", default=True, show_default=True, help="Also everything downstream.")
@requests.since_option
@requests.until_option
@index_option
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@requests.code_option(None)
@requests.why_option
@requests.keep_steps_option
@requests.alone_option
@requests.dry_run_option
@json_option
@click.pass_context
def clear(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_ids: tuple[str, ...],
    run_id: str | None,
    *,
    index: int | None,
    upstream: bool,
    downstream: bool,
    since: str | None,
    until: str | None,
    only_failed: bool,
    code: Code | None,
    why: str | None,
    keep_steps: bool,
    alone: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run tasks again, in one run or in all runs of some dates, with the DAG's present version if no try of the run lives."""
    dates, named = requests.read_dates(since, until, run_id), [named_instance(name, index) for name in task_ids]
    if dates is not None and any(at is not None for _, at in named):
        raise click.UsageError(
            "One instance of a task is cleared in one run. Name that in place of --from and --until."
        )
    options: dict[str, Any] = {"tasks": [name for name, _ in named], "upstream": upstream, "downstream": downstream}
    options |= {"only_failed": only_failed, "code": code, "keep_steps": keep_steps, "alone": alone, "dry_run": dry_run}
    options["by"] = requests.asked_by(why)
    with project(context) as installation:
        if dates is not None:
            found, named_runs = clear_dates(installation, dag_id, *dates, **options), None
        else:
            map_index = _one_index(installation, dag_id, run_id or "", named)
            found, named_runs = clear_run(installation, dag_id, run_id or "", map_index=map_index, **options), 1
        clears_of.print_clears(installation, found, named_runs=named_runs, dry_run=dry_run, as_json=as_json)


@tasks.command("mark")
@one_task
@click.argument("state", type=click.Choice(["success", "failed", "skipped"]))
@requests.code_option(Code.SAME)
@requests.why_option
@requests.dry_run_option
@json_option
@click.pass_context
def mark(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    state: str,
    *,
    run_id: str,
    map_index: int | str | None,
    code: Code,
    why: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Set a task to a state by hand."""
    with project(context) as installation:
        by = requests.asked_by(why)
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        found = service.mark_task(
            installation, dag_id, task_id, state, run_id=run_id, map_index=index, code=code, dry_run=dry_run, by=by
        )
        done = found.asked is not None and requests.finished(installation, found.asked)
        run = show_run(installation, dag_id, found.run.run_id).run
    if as_json:
        facts = {"dag_id": dag_id, "run_id": run.run_id, "tasks": found.tasks, "state": state, "version": found.version}
        print_json({"requested": found.asked is not None, "handled": done, **facts, "changes": found.changes})
    elif dry_run:
        clears_of.print_changes(found.changes)
    elif done:
        print_line(f"marked {clears_of.named(found.tasks)} as {state}: run {run.run_id} is {run.state.value}")
    else:
        print_line(f"asked to mark {clears_of.named(found.tasks)} as {state}")


@tasks.command("rendered")
@one_task
@click.option(
    "--dispatch", type=click.IntRange(1), default=None, help="Those of one dispatch; of the newest unless given."
)
@json_option
@click.pass_context
def rendered(
    context: click.Context,
    dag_id: str,
    task_id: str,
    *,
    run_id: str,
    map_index: int | str | None,
    dispatch: int | None,
    as_json: bool,
) -> None:
    """Show what the templates of a task had become."""
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        found = list_rendered(installation, dag_id, task_id, run_id=run_id, map_index=index, dispatch=dispatch)
    if as_json:
        print_json(found)
        return
    for each in found:
        key = TaskKey(each.run, each.task_id, each.map_index)
        print_line("", title=f"--- {key}, dispatch {each.epoch}")
        print_fields(each.fields)
    if not found:
        print_line(f"{task_id} has no template, or no try of it that has ended by itself.")


@tasks.command("xcoms")
@one_task
@click.option("--key", type=names.PLAIN, default=None, help="The values under this key alone, large ones read whole.")
@page_options
@json_option
@click.pass_context
def xcoms(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    *,
    run_id: str,
    map_index: int | str | None,
    key: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """Show the values that a task has left for others."""
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        page = list_xcoms(
            installation,
            dag_id,
            task_id,
            run_id=run_id,
            map_index=index,
            key=key or "",
            after=after or "",
            limit=limit,
        )
    if as_json:
        print_json(page)
        return
    print_line(f"{dag_id} {page.run.run_id} ({page.run.state.value})")
    if key and len(page.items) == 1:
        print_line(page.items[0].text())
        return
    print_table(
        ["task", "key", "elements", "value"],
        [(each.task, each.key, each.length, each.text()) for each in page.items],
        empty=f"{task_id} has left nothing{f' under the key {key!r}' if key else ''}.",
    )
    print_next(page.next)


def _one_index(
    installation: Installation, dag_id: str, run_id: str, named: list[tuple[str, int | str | None]]
) -> int | None:
    """The map index that is named of each of some tasks."""
    indexes = {index_of(installation, dag_id, name, index, run_id=run_id) for name, index in named}
    if len(indexes) > 1:
        raise RequestError("these tasks do not name the same index of each. Clear one after the other.")
    return indexes.pop()
