"""``penstock tasks``."""

import re
import sys
import time
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import click

from penstock.cli.installation import project, remind_of_scheduler
from penstock.cli.terminal import counts, json_option, print_fields, print_json, print_table
from penstock.errors import ExitCode, NotFoundError
from penstock.model.state import TaskState
from penstock.service import logs as log_service
from penstock.service import runs as run_service
from penstock.service import tasks as service

Command = Callable[..., Any]

_PAUSE_S = 0.25
"""Seconds between two looks at a log that grows."""

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
    with project(context) as installation:
        run, found = service.list_tasks(installation, dag_id, run_id or named_run)
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
    with project(context) as installation:
        found = service.why(installation, dag_id, task_id, run_id=run_id, map_index=map_index)
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
    with project(context) as installation:
        if following:
            return _follow(log_service.follow_logs(installation, dag_id, task_id, run_id=run_id, map_index=map_index))
        found = log_service.task_logs(installation, dag_id, task_id, run_id=run_id, map_index=map_index)
    if as_json:
        print_json(found)
        return ExitCode.DONE
    chosen = [log for log in found if dispatch is None or log.epoch == dispatch]
    newest = {log.task.key: log for log in chosen}
    if not found:
        click.echo("the task has not been tried yet.", err=True)
        return ExitCode.FAILED
    if not newest:
        has = ", ".join(str(log.epoch) for log in found)
        raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch), hint=f"It has: {has}.")
    for log in newest.values():
        _print_log(log, only_path=only_path, titled=len(newest) > 1)
    return ExitCode.DONE


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
    with project(context) as installation:
        run = run_service.clear_tasks(
            installation, dag_id, run_id, tasks=task_ids, downstream=downstream, only_failed=only_failed
        )
        if as_json:
            print_json({"requested": True, "dag_id": dag_id, "run_id": run.run_id, "tasks": task_ids})
        else:
            click.echo(f"asked to clear {', '.join(task_ids)} of run {run.run_id}")
        remind_of_scheduler(installation)


@tasks.command("mark")
@one_task
@click.argument("state", type=click.Choice(["success", "failed", "skipped"]))
@json_option
@click.pass_context
def mark(
    context: click.Context, dag_id: str, task_id: str, state: str, *, run_id: str, map_index: int | None, as_json: bool
) -> None:
    """Set a task to a state by hand."""
    with project(context) as installation:
        found = service.mark_task(installation, dag_id, task_id, state, run_id=run_id, map_index=map_index)
        if as_json:
            print_json({"requested": True, "dag_id": dag_id, "tasks": [str(t.key) for t in found], "state": state})
        else:
            click.echo(f"asked to mark {', '.join(str(task.key) for task in found)} as {state}")
        remind_of_scheduler(installation)


def _print_log(log: log_service.Log, *, only_path: bool, titled: bool) -> None:
    """Print a log or its path; a try that wrote nothing has no log, which is told on stderr and is no failure."""
    if only_path:
        click.echo(str(log.path))
        return
    if titled:
        click.echo(click.style(f"--- {log.task.key}, dispatch {log.epoch}", bold=True))
    try:
        for data in log_service.read_log(log):
            _write(data)
    except NotFoundError as error:
        click.echo(str(error), err=True)


def _follow(chunks: Iterable[log_service.LogChunk]) -> int:
    """Print logs as they grow; the exit code says how the task ended."""
    state = TaskState.NONE
    for data, state in chunks:
        _write(data)
        if not data and not state.finished:
            time.sleep(_PAUSE_S)
    return ExitCode.DONE if state in (TaskState.SUCCESS, TaskState.SKIPPED) else ExitCode.FAILED


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
