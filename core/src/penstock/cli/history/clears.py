"""What the commands that clear print, and what they ask the scheduler for."""

from collections.abc import Sequence

from penstock.cli import requests
from penstock.cli.terminal import print_json, print_line, print_remark
from penstock.model.text import counted
from penstock.service.clear import Clear, Code, clear_tasks
from penstock.service.history.marked_clears import MarkedClears, with_marked
from penstock.service.installation import Installation
from penstock.service.runs import show_run

_NAMED = 20


def clear_marked(  # noqa: PLR0913 - one argument an option
    installation: Installation,
    found: Sequence[Clear],
    *,
    alone: bool,
    code: Code | None,
    keep_steps: bool,
    why: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """As `clear` and `clear_all`, with what is marked of other DAGs unless these are left alone."""
    marked = (
        MarkedClears(list(found), []) if alone else with_marked(installation, found, code=code, keep_steps=keep_steps)
    )
    for note in marked.notes:
        print_remark(note)
    if len(found) == 1 and len(marked.clears) == 1:
        clear(installation, found[0], why=why, dry_run=dry_run, as_json=as_json)
    else:
        clear_all(installation, marked.clears, why=why, dry_run=dry_run, as_json=as_json)


def clear(installation: Installation, found: Clear, *, why: str | None, dry_run: bool, as_json: bool) -> None:
    """Say what will run again, ask for it, and say what became of it."""
    run = found.run
    if not as_json:
        _print_clearing(found)
    if found.note:
        print_remark(found.note)
    asks = found.changes and not dry_run
    done = asks and requests.finished(installation, clear_tasks(installation, found, by=requests.asked_by(why)))
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


def clear_all(
    installation: Installation, found: Sequence[Clear], *, why: str | None, dry_run: bool, as_json: bool
) -> None:
    """As `clear`, of several runs together."""
    for each in () if as_json else found:
        _print_clearing(each)
    for note in dict.fromkeys(each.note for each in found if each.note):
        print_remark(note)
    asks = bool(found) and not dry_run
    done = asks and requests.finished(installation, clear_tasks(installation, *found, by=requests.asked_by(why)))
    if as_json:
        cleared = [
            {"dag_id": each.run.dag_id, "run_id": each.run.run_id, "tasks": each.tasks, "version": each.version}
            for each in found
        ]
        print_json({"requested": asks, "handled": done, "runs": cleared})
    elif not found:
        print_line("nothing of these runs is to be cleared")
    elif asks:
        print_line(f"{'cleared' if done else 'asked to clear'} {counted(len(found), 'run')}")


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
