"""Answers to "why is it not running?", from the state that decides it."""

from collections.abc import Callable

from penstock.engine.decisions.past_hold import Hold, hold_of
from penstock.engine.graph.live_backfill import LiveBackfill
from penstock.engine.graph.trigger_rules import Verdict
from penstock.engine.live import Instance
from penstock.engine.state import State
from penstock.engine.waits import describe, wait_of
from penstock.model.backfills.backfill import BackfillState
from penstock.model.run import Run, TaskKey
from penstock.model.state import RunState, TaskState


def why(state: State, key: TaskKey, seen: Callable[[str], bool] = lambda _: True) -> str:
    """Why an instance is where it is, as a sentence that names the tasks of those DAGs alone that are seen."""
    instance = state.instance(key)
    if instance is None:
        return "no live run has it: its run has ended, or is not known"
    if instance.bucket is not None:
        refusal, wait = state.admission.refusal(instance)[1], wait_of(state, instance, seen)
        more = "" if wait is None else describe(wait)
        return f"{refusal}; {more}" if more else refusal
    run = instance.node.run.row
    if run.state is RunState.QUEUED and instance.state is TaskState.NONE:
        return f"its run has not started: {_why_queued(state, run)}"
    return _by_state(state, instance)


def _by_state(state: State, instance: Instance) -> str:
    node, reason = instance.node, instance.reason
    if instance.state is TaskState.NONE:
        if instance.cancelling:
            return "it was cleared, and its earlier try has not ended yet"
        if node.collapsing:
            return "it was cleared, and an earlier try of the same task has not ended yet"
        if node.verdict(instance.key.map_index) is Verdict.RUN and (hold := hold_of(state, node)) is not None:
            return why_held(hold)
        return "waits for its upstream: " + node.explain(instance.key.map_index)
    if instance.state is TaskState.RUNNING:
        return "it is running"
    if instance.state is TaskState.UP_FOR_RETRY and instance.due_at is not None:
        return f"{reason}; the next try is due at {instance.due_at.isoformat(sep=' ', timespec='seconds')}"
    return reason or ("it succeeded" if instance.state is TaskState.SUCCESS else f"it is {instance.state.value}")


def why_held(hold: Hold) -> str:
    """Say which task instance of which run before holds a task."""
    if not hold.run_id:
        return "waits for its past (depends_on_past): which run was before its own is being looked up"
    found = f"task {hold.task} of run {hold.run_id}, the one before, is {hold.state}"
    return f"waits for its past (depends_on_past): {found}; it goes on once that has succeeded or was skipped"


def why_run_waits(dag_id: str, *, paused: bool, active: int, limit: int, ending: int = 0) -> str:
    """Explain why a queued run of a DAG has not started, as a sentence: the one place that words it.

    Args:
        dag_id: The DAG.
        paused: Whether the DAG is paused.
        active: How many of its runs are running, or are ending: a try of them lives that was told to end.
        limit: Its ``max_active_runs``; 0 for none.
        ending: How many of the active ones are ending.
    """
    if paused:
        return why_paused(dag_id)
    if limit and active >= limit:
        also = f"; {ending} of them {'is' if ending == 1 else 'are'} ending" if ending else ""
        return f"DAG {dag_id!r} has {active} of {limit} active runs (max_active_runs){also}"
    return "the scheduler has not taken it up yet; is `penstock up` running?"


def why_paused(dag_id: str) -> str:
    """Say that a DAG is paused, and how to unpause it."""
    return f"DAG {dag_id!r} is paused. Unpause it with: penstock dags unpause {dag_id}"


def why_moving(dag_id: str, longest_s: float) -> str:
    """Say that a DAG is handed over to another scheduler."""
    return (
        f"DAG {dag_id!r} is handed over to another scheduler: none of its tries begins until those that run have ended, "
        f"for {longest_s:g} s at most ([scheduler] handover_s)"
    )


def why_drained(dag_id: str) -> str:
    """Say that the scheduler of a DAG drains."""
    return f"DAG {dag_id!r} waits: its scheduler is drained, and another one goes on with it once the tries that run have ended"


def _why_queued(state: State, run: Run) -> str:
    dag = state.dag(run.dag_id)
    backfill = dag.backfill_of(run)
    paused = dag.row is not None and dag.row.paused
    rows = [state.runs[number].row for number in dag.running]
    ending = sum(row.state is not RunState.RUNNING or row.cancelled_at is not None for row in rows)
    room = len(dag.running) < dag.max_active_runs
    if backfill is not None and not paused and room:
        return _why_backfill_waits(backfill, len(backfill.runs & dag.running))
    return why_run_waits(run.dag_id, paused=paused, active=len(dag.running), limit=dag.max_active_runs, ending=ending)


def _why_backfill_waits(backfill: LiveBackfill, active: int) -> str:
    number, limit = backfill.row.number, backfill.row.spec.max_active_runs
    if backfill.row.state is BackfillState.PAUSED:
        return f"backfill {number} is paused. Resume it with: penstock backfills resume {number}"
    if active >= limit:
        return f"backfill {number} has {active} of {limit} active runs (--max-active-runs)"
    return "the scheduler has not taken it up yet; is `penstock up` running?"
