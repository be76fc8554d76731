"""A run that waits for nothing but its past gives up its place to what it waits for.

Else the runs that a failed one holds would take all places, and it could never run again.
"""

from msgspec.structs import replace

from penstock.engine.decisions.past_hold import is_held, live_before, looking_back
from penstock.engine.live import LiveRun
from penstock.engine.live_dag import LiveDag
from penstock.engine.state import State
from penstock.model.backfills.backfill import BackfillState
from penstock.model.state import RunState, TaskState


def give_way(state: State, dag: LiveDag) -> int | None:
    """Have a run that waits for a queued one give up its place to it; number of that, None if none does."""
    if not dag.queued and (dag.backfill is None or not dag.backfill.queued):
        return None
    for number in sorted(dag.running):
        run = state.runs[number]
        wanted = _queued_before(state, run) if run.compiled.looking_back else None
        if wanted is not None and _may_take(dag, run, wanted) and waits_for_past_alone(state, run):
            _queue_again(state, dag, run, wanted.row.run_id)
            return wanted.row.run
    return None


def may_give_way(state: State, dag: LiveDag) -> bool:
    """Whether a running run waits for nothing but its past, so that an earlier one that is made now would get its place."""
    running = (state.runs[number] for number in dag.running)
    return any(run.compiled.looking_back and waits_for_past_alone(state, run) for run in running)


def waits_for_past_alone(state: State, run: LiveRun) -> bool:
    """Whether nothing of a running run is at work, is ready or will be tried again, and its past holds what is left."""
    if run.tries or run.row.state is not RunState.RUNNING:
        return False
    if not any(is_held(state, node) for node in looking_back(run)):
        return False
    return all(each.state is TaskState.NONE or each.state.finished for each in run.instances())


def _queued_before(state: State, run: LiveRun) -> LiveRun | None:
    """The first of the queued runs that stand directly before a run; None if there are none, or if these wait for one that is at work."""
    wanted, before = None, live_before(state, run)
    while before is not None and before.row.state is RunState.QUEUED:
        wanted, before = before, live_before(state, before)
    return wanted if before is None or before.row.state.finished else None


def _may_take(dag: LiveDag, run: LiveRun, wanted: LiveRun) -> bool:
    """Whether a queued run may have the place of another: the limit of its backfill holds, too."""
    backfill = dag.backfill_of(wanted.row)
    if backfill is None:
        return True
    active = sum(number in dag.running for number in backfill.runs)
    room = active < backfill.row.spec.max_active_runs or run.row.run in backfill.runs
    return room and backfill.row.state is BackfillState.RUNNING


def _queue_again(state: State, dag: LiveDag, run: LiveRun, wanted: str) -> None:
    reason = f"it gave its place to run {wanted}, for which it waits (depends_on_past)"
    state.store_run(run, replace(run.row, state=RunState.QUEUED, reason=reason))
    run.timeout_s = None
    dag.queue_again(run.row)
