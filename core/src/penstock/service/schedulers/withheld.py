"""What schedulers hold back, as the events by which an engine is told of it: executors, and DAGs that change their owner."""

from collections.abc import Mapping

from penstock.engine.messages import CapacityChanged, DagHeld, Event
from penstock.engine.why import why_drained, why_moving
from penstock.service.installation import Installation


def withheld(installation: Installation, capacities: Mapping[str, int | None]) -> list[Event]:
    """What may be begun at all, by the name of the executor and by DAG; raises StoreError.

    Args:
        installation: Its schedulers are asked for by what they have stored.
        capacities: Tries that each executor holds at once.
    """
    role = installation.store.role
    holders = role.holders()
    # If they all drain, nobody is left to go on with anything: then it is the executors that are closed.
    drained = bool(holders) and all(holder.draining_since for holder in holders)
    events: list[Event] = [
        CapacityChanged(name, 0 if drained else number, draining=drained) for name, number in capacities.items()
    ]
    longest_s = installation.settings.scheduler.handover_s
    for dag_id, draining in role.held_dags():
        events.append(DagHeld(dag_id, why_drained(dag_id) if draining else why_moving(dag_id, longest_s)))
    return events
