"""A runtime for user code under test: connections and Variables from dicts, nothing behind them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from penstock.author.runtime import BaseRuntime, current
from penstock.decoders import convert
from penstock.errors import NotFoundError
from penstock.model.connection import Connection, parse_connection
from penstock.model.names import LARGEST_CHECKPOINT, LARGEST_STATE, check_name
from penstock.tries.state_asks import checked_json


class RecordedTrigger(NamedTuple):
    """A run of another DAG that a task asked for, or had run again."""

    dag_id: str
    run_id: str
    conf: dict[str, Any]
    logical_date: str
    cleared: bool = False


class FakeRuntime(BaseRuntime):
    """Answers what tasks ask.

    Args:
        connections: By id: a `Connection`, its URI or JSON, or a dict of its fields.
        variables: By key: text, or a value whose JSON is the text.
        stores: Object stores by URL scheme; those of installed providers serve the others.
        run_states: States of other DAGs' runs by run id; a run that a task triggers is a success unless named here. For an
            `ExternalTaskSensor`, the state of a DAG's run and tasks by its id.
        asset_events: By URI of an asset, what each of its events carries, oldest first.

    Attributes:
        variables: Variables as text, as tasks left them.
        checkpoints: Checkpoints in their plain form, as the code left them.
        state: What is kept from run to run, as a number and its plain form, by the asset's URI ("" for the task's own) and key.
        triggered: Runs that tasks asked for, each once.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection | str | Mapping[str, Any]] | None = None,
        variables: Mapping[str, Any] | None = None,
        *,
        stores: Mapping[str, Any] | None = None,
        run_states: Mapping[str, str] | None = None,
        asset_events: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        self._connections = {conn_id: _connection(conn_id, each) for conn_id, each in (connections or {}).items()}
        self.variables = {key: _text(value) for key, value in (variables or {}).items()}
        self._stores, self._states = dict(stores or {}), dict(run_states or {})
        self._events = dict(asset_events or {})
        self.triggered: list[RecordedTrigger] = []
        self.checkpoints: dict[str, Any] = {}
        self.state: dict[tuple[str, str], tuple[int, Any]] = {}
        self._numbers = 0

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id; raises NotFoundError."""
        if conn_id not in self._connections:
            hint = f"Pass connections={{{conn_id!r}: ...}} to the test."
            raise NotFoundError("connection", conn_id, self._connections, hint=hint)
        return self._connections[conn_id]

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None."""
        return self.variables.get(key)

    def set_variable(self, key: str, value: str | None) -> None:
        """Store or delete a Variable."""
        if value is None:
            self.variables.pop(key, None)
        else:
            self.variables[key] = value

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401, ARG002 - the runtime's method
        """None: outside of a run there are no other tasks."""
        return None

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """What the code under test kept, or None."""
        return self.checkpoints.get(key)

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep or delete a checkpoint."""
        check_name("checkpoint", key)
        if value is None:
            self.checkpoints.pop(key, None)
        else:
            self.checkpoints[key] = _kept(f"checkpoint {key!r}", value, LARGEST_CHECKPOINT)

    def kept_state(self, asset: str, key: str) -> tuple[int, Any] | None:
        """What the test, or the code under test, has kept, or None."""
        return self.state.get((asset, key))

    def set_kept_state(self, asset: str, key: str, value: Any, expected: int | None) -> bool:  # noqa: ANN401 - any JSON value
        """Keep or delete state."""
        check_name("state", key)
        if expected not in (None, self.state.get((asset, key), (0, None))[0]):
            return False
        if value is None:
            self.state.pop((asset, key), None)
        else:
            kept = _kept(f"state {key!r}", value, LARGEST_STATE)
            self._numbers += 1
            self.state[asset, key] = (self._numbers, kept)
        return True

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:
        """Note the run; the same id twice is one run."""
        if run_id not in {each.run_id for each in self.triggered}:
            self.triggered.append(RecordedTrigger(dag_id, run_id, conf, logical_date))

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Note that the run is to run again, if the test gave it a state or a task triggered it."""
        there = self.run_state(dag_id, run_id) is not None
        if there:
            self.triggered.append(RecordedTrigger(dag_id, run_id, {}, "", cleared=True))
        return there

    def run_state(self, dag_id: str, run_id: str) -> str | None:  # noqa: ARG002 - the runtime's method
        """The state that the test gave the run; success if a task triggered it."""
        known = run_id in {each.run_id for each in self.triggered}
        return self._states.get(run_id, "success" if known else None)

    def external_states(
        self, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]
    ) -> list[dict[str, Any]]:
        """The state that the test gave the DAG, at every date, as that of its run and of each of the tasks."""
        state = self._states.get(dag_id)
        names = [*task_ids, *([f"{group_id}.task"] if group_id else [])]
        return [{"date": date, "run": state, "tasks": {name: [state] for name in names if state}} for date in dates]

    def asset_events(self, asset: str, after: int, upto: int) -> list[dict[str, Any]]:
        """The events that the test gave, numbered from 1; each carries what was given and came from outside."""
        given = enumerate(self._events.get(asset, ()), 1)
        outside = {"key": "", "source_dag_id": "", "source_run_id": "", "source_task_id": "", "source_map_index": -1}
        at = "2026-01-01T00:00:00+00:00"
        return [
            {"number": number, "timestamp": at, "extra": dict(extra), **outside}
            for number, extra in given
            if after < number <= upto
        ]

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The test's store of the URL's scheme, else that of an installed provider."""
        scheme = url.partition("://")[0]
        if scheme in self._stores:
            return self._stores[scheme]
        from penstock.testing.installed import installed  # noqa: PLC0415 - only tests with object stores need it

        return installed().object_store(url, conn_id)


@contextmanager
def runtime(
    connections: Mapping[str, Connection | str | Mapping[str, Any]] | None = None,
    variables: Mapping[str, Any] | None = None,
    *,
    stores: Mapping[str, Any] | None = None,
) -> Iterator[FakeRuntime]:
    """A block in which hooks and functions find the connections and Variables that they would find in a task."""
    fake = FakeRuntime(connections, variables, stores=stores)
    token = current.set(fake)
    try:
        yield fake
    finally:
        current.reset(token)


def _connection(conn_id: str, given: Connection | str | Mapping[str, Any]) -> Connection:
    if isinstance(given, Connection):
        return msgspec.structs.replace(given, conn_id=conn_id)
    if isinstance(given, str):
        return parse_connection(conn_id, given)
    return convert({"conn_type": "", **given, "conn_id": conn_id}, Connection)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _kept(what: str, value: Any, largest: int) -> Any:  # noqa: ANN401 - any JSON value
    """The value as it comes back, held to the bounds that hold in a real run."""
    return msgspec.json.decode(checked_json(what, msgspec.json.encode(value).decode(), largest))
