"""Takes in what the store holds of the past of runs, and lets go what it does not hold any more."""

from penstock.engine.decisions.past_hold import looking_back
from penstock.engine.flow import evaluate
from penstock.engine.live_dag import LiveDag
from penstock.engine.messages import PastFound
from penstock.engine.state import State


def found_past(state: State, event: PastFound) -> None:
    """Note which run was before another, and look again at what waits for it."""
    run = state.runs.get(event.run)
    if run is None or event.run not in state.past_wanted:
        return
    del state.past_wanted[event.run]
    run.past, run.past_known = event.past, True
    for node in looking_back(run):
        evaluate(state, node)


def forget_past_runs(state: State, dag: LiveDag) -> None:
    """Ask anew for what was before the runs of a DAG: a run of it may have been deleted."""
    for number in dag.dated:
        if state.runs[number].past_known:
            state.forget_past(state.runs[number])
