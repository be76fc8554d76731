"""What the commands share that ask the scheduler for something: clear, mark, cancel."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from penstock.cli.installation import remind_of_scheduler
from penstock.cli.terminal import print_json, print_line, print_remark
from penstock.service.clear import Clear, Code, clear_tasks, request_handled
from penstock.service.installation import Installation
from penstock.service.runs import show_run

_WAIT_S, _PAUSE_S = 10.0, 0.05
_NAMED = 20

keep_steps_option = click.option(
    "--keep-steps", is_flag=True, help="Keep the steps that the tasks have done, and their other checkpoints."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would run, and change nothing.")


def code_option(default: Code | None) -> Callable[[Any], Any]:
    """The option that chooses the version of the DAG."""
    otherwise = "newest, or same while a try of the run lives" if default is None else default.value
    return click.option(
        "--code",
        type=click.Choice([each.value for each in Code]),
        default=None,
        callback=lambda _context, _option, value: default if value is None else Code(value),
        help=f"What runs: the DAG's present version, or the one that the run has.  [default: {otherwise}]",
    )


def clear(installation: Installation, found: Clear, *, dry_run: bool, as_json: bool) -> None:
    """Say what will run again, ask for it, and say what became of it."""
    run = found.run
    if not as_json:
        _print_clearing(found)
    if found.note:
        print_remark(found.note)
    asks = found.changes and not dry_run
    done = asks and finished(installation, clear_tasks(installation, found))
    state = show_run(installation, run.dag_id, run.run_id).run.state
    if as_json:
        facts = {"dag_id": run.dag_id, "run_id": run.run_id, "tasks": found.tasks, "keeping": found.keeping}
        more = {"version": found.version, "note": found.note, "state": state}
        print_json({"requested": asks, "handled": done, **facts, **more})
    elif asks:
        print_line(
            f"cleared: run {run.run_id} is {state.value}"
            if done
            else f"asked to clear run {run.run_id} of {run.dag_id}"
        )


def finished(installation: Installation, number: int) -> bool:
    """Wait until the scheduler has handled a request, for some seconds; says on stderr if it has not, and why."""
    if not remind_of_scheduler(installation):
        return False
    until = time.monotonic() + _WAIT_S
    while not request_handled(installation, number):
        if time.monotonic() > until:
            print_remark(f"the scheduler has not come to it for {_WAIT_S:g} s; it stays asked for")
            return False
        time.sleep(_PAUSE_S)
    return True


def named(keys: Sequence[str]) -> str:
    """Names of task instances, on one line that stays readable: the many of a mapped task are counted."""
    counted: dict[str, list[str]] = {}
    for key in keys:
        counted.setdefault(key.partition("[")[0], []).append(key)
    parts = [
        ", ".join(each) if len(each) < 4 else f"{task_id} ({len(each)} instances)" for task_id, each in counted.items()
    ]
    more = len(parts) - _NAMED
    return ", ".join(parts[:_NAMED]) + (f" and {more} more tasks" if more > 0 else "")


def _print_clearing(found: Clear) -> None:
    run = found.run
    if found.tasks:
        number = len(found.tasks)
        verb = "1 task instance runs" if number == 1 else f"{number} task instances run"
        print_line(f"{verb} again in run {run.run_id} of {run.dag_id}: {named(found.tasks)}")
        if found.wanted.keep_steps:
            print_line(f"these keep the steps that they have done: {named(found.keeping) or 'none'}")
            if anew := [task for task in found.tasks if task not in set(found.keeping)]:
                print_line(f"these do not, as what they are mapped over may be another list then: {named(anew)}")
    elif found.changes:
        print_line(f"no task instance of run {run.run_id} of {run.dag_id} is cleared")
    else:
        print_line(f"nothing of run {run.run_id} of {run.dag_id} is to be cleared")
    if found.moves:
        print_line(
            f"the run goes on with the DAG's present version {found.version[:12]} in place of {run.version[:12]}"
        )
