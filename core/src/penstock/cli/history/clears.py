"""What the commands that clear print, and what they wait for."""

from collections.abc import Sequence

from penstock.cli import requests
from penstock.cli.terminal import print_json, print_line, print_remark
from penstock.model.state import TaskState
from penstock.model.text import counted
from penstock.service.clear import Clear
from penstock.service.history.clears import ClearReport
from penstock.service.installation import Installation
from penstock.service.reasons.preview import TaskChange
from penstock.service.runs import show_run

_NAMED = 20


def print_clears(
    installation: Installation, found: ClearReport, *, named_runs: int | None, dry_run: bool, as_json: bool
) -> None:
    """Say what runs again, wait until the scheduler has come to it, and say what became of it.

    Args:
        installation: The installation.
        found: What was asked for, or would be.
        named_runs: How many runs were named; None for those of some dates.
        dry_run: Whether nothing was asked for.
        as_json: Whether JSON is printed.
    """
    for each in () if as_json else found.clears:
        _print_clearing(each, keep_steps=each.wanted.keep_steps)
    for note in dict.fromkeys([*found.notes, *(each.note for each in found.clears if each.note)]):
        print_remark(note)
    done = found.asked is not None and requests.finished(installation, found.asked)
    if named_runs == 1 and len(found.clears) == 1:
        _print_one(installation, found.clears[0], asks=found.asked is not None, done=done, as_json=as_json)
        return
    asks = bool(found.clears) and not dry_run
    if as_json:
        cleared = [
            {"dag_id": each.run.dag_id, "run_id": each.run.run_id, "tasks": each.tasks, "version": each.version}
            for each in found.clears
        ]
        print_json({"requested": asks, "handled": done, "runs": cleared})
    elif not found.clears:
        print_line("nothing of these runs is to be cleared")
    elif asks:
        print_line(f"{'cleared' if done else 'asked to clear'} {counted(len(found.clears), 'run')}")


def _print_one(installation: Installation, found: Clear, *, asks: bool, done: bool, as_json: bool) -> None:
    run = found.run
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


def print_changes(changes: Sequence[TaskChange]) -> None:
    """Say which task instances a mark would change, and which would be judged anew because of it."""
    for each in changes:
        after = "judged anew" if each.after is TaskState.NONE else each.after.value
        print_line(f"{each.task}: {each.before.value} would be {after}")
    if not changes:
        print_line("no task instance would change")


def named(keys: Sequence[str]) -> str:
    """Names of task instances, on one line that stays readable: the many of a mapped task are counted."""
    of_task: dict[str, list[str]] = {}
    for key in keys:
        of_task.setdefault(key.partition("[")[0], []).append(key)
    parts = [
        ", ".join(each) if len(each) < 4 else f"{task_id} ({len(each)} instances)" for task_id, each in of_task.items()
    ]
    more = len(parts) - _NAMED
    return ", ".join(parts[:_NAMED]) + (f" and {more} more tasks" if more > 0 else "")


def _print_clearing(found: Clear, *, keep_steps: bool) -> None:
    run = found.run
    if found.tasks:
        number = len(found.tasks)
        verb = "1 task instance runs" if number == 1 else f"{number} task instances run"
        print_line(f"{verb} again in run {run.run_id} of {run.dag_id}: {named(found.tasks)}")
        if keep_steps:
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
