"""Why a ready task waits, as of now: an engine of its own is given what the store holds, and asked.

The reason that is stored with a task is that of the moment when it became ready. Since then another limit may have come to
hold it, and writing that for each task that waits would cost a commit as large as the queue.
"""

from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, Event
from penstock.engine.why import why_run_waits
from penstock.model.now import Now
from penstock.model.run import TaskKey
from penstock.model.state import RunState
from penstock.scheduler.inbox import Inbox
from penstock.service.installation import Installation
from penstock.settings import Settings

_LEASE_S = 3e9  # nothing gets lost by asking


class Explainer:
    """The engine's answers for what a store holds at one moment; nothing is changed.

    Args:
        installation: Its database is read, and not written.
    """

    def __init__(self, installation: Installation) -> None:
        store, settings = installation.store, installation.settings
        self._engine = Engine(lease_s=_LEASE_S, routes=settings.queues)
        inbox = Inbox(store, self._engine.holds)
        events: list[Event] = [CapacityChanged(name, number) for name, number in _capacities(settings).items()]
        events += [
            CapacityChanged(self._engine.sensor_executor, None),
            *(arrival.event for arrival in inbox.stored() if arrival.event is not None),
        ]
        step = self._engine.step(events, Now(installation.now(), 0.0))
        self._aside = {each.dag_id: each for each in store.quarantine.all() if each.dag_id}
        self._started = {run.run for run in step.changes.runs if run.state is RunState.RUNNING}
        self._going = {dispatch.instance.key for dispatch in step.dispatches}

    def why(self, key: TaskKey, dag_id: str) -> str:
        """Why a live task instance of a DAG is where it is, as a sentence."""
        if (aside := self._aside.get(dag_id)) is not None:
            return f"{aside.subject} is in quarantine: {aside.reason} (see `penstock quarantine list`)"
        if key.run in self._started:  # here it could, so that nothing but the scheduler is missing
            return f"its run has not started: {why_run_waits('', paused=False, active=0, limit=0)}"
        if key in self._going:
            return "nothing holds it back: it goes out as soon as the scheduler gets to it; is `penstock up` running?"
        return self._engine.why(key)


def _capacities(settings: Settings) -> dict[str, int | None]:
    """Tries that each executor holds at once, by name; None where only the executor itself knows."""
    return {
        name: None if each.provided else each.options.get("parallelism") or settings.executor.parallelism
        for name, each in settings.executors.items()
    }
