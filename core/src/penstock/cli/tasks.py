"""``penstock tasks``."""

import click

from penstock.cli import names, requests
from penstock.cli.installation import project
from penstock.cli.logs import logs
from penstock.cli.names import index_option, named_index, one_task, run_option
from penstock.cli.terminal import counts, duration, json_option, print_fields, print_json, print_line, print_table
from penstock.model.text import shortened
from penstock.service import tasks as service
from penstock.service.clear import Code, preview_clear
from penstock.service.runs import show_run

_SINGLE = 5
"""So many instances of a mapped task are explained one by one; more of them in groups."""
_LONGEST_ERROR = 500


@click.group()
def tasks() -> None:
    """List, explain, clear and mark task instances; read their logs."""


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
        run, found = service.list_tasks(installation, dag_id, run_id or named_run or "")
    if as_json:
        print_json({"run": run, "tasks": found})
        return
    print_line(f"{run.dag_id} {run.run_id} ({run.state.value})")
    print_table(
        ["task", "state", "try", "started", "duration", "reason"],
        [
            (str(t.key), t.state, t.try_number, t.started_at, duration(t.started_at, t.ended_at), t.reason)
            for t in found
        ],
        empty=f"the run has not started{': ' + run.reason if run.reason else ' yet'}, so it has no task instances.",
    )


@tasks.command("why")
@one_task
@json_option
@click.pass_context
def why(
    context: click.Context, dag_id: str, task_id: str, run_id: str, map_index: int | None, *, as_json: bool
) -> None:
    """Explain why a task is in its state."""
    with project(context) as installation:
        found = service.why(installation, dag_id, task_id, run_id=run_id, map_index=map_index)
    if as_json:
        print_json(found)
        return
    _print_why(found)


def _print_why(found: list[service.Why]) -> None:
    groups: dict[tuple[str, str], list[service.Why]] = {}
    for each in found:
        # Many instances differ in nothing that helps: each is told alone only if they are few.
        alone = str(each.task.key) if len(found) <= _SINGLE else each.reason
        groups.setdefault((each.task.state.value, alone), []).append(each)
    for (state, _), group in groups.items():
        keys = [str(each.task.key) for each in group]
        verb = "are" if len(keys) > 1 else "is"
        print_line(f" {verb} {state}: {group[0].reason}", title=requests.named(keys))
        if len(group) == 1:
            _print_tries(group[0])
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
        print_line(f"  try {tried.try_number} (dispatch {tried.epoch}): {outcome}{error}{late}")


@tasks.command("clear")
@click.argument("dag_id", type=names.DAG)
@click.argument("task_ids", type=names.TASK, nargs=-1, required=True, metavar="TASK_ID...")
@run_option
@click.option("--downstream/--no-downstream", default=True, show_default=True, help="Also everything downstream.")
@index_option
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@requests.code_option(None)
@requests.dry_run_option
@json_option
@click.pass_context
def clear(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_ids: tuple[str, ...],
    run_id: str | None,
    *,
    map_index: int | None,
    downstream: bool,
    only_failed: bool,
    code: Code | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run tasks again, with the DAG's present version if no try of the run lives."""
    task_id, map_index = (task_ids[0], map_index) if len(task_ids) > 1 else named_index(task_ids[0], map_index)
    with project(context) as installation:
        found = preview_clear(
            installation,
            dag_id,
            run_id or "",
            tasks=(task_id, *task_ids[1:]),
            map_index=map_index,
            downstream=downstream,
            only_failed=only_failed,
            code=code,
        )
        requests.clear(installation, found, dry_run=dry_run, as_json=as_json)


@tasks.command("mark")
@one_task
@click.argument("state", type=click.Choice(["success", "failed", "skipped"]))
@requests.code_option(Code.SAME)
@json_option
@click.pass_context
def mark(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    state: str,
    *,
    run_id: str,
    map_index: int | None,
    code: Code,
    as_json: bool,
) -> None:
    """Set a task to a state by hand."""
    with project(context) as installation:
        found = service.mark_task(installation, dag_id, task_id, state, run_id=run_id, map_index=map_index, code=code)
        done = requests.finished(installation, found.request)
        run = show_run(installation, dag_id, found.run.run_id).run
    if as_json:
        facts = {"dag_id": dag_id, "run_id": run.run_id, "tasks": found.tasks, "state": state, "version": found.version}
        print_json({"requested": True, "handled": done, **facts})
    elif done:
        print_line(f"marked {requests.named(found.tasks)} as {state}: run {run.run_id} is {run.state.value}")
    else:
        print_line(f"asked to mark {requests.named(found.tasks)} as {state}")
