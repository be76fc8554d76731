"""DAGs that another scheduler is to own: they are held until no try of them lives, and then forgotten; nothing is stored by that."""

from penstock.engine.messages import DagHeld, DagLost
from penstock.engine.state import State
from penstock.engine.why import why_paused


def hold_dag(state: State, event: DagHeld) -> None:
    """Begin no try of a DAG any more, or go on with it."""
    dag = state.dag(event.dag_id)
    dag.held = event.reason
    paused = dag.row is not None and dag.row.paused
    dag.active_tasks.closed = why_paused(event.dag_id) if paused else dag.held
    state.admission.recheck(dag.active_tasks)


def movable(state: State, dag_id: str) -> bool:
    """Whether a DAG has live tries, and all of them end by themselves: a sensor may wait for ever. It costs its live runs."""
    dag = state.dags.get(dag_id)
    runs = [] if dag is None else [state.runs[number] for number in dag.running if number in state.runs]
    live = [node for run in runs if run.tries for node in run.nodes if node.tries]
    return bool(live) and not any(node.task.sensor for node in live)


def lose_dag(state: State, event: DagLost) -> None:
    """Forget a DAG and its runs."""
    dag = state.dags.pop(event.dag_id, None)
    if dag is None:
        return
    of_backfill = set() if dag.backfill is None else dag.backfill.runs
    if dag.backfill is not None:
        state.backfills.pop(dag.backfill.row.number, None)
    for number in {*dag.running, *dag.queued, *of_backfill}:
        run = state.runs.pop(number, None)
        state.past_wanted.pop(number, None)
        for instance in run.instances() if run is not None else ():
            state.forget(instance)
    for asset in () if dag.assets is None else dag.assets.condition.assets():
        state.consumers.get(asset, set()).discard(event.dag_id)
    state.dags_to_check.discard(event.dag_id)
    state.dags_awaiting_runs.discard(event.dag_id)


def idle(state: State, dag_id: str) -> bool:
    """Whether a DAG has no live try and asks for nothing, so that it may be lost; costs its live runs."""
    dag = state.dags.get(dag_id)
    if dag is not None and dag.backfill is not None and dag.backfill.asking:
        return False
    runs = [] if dag is None else [state.runs[number] for number in dag.running if number in state.runs]
    return not any(run.tries for run in runs)
