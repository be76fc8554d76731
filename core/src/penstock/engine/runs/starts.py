"""Starts queued runs, as many as may be active, and settles what becomes of those that fell due meanwhile."""

from msgspec.structs import replace

from penstock.engine.flow import end_run, propagate
from penstock.engine.live import LiveRun
from penstock.engine.live_dag import LiveDag
from penstock.engine.runs.cancel import cancel_run
from penstock.engine.runs.creation import MOST_WAITING, held_back
from penstock.engine.runs.taken_over import evaluate_all, pinned
from penstock.engine.runs.waiting_runs import give_way
from penstock.engine.state import State
from penstock.model.run import RunKind
from penstock.model.schedule import Overlap
from penstock.model.state import RunState

_KEPT = {Overlap.QUEUE: MOST_WAITING, Overlap.QUEUE_LATEST: 1, Overlap.SKIP: 0, Overlap.CANCEL: 1}


def start_queued_runs(state: State) -> None:
    """Start queued runs of every DAG to check, as far as ``max_active_runs`` allows."""
    for dag_id in sorted(state.dags_to_check):
        dag = state.dag(dag_id)
        if dag.row is not None and dag.row.paused:
            continue
        _start_queued(state, dag)
        if _settle(state, dag):
            _start_queued(state, dag)


def _start_queued(state: State, dag: LiveDag) -> None:
    while (number := dag.next_queued() or give_way(state, dag)) is not None:
        _start(state, dag, state.runs[number])


def _start(state: State, dag: LiveDag, run: LiveRun) -> None:
    dag.leave_queue(run.row.run)
    run = pinned(state, run)
    row = run.row
    if row.started_at is None:
        for instance in run.instances():
            state.mark_dirty(instance)
    state.store_run(run, replace(row, state=RunState.RUNNING, started_at=state.now, reason=""))
    dag.running.add(row.run)
    run.started_s = state.monotonic_s
    state.limit_run(run)
    evaluate_all(state, run)
    propagate(state)


def _settle(state: State, dag: LiveDag) -> bool:
    """Settle what becomes of scheduled runs that wait, by the DAG's policy of overlap; whether a place became free by that."""
    if not dag.waiting or dag.row is None or held_back(dag.row.dag):
        return False
    overlap = dag.row.dag.overlap
    active = [state.runs[number] for number in sorted(dag.running)]
    # A backfill goes after the schedule: what only its runs leave no place to waits for their end, and is not skipped.
    backfilled = sum(dag.backfill_of(run.row) is not None for run in active)
    while len(dag.waiting) > _KEPT[overlap] + backfilled:
        end_run(state, state.runs[dag.waiting[0]], RunState.SKIPPED, _why_skipped(dag, overlap))
    if overlap is not Overlap.CANCEL or not dag.waiting:
        return False
    # One whose last try is ending frees its place soon; a run that a person or a task asked for is not the schedule's to cancel.
    theirs = [run for run in active if run.row.kind is RunKind.SCHEDULED and run.row.state is RunState.RUNNING]
    theirs = [run for run in theirs if dag.backfill_of(run.row) is None]
    if not theirs or any(run.row.state is not RunState.RUNNING or run.row.cancelled_at for run in active):
        return False
    next_id = state.runs[dag.waiting[0]].row.run_id
    cancel_run(state, theirs[0], f"run {next_id} fell due while it ran (overlap='cancel')")
    propagate(state)
    return True


def _why_skipped(dag: LiveDag, overlap: Overlap) -> str:
    if overlap is Overlap.SKIP:
        active = f"{len(dag.running)} of {dag.max_active_runs} runs were active when it fell due"
        return f"{active} (overlap='skip')"
    if overlap is Overlap.QUEUE:
        return f"more than {MOST_WAITING} runs of the schedule waited, and it was the oldest of them (overlap='queue')"
    return f"a later run fell due while it waited (overlap='{overlap.value}')"
