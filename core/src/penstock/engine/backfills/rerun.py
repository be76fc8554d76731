"""Lets the run of a date run again for a backfill: as new tries of the same run, which keeps its kind and its history."""

from msgspec.structs import replace

from penstock.engine.graph.live_backfill import LiveBackfill
from penstock.engine.messages import DateFound
from penstock.engine.requests.live_runs import clear
from penstock.engine.runs.taken_over import change_version
from penstock.engine.state import State
from penstock.model.backfills.backfill import Rerun
from penstock.model.request import ClearTasks


def rerun(state: State, backfill: LiveBackfill, event: DateFound) -> str:
    """Have a run that has ended run again; why that cannot be, as a sentence, "" if it does.

    From then on it belongs to the backfill: it counts in its limits and ends with it.
    """
    spec, number = backfill.row.spec, 0 if event.run is None else event.run.run
    before = state.runs.get(number)
    if before is None:
        return "its run cannot run again: the version that it has is not stored any more"
    was = before.row.backfill
    state.store_run(before, replace(before.row, backfill=backfill.row.number))
    if event.change is not None:
        change_version(state, event.change)
    clear(
        state,
        ClearTasks(number, tuple(spec.tasks), downstream=not spec.tasks, only_failed=spec.rerun is Rerun.FAILED),
    )
    run = state.runs[number]
    if not run.row.state.finished:
        return ""
    state.store_run(run, replace(run.row, backfill=was))
    return f"nothing of run {run.row.run_id} that was asked for is to run again"
