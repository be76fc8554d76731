"""What tries ask of the state that tasks and assets keep from run to run."""

from typing import NamedTuple

from penstock.clock import Clock
from penstock.errors import RequestError, SupersededError, as_sentence
from penstock.model.names import LARGEST_STATE, check_name
from penstock.model.run import TaskKey
from penstock.model.values.value import encoded_length
from penstock.spec.wire import Reply
from penstock.store import StateOwner, Store


class Asker(NamedTuple):
    """Who asks: a try, by its task instance and epoch."""

    key: TaskKey
    epoch: int


class StateAsks:
    """Answers what tries ask.

    Args:
        store: Holds the state.
        clock: Tells the present.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def value(self, asker: Asker, asset: str, key: str) -> Reply:
        """The number and the JSON of what is kept, or None; raises RequestError or SupersededError."""
        check_name("state", key)
        found = self._store.state_store.value(self._owner(asker, asset)[0], key)
        return Reply(None if found is None else [found.number, found.value.decode()])

    def put(self, asker: Asker, asset: str, key: str, value: str | None, expected: int | None) -> Reply:
        """Keep the JSON of a value, or delete it; raises RequestError or SupersededError."""
        check_name("state", key)
        owner, by = self._owner(asker, asset)
        encoded = None if value is None else checked_json(f"state {key!r}", value, LARGEST_STATE)
        now = self._clock.now()
        put = self._store.state_store.put_by_try
        return Reply(put(*asker, owner, key, encoded, now, by=by, expected=expected))

    def _owner(self, asker: Asker, asset: str) -> tuple[StateOwner, str]:
        """Whose state is meant, and who asks, in words."""
        run = self._store.runs.get(asker.key.run)
        if run is None:
            raise SupersededError(f"the run of task {asker.key} was deleted. End it.")
        owner = StateOwner("", asset) if asset else StateOwner(run.dag_id, asker.key.task_id)
        return owner, f"{asker.key} of {run.dag_id}, run {run.run_id}"


def checked_json(what: str, text: str, largest: int) -> bytes:
    """The JSON of what a try keeps; raises RequestError if it is none, or too large."""
    try:
        encoded = text.encode()
        encoded_length(encoded)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{what}: {as_sentence(error)} Keep what has a JSON form.") from None
    if len(encoded) > largest:
        raise RequestError(
            f"{what} has {len(encoded):,} bytes of JSON; at most {largest:,} are kept. "
            "Put large data into an object store, and keep its URL."
        )
    return encoded
