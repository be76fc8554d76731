"""Why a ready task waits, as of now: an engine of its own is given what the store holds, and asked.

The reason that is stored with a task is that of the moment when it became ready. Since then another limit may have come to
hold it, and writing that for each task that waits would cost a commit as large as the queue.
"""

from collections.abc import Mapping
from datetime import datetime

from penstock.engine.engine import Engine
from penstock.engine.messages import CapacityChanged, Event
from penstock.model.now import Now
from penstock.model.run import TaskKey
from penstock.scheduler.inbox import Inbox
from penstock.store import Store

_LEASE_S = 3e9  # nothing gets lost by asking


class Explainer:
    """The engine's answers for what a store holds at one moment; nothing is changed.

    Args:
        store: Read, and not written.
        now: The present, aware UTC.
        places: Tries that each executor holds at once, by name.
    """

    def __init__(self, store: Store, now: datetime, places: Mapping[str, int]) -> None:
        self._engine = Engine(lease_s=_LEASE_S)
        inbox = Inbox(store, self._engine.holds)
        events: list[Event] = [CapacityChanged(name, number) for name, number in places.items()]
        events += [
            CapacityChanged(self._engine.sensor_executor, None),
            inbox.pools(),
            *inbox.dag_events(store.dags.states()),
        ]
        events += [added for snapshot in store.runs.live() if (added := inbox.run_added(snapshot)) is not None]
        step = self._engine.step(events, Now(now, 0.0))
        self._going = {dispatch.instance.key for dispatch in step.dispatches}

    def why(self, key: TaskKey) -> str:
        """Why a live task instance is where it is, as a sentence."""
        if key in self._going:
            return "nothing holds it back: it goes out as soon as the scheduler gets to it; is `penstock up` running?"
        return self._engine.why(key)
