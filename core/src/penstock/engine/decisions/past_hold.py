"""Whether a task is held by its past: by itself, or by what stands below it, in the run before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from penstock.engine.live import LiveRun, Node
from penstock.model.history.past_run import ENDED_WELL
from penstock.model.state import RunState

if TYPE_CHECKING:
    from penstock.engine.state import State


class Hold(NamedTuple):
    """What holds a task.

    Attributes:
        run_id: The run before; "" while nobody has said yet which that is.
        task: The task instance of it that has not ended well.
        state: The state of that instance.
    """

    run_id: str
    task: str = ""
    state: str = ""


UNKNOWN = Hold("")
"""Nobody has said yet which run was before."""


def is_held(state: State, node: Node) -> bool:
    """Whether the run before holds a task; costs the tasks that it waits for, and not their instances."""
    return _holding(state, node) is not None


def hold_of(state: State, node: Node) -> Hold | None:
    """What of the run before holds a task; None if nothing does."""
    match _holding(state, node):
        case Node() as other:
            first = next(each for each in other.instances.values() if each.state not in ENDED_WELL)
            return Hold(other.run.row.run_id, str(first.key), first.state.value)
        case found:
            return found


def _holding(state: State, node: Node) -> Node | Hold | None:
    """The task of the live run before that holds a task, or what is stored of it; None if nothing does.

    A run without a logical date stands in no line: nothing holds it. What the run before does not have holds nothing.
    """
    run = node.run
    task_ids = run.compiled.past[node.number]
    if not task_ids or run.row.logical_date is None:
        return None
    if not run.past_known:
        return UNKNOWN
    before, past = live_before(state, run), run.past
    if before is not None and (past is None or _rank(before) >= (past.logical_date, past.run)):
        others = (other for task_id in task_ids if (other := before.node(task_id)) is not None)
        return next((other for other in others if not other.ended_well), None)
    found = None if past is None else next((o for task_id in task_ids if (o := past.open.get(task_id))), None)
    return None if past is None or found is None else Hold(past.run_id, *found)


def live_before(state: State, run: LiveRun) -> LiveRun | None:
    """The live run before another by logical date; one that was skipped when it fell due stands in nobody's past."""
    for number in state.dag(run.row.dag_id).dated.before(run.row):
        before = state.runs[number]
        if before.row.state is not RunState.SKIPPED:
            return before
    return None


def looking_back(run: LiveRun) -> list[Node]:
    """The tasks of a run that wait for its past, or will, because something of them has not begun."""
    numbers = run.compiled.looking_back if run.row.logical_date is not None else ()
    return [run.nodes[number] for number in numbers if run.nodes[number].waiting]


def _rank(run: LiveRun) -> tuple[object, int]:
    return run.row.logical_date, run.row.run
