"""Events of assets: made by tasks that succeed, counted for the DAGs that wait for them, taken by their runs."""

from msgspec.structs import replace

from penstock.engine.assets.asset_queue import AssetQueue
from penstock.engine.live import Instance
from penstock.engine.live_dag import LiveDag
from penstock.engine.messages import AssetEventAdded, DagUpdated
from penstock.engine.state import State
from penstock.model.assets.asset_condition import ALIAS
from penstock.model.assets.event import AssetCursor, NewAssetEvent
from penstock.model.attempt import TryEnd
from penstock.model.run import NewRun


def emit_events(state: State, instance: Instance, end: TryEnd | None = None) -> None:
    """Make an event of each outlet of an instance that has succeeded, in the transaction that says so.

    Args:
        state: The engine's state.
        instance: What has succeeded.
        end: How its try ended, if it had one: what it gave the events, and the assets that aliases stood for.
    """
    run, key = instance.node.run.row, instance.key
    extras, resolved = ({}, {}) if end is None else (end.extras, end.resolved)
    for asset in instance.node.task.outlets:
        if not asset.startswith(ALIAS):
            new = NewAssetEvent(asset, extras.get(asset, {}), None, run.dag_id, run.run_id, *key)
            state.changes.asset_events.append(new)
        for uri, extra in resolved.get(asset, {}).items():
            # Two rows: who waits for the asset and who waits for the alias each count events of what they name.
            new = NewAssetEvent(uri, extra, None, run.dag_id, run.run_id, *key, alias=asset)
            state.changes.asset_events += [new, replace(new, asset=asset, alias="", resolved=uri)]


def watch_assets(state: State, dag: LiveDag, event: DagUpdated) -> None:
    """Have a DAG wait for the assets that its newest version names, and for no others.

    What has happened before is left out, unless the DAG catches up on all that it has missed.
    """
    dag_id, condition = event.dag.dag_id, event.dag.schedule.assets if event.active else None
    known = {} if dag.assets is None else dag.assets.taken
    for asset in () if dag.assets is None else dag.assets.condition.assets():
        state.consumers.get(asset, set()).discard(dag_id)
    dag.assets = queue = None if condition is None else AssetQueue(condition)
    wanted = () if condition is None else condition.assets()
    if event.active:
        gone = (known.keys() | event.assets.keys()) - {*wanted}
        state.changes.asset_cursors += [AssetCursor(dag_id, asset, None) for asset in sorted(gone)]
    if queue is None:
        return
    for asset in wanted:
        state.consumers.setdefault(asset, set()).add(dag_id)
        stored, newest = event.assets.get(asset, (None, 0))
        queue.come(asset, newest)
        taken = known.get(asset, stored)
        if taken is None:
            taken = 0 if event.dag.catchup else newest
            state.changes.asset_cursors.append(AssetCursor(dag_id, asset, taken))
        queue.taken[asset] = taken


def count_event(state: State, event: AssetEventAdded) -> None:
    """Count an event for each DAG that waits for its asset."""
    for dag_id in state.consumers.get(event.asset, ()):
        queue = state.dag(dag_id).assets
        if queue is not None:
            queue.come(event.asset, event.number)
            state.dags_to_check.add(dag_id)


def create_asset_run(state: State, dag: LiveDag, row: DagUpdated) -> None:
    """Make a run for the events that wait, if the condition holds and another run of the DAG may be active.

    While none may, they go on waiting: the run that follows is made for all of them.
    """
    if dag.assets is None or len(dag.running) + len(dag.queued) >= dag.max_active_runs:
        return
    consumed, dag_id = dag.assets.due(), row.dag.dag_id
    if not consumed:
        return
    dag.assets.take(consumed)
    state.changes.new_runs.append(NewRun.of_assets(dag_id, state.now, consumed, row.version))
    state.changes.asset_cursors += [AssetCursor(dag_id, asset, upto) for asset, (_, upto) in consumed.items()]
    state.dags_awaiting_runs.add(dag_id)
