"""Why a DAG that waits for assets has no run: decided by the code that makes runs, worded in one place."""

from penstock.engine.assets.asset_queue import AssetQueue
from penstock.engine.why import why_run_waits


def why_no_run(dag_id: str, queue: AssetQueue, *, paused: bool, active: int, limit: int) -> str:
    """Explain why no run is made for the events that wait, as a sentence.

    Args:
        dag_id: The DAG.
        queue: The events that it has not taken.
        paused: Whether it is paused.
        active: How many of its runs are queued or running.
        limit: Its ``max_active_runs``; 0 for none.
    """
    if queue.due():
        return f"its condition holds, and no run is made: {why_run_waits(dag_id, paused=paused, active=active, limit=limit)}"
    fresh = queue.fresh()
    missing = [asset for asset in queue.condition.assets() if asset not in fresh]
    has = f"; there are events of {', '.join(fresh)}" if fresh else ""
    return f"it waits for {queue.condition}: there is no event yet of {', '.join(missing)}{has}"
