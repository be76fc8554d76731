"""``penstock tasks logs``."""

import time

import click

from penstock.cli.installation import project, remind_of_scheduler
from penstock.cli.names import one_task
from penstock.cli.streams import LogOutput
from penstock.cli.terminal import json_option, print_json, print_line, print_remark
from penstock.errors import ExitCode, NotFoundError, RequestError
from penstock.model.state import TaskState
from penstock.service import logs as service
from penstock.service.installation import Installation
from penstock.service.names import index_of

_PAUSE_S = 0.25
"""Seconds between two looks at a log that grows: nothing wakes a reader of a file."""


@click.command("logs")
@one_task
@click.option(
    "--dispatch", type=click.IntRange(1), default=None, help="The log of one dispatch; of the newest unless given."
)
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
    map_index: int | str | None,
    dispatch: int | None,
    following: bool,
    only_path: bool,
    as_json: bool,
) -> int:
    """Print the log of a task's newest try; with --json, where the log of each try is."""
    if following and (only_path or as_json):
        raise click.UsageError(
            f"--follow prints what a log says: it goes with no {'--path' if only_path else '--json'}."
        )
    with project(context) as installation:
        index = index_of(installation, dag_id, task_id, map_index, run_id=run_id)
        if following:
            return _follow(installation, dag_id, task_id, run_id=run_id, map_index=index, dispatch=dispatch)
        found = service.task_logs(installation, dag_id, task_id, run_id=run_id, map_index=index)
        chosen = [log for log in found if dispatch is None or log.epoch == dispatch]
        if found and not chosen:
            has = ", ".join(str(epoch) for epoch in sorted({log.epoch for log in found}))
            raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch), hint=f"It has: {has}.")
        if as_json:
            print_json([str(log.path) for log in chosen] if only_path else chosen)
            return ExitCode.DONE
        if not found:
            print_remark("the task has not been tried yet.")
            return ExitCode.FAILED
        newest = {log.task.key: log for log in chosen}
        for log in newest.values():
            if only_path:
                print_line(str(log.path))
                continue
            if len(newest) > 1:
                _title(log)
            _print_log(installation, dag_id, run_id, log)
    return ExitCode.DONE


def _print_log(installation: Installation, dag_id: str, run_id: str, log: service.Log) -> None:
    """Print a log; a try that wrote nothing has none, which is told on stderr and is no failure."""
    task = log.task
    content = service.log_content(
        installation, dag_id, task.task_id, log.epoch, run_id=run_id, map_index=task.map_index
    )
    output = LogOutput()
    try:
        for data in content:
            output.write(data)
    except NotFoundError:
        # A log is made by the first word that is written into it.
        never = "has printed nothing yet" if log.live else "has printed nothing, or its log was deleted"
        print_remark(f"{task.label}, dispatch {log.epoch}, {never}.")
    except RequestError as error:
        print_remark(str(error))
    output.flush()


def _follow(
    installation: Installation, dag_id: str, task_id: str, *, run_id: str, map_index: int | None, dispatch: int | None
) -> int:
    """Print logs as they grow, each under its title once there are several; the exit code says how the task ended."""
    remind_of_scheduler(installation)
    output, shown, states = LogOutput(), "", frozenset[TaskState]()
    for chunk in service.follow_logs(
        installation, dag_id, task_id, run_id=run_id, map_index=map_index, dispatch=dispatch
    ):
        if chunk is None:
            time.sleep(_PAUSE_S)
            continue
        states = chunk.states
        if chunk.log is None:
            output.flush()
            if chunk.cut:
                print_remark("the end of a log may be missing: it has not reached the log store.")
            continue
        name = f"{chunk.log.task.key} {chunk.log.epoch}"
        if name != shown and (shown or chunk.several):
            output.flush()
            _title(chunk.log)
        shown = name
        output.write(chunk.data)
    return ExitCode.DONE if states <= {TaskState.SUCCESS, TaskState.SKIPPED, TaskState.REMOVED} else ExitCode.FAILED


def _title(log: service.Log) -> None:
    print_line("", title=f"--- {log.task.label}, dispatch {log.epoch}")
