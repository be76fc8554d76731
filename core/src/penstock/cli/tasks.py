"""``penstock tasks``."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from penstock.app.compose import places
from penstock.cli.follow import follow, print_log
from penstock.cli.installation import installation, now, remind_of_scheduler
from penstock.cli.output import counts, json_option, print_fields, print_json, print_table
from penstock.model.run import UNMAPPED, TaskKey
from penstock.service import runs as run_service
from penstock.service import tasks as service

Command = Callable[..., Any]

_INSTANCE = re.compile(r"(.+)\[(\d+)\]")


def one_task(command: Command) -> Command:
    """The arguments that name a task: DAG, task, run and index; ``TASK_ID[INDEX]``, as tables show it, serves too."""

    @wraps(command)
    def named(*arguments: Any, task_id: str, map_index: int | None, **options: Any) -> Any:  # noqa: ANN401 - passed on
        instance = _INSTANCE.fullmatch(task_id)
        if instance and map_index is None:
            task_id, map_index = instance[1], int(instance[2])
        return command(*arguments, task_id=task_id, map_index=map_index, **options)

    wrapped: Command = named
    for wrap in (
        click.option("--index", "map_index", type=int, default=None, help="One instance of a mapped task."),
        click.option("--run", "run_id", default="", help="The run; the newest of the DAG unless given."),
        click.argument("task_id"),
        click.argument("dag_id"),
    ):
        wrapped = wrap(wrapped)
    return wrapped


@click.group()
def tasks() -> None:
    """List, explain, clear and mark task instances; read their logs."""


@tasks.command("list")
@click.argument("dag_id")
@click.argument("run_id", required=False, default="")
@click.option("--run", "named_run", default="", help="The run, as the other commands of this group take it.")
@json_option
@click.pass_context
def list_tasks(context: click.Context, dag_id: str, run_id: str, named_run: str, *, as_json: bool) -> None:
    """List the task instances of a run, or of the newest run of the DAG."""
    if run_id and named_run:
        raise click.UsageError(f"Two runs are named: {run_id!r} and --run {named_run!r}. Name one.")
    with installation(context) as (_, store):
        run, found = service.list_tasks(store, dag_id, run_id or named_run)
    if as_json:
        print_json({"run": run, "tasks": found})
        return
    click.echo(f"{run.dag_id} {run.run_id} ({run.state.value})")
    print_table(
        ["task", "state", "try", "started", "ended", "reason"],
        [(str(task.key), task.state, task.try_number, task.started_at, task.ended_at, task.reason) for task in found],
        empty="the run has not started yet, so it has no task instances.",
    )


@tasks.command("why")
@one_task
@json_option
@click.pass_context
def why(
    context: click.Context, dag_id: str, task_id: str, run_id: str, map_index: int | None, *, as_json: bool
) -> None:
    """Explain why a task is in its state."""
    with installation(context) as (settings, store):
        found = service.why(store, dag_id, task_id, now(), places(settings), run_id=run_id, map_index=map_index)
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo(f"{click.style(str(each.task.key), bold=True)} is {each.task.state.value}: {each.reason}")
        upstream = {
            name: counts({s: states.count(s) for s in dict.fromkeys(states)}) for name, states in each.upstream.items()
        }
        print_fields({f"  upstream {name}": text for name, text in upstream.items()})
        for past in each.tries:
            tried = past.attempt
            outcome = tried.outcome.value if tried.outcome else "not ended"
            late = f"; answered {past.late_outcome.value} too late" if past.late_outcome else ""
            error = f": {tried.error.splitlines()[0]}" if tried.error else ""
            click.echo(f"  try {tried.try_number} (dispatch {tried.epoch}): {outcome}{error}{late}")


@tasks.command("logs")
@one_task
@click.option("--dispatch", type=int, default=None, help="The log of one dispatch; of the newest unless given.")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on as the log grows, until the task has ended.")
@click.option("--path", "only_path", is_flag=True, help="Print where the log is, not what it says.")
@json_option
@click.pass_context
def logs(  # noqa: PLR0913 - one argument an option
    context: click.Context,
    dag_id: str,
    task_id: str,
    *,
    run_id: str,
    map_index: int | None,
    dispatch: int | None,
    following: bool,
    only_path: bool,
    as_json: bool,
) -> int:
    """Print the log of a task's newest try."""
    with installation(context) as (settings, store):
        run, _ = service.list_tasks(store, dag_id, run_id)
        if following:
            key = TaskKey(run.run, task_id, UNMAPPED if map_index is None else map_index)
            return follow(store, settings.logs_folder, run, key)
        found = service.task_logs(store, settings.logs_folder, dag_id, task_id, run_id=run.run_id, map_index=map_index)
    if as_json:
        print_json(found)
        return 0
    chosen = [log for log in found if dispatch is None or log.epoch == dispatch]
    newest = {log.task.key: log for log in chosen}
    if not newest:
        click.echo("the task has not been tried yet.", err=True)
        return 1
    missing = [log for log in newest.values() if not print_log(log, only_path=only_path, titled=len(newest) > 1)]
    return 1 if missing else 0


@tasks.command("clear")
@click.argument("dag_id")
@click.argument("task_ids", nargs=-1, required=True, metavar="TASK_ID...")
@click.option("--run", "run_id", default="", help="The run; the newest of the DAG unless given.")
@click.option("--downstream/--no-downstream", default=True, show_default=True, help="Also everything downstream.")
@click.option("--only-failed", is_flag=True, help="Leave alone what did not fail.")
@json_option
@click.pass_context
def clear(
    context: click.Context,
    dag_id: str,
    task_ids: tuple[str, ...],
    run_id: str,
    *,
    downstream: bool,
    only_failed: bool,
    as_json: bool,
) -> None:
    """Run tasks again."""
    with installation(context) as (_, store):
        run = run_service.clear_tasks(
            store, dag_id, run_id, now(), tasks=task_ids, downstream=downstream, only_failed=only_failed
        )
        if as_json:
            print_json({"requested": True, "dag_id": dag_id, "run_id": run.run_id, "tasks": task_ids})
        else:
            click.echo(f"asked to clear {', '.join(task_ids)} of run {run.run_id}")
        remind_of_scheduler(store)


@tasks.command("mark")
@one_task
@click.argument("state", type=click.Choice(["success", "failed", "skipped"]))
@json_option
@click.pass_context
def mark(
    context: click.Context, dag_id: str, task_id: str, state: str, *, run_id: str, map_index: int | None, as_json: bool
) -> None:
    """Set a task to a state by hand."""
    with installation(context) as (_, store):
        found = service.mark_task(store, dag_id, task_id, state, now(), run_id=run_id, map_index=map_index)
        if as_json:
            print_json({"requested": True, "dag_id": dag_id, "tasks": [str(t.key) for t in found], "state": state})
        else:
            click.echo(f"asked to mark {', '.join(str(task.key) for task in found)} as {state}")
        remind_of_scheduler(store)
