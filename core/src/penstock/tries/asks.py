"""What running tries may ask for, answered from the vault, the store and the inbox.

The methods are those of `penstock.author.runtime.Runtime` that need the scheduler; their arguments come from user code, so each
is checked against the method's own signature before anything is done with it.
"""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import msgspec

from penstock.author.build.param_schema import check_params
from penstock.author.runtime import Runtime
from penstock.clock import Clock
from penstock.decoders import convert
from penstock.errors import NotFoundError, PenstockError, RequestError, StoreUnavailableError
from penstock.model.assets.event import AssetEvent
from penstock.model.connection import Connection
from penstock.model.dag import XComRef
from penstock.model.names import LARGEST_CHECKPOINT, check_conf, check_name, error_sentence, error_text
from penstock.model.request import ClearTasks, TriggerDagRun
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.state import RunState
from penstock.spec.wire import Ask, Reply
from penstock.store import Store
from penstock.tries.external_states import external_states
from penstock.tries.run_watch import RunWatch
from penstock.tries.state_asks import Asker, StateAsks, checked_json
from penstock.tries.vault import Search, Vault

if TYPE_CHECKING:
    from penstock.tries.backend_source import BackendSource

Answer = TypeVar("Answer")

PAGE, PAGE_BYTES = 100, 1 << 20
"""Values of a mapped task that one answer holds, at most, and about how many bytes of them."""
LONGEST_MAPPING = 1 << 31


class Asks:
    """Answers what tries ask.

    Args:
        store: Holds the values of tasks, DAGs and runs.
        clock: Tells the present.
        vault: Holds connections and Variables.

    Attributes:
        watch: The sensors that wait for other DAGs.
    """

    def __init__(self, store: Store, clock: Clock, vault: Vault) -> None:
        self._store, self._clock, self._vault = store, clock, vault
        self.watch, state = RunWatch(), StateAsks(store, clock)
        self._methods: dict[str, Callable[..., Reply | Search[Reply]]] = {
            "connection": lambda _asker, conn_id: _connection(vault, conn_id),
            "variable": lambda _asker, key: _variable(vault, key),
            "set_variable": self._set_variable,
            "xcom": self._xcom,
            "xcom_page": self._xcom_page,
            "checkpoint": self._checkpoint,
            "set_checkpoint": self._set_checkpoint,
            "kept_state": state.value,
            "set_kept_state": state.put,
            "trigger_dag": self._trigger_dag,
            "asset_events": self._asset_events,
            "external_states": self._external_states,
            "clear_run": self._clear_run,
            "run_state": self._run_state,
        }

    @property
    def backends(self) -> list["BackendSource"]:
        """The secrets backends among the sources of the vault, which a search may have to wait for."""
        return self._vault.backends

    def begin(self, key: TaskKey, epoch: int, ask: Ask) -> Reply | Search[Reply]:
        """Begin to answer what a try asks.

        Args:
            key: Its task instance.
            epoch: Its own; 0 for who is no try, and may have no checkpoint.
            ask: The question.

        Returns:
            The reply, which is the error that was raised if the question cannot be answered; or the search through the vault
            that ends in the reply.

        Raises:
            StoreUnavailableError: The database cannot be had; the question can be answered later.
        """
        return answered(lambda: self._begin(Asker(key, epoch), ask))

    def _begin(self, asker: Asker, ask: Ask) -> Reply | Search[Reply]:
        method = self._methods.get(ask.method)
        if method is None:
            raise RequestError(f"a try asked for {ask.method!r}, which this scheduler does not know")
        return method(asker, *checked_arguments(ask))

    def _set_variable(self, _asker: Asker, key: str, value: str | None) -> Reply:
        check_name("variable", key)
        self._vault.set_variable(key, value, self._clock.now())
        return Reply()

    def _xcom(self, asker: Asker, task_id: str, key: str, map_index: int | None) -> Reply:
        values = self._store.xcoms.values(asker.key.run, [(task_id, key)])
        found = {instance.map_index: value for (instance, _), value in values.items()}
        if map_index is not None:
            value = found.get(map_index)
        elif set(found) <= {UNMAPPED}:
            value = found.get(UNMAPPED)
        else:
            value = b"[" + b",".join(found[index] for index in sorted(found)) + b"]"
        return Reply(None if value is None else value.decode())

    def _xcom_page(self, asker: Asker, task_id: str, key: str, first: int) -> Reply:
        if not 0 <= first < LONGEST_MAPPING:
            raise RequestError(f"xcom_page(first={first}): it must be 0 or more, and below {LONGEST_MAPPING:,}")
        page = self._store.xcoms.page(asker.key.run, XComRef(task_id, key), first, PAGE)
        sizes = accumulate(len(value) for _, value in page)
        # At least one, however large it is: whoever asks goes on where this page ends.
        fitting = [each for each, size in zip(page, sizes, strict=True) if size <= PAGE_BYTES] or page[:1]
        return Reply((b"[" + b",".join(b"[%d,%s]" % each for each in fitting) + b"]").decode())

    def _asset_events(self, _asker: Asker, asset: str, after: int, upto: int) -> Reply:
        if not (0 <= after < 2**63 and 0 <= upto < 2**63):
            raise RequestError(f"asset_events(after={after}, upto={upto}): numbers of events are 0 or more, below 2^63")
        found = self._store.assets.between(asset, after, upto, PAGE)
        sizes = accumulate(len(msgspec.json.encode(event.extra)) for event in found)
        fitting = [each for each, size in zip(found, sizes, strict=True) if size <= PAGE_BYTES] or found[:1]
        return Reply(msgspec.json.encode([event_fields(event) for event in fitting]).decode())

    def _external_states(
        self, asker: Asker, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]
    ) -> Reply:
        instants = [read_instant(date) for date in dates]
        # It is watched from before the look on: the scheduler stores nothing between the two.
        found, targets = external_states(self._store, dag_id, task_ids, group_id, instants)
        self.watch.watch((asker.key, asker.epoch), targets)
        return Reply(msgspec.json.encode(found).decode())

    def _checkpoint(self, asker: Asker, key: str) -> Reply:
        check_name("checkpoint", key)
        value = self._store.checkpoints.value(asker.key, asker.epoch, key)
        return Reply(None if value is None else value.decode())

    def _set_checkpoint(self, asker: Asker, key: str, value: str | None) -> Reply:
        check_name("checkpoint", key)
        encoded = None if value is None else checked_json(f"checkpoint {key!r}", value, LARGEST_CHECKPOINT)
        self._store.checkpoints.put(asker.key, asker.epoch, key, encoded)
        return Reply()

    def _trigger_dag(self, _asker: Asker, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> Reply:
        check_name("run", run_id)
        check_conf(conf)
        now = self._clock.now()
        instant = now if logical_date == "now" else read_instant(logical_date) if logical_date else None
        state = self._store.dags.state(dag_id)
        if state is None:
            raise NotFoundError("DAG", dag_id, [state.dag_id for state in self._store.dags.states()])
        spec = self._store.versions.spec(state.version)
        if spec is not None:
            check_params(spec, conf)
        self._store.requests.submit(TriggerDagRun(dag_id, run_id, conf, instant), now)
        return Reply()

    def _clear_run(self, asker: Asker, dag_id: str, run_id: str) -> Reply:
        run, state = self._store.runs.find(dag_id, run_id), self._store.dags.state(dag_id)
        if run is None:
            return Reply(False)
        if run.run == asker.key.run:
            raise RequestError(
                f"run {run_id!r} of DAG {dag_id!r} cannot reset itself: it would begin anew for ever. Reset another run, or give "
                "each its own id."
            )
        version = "" if state is None or state.version == run.version else state.version
        self._store.requests.submit(ClearTasks(run.run, version=version), self._clock.now())
        return Reply(True)

    def _run_state(self, _asker: Asker, dag_id: str, run_id: str) -> Reply:
        state = self._store.runs.state(dag_id, run_id)
        if state is None or not state.finished:
            return Reply(state)
        # What it ended as is history if it is about to run again; whoever has just asked for that would take it for the news.
        run = self._store.runs.find(dag_id, run_id)
        about = [each for _, each in self._store.requests.pending_about([dag_id]) if isinstance(each, ClearTasks)]
        if run is not None and any(each.run == run.run for each in about):
            return Reply(RunState.QUEUED)
        return Reply(self._store.runs.state(dag_id, run_id))


def event_fields(event: AssetEvent) -> dict[str, Any]:
    """An event as tasks are told of it."""
    return {
        "number": event.number, "timestamp": event.at.isoformat(), "extra": event.extra, "key": event.key or "",
        "source_dag_id": event.dag_id, "source_run_id": event.run_id, "source_task_id": event.task_id,
        "source_map_index": event.map_index, "uri": event.resolved or event.asset, "alias": event.alias,
    }  # fmt: skip


def read_instant(text: str) -> datetime:
    """The instant of an ISO 8601 text as aware UTC; a day is its midnight, and what has no offset is UTC, as in Airflow.

    Raises:
        RequestError: The text is no instant.
    """
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError(
            f"logical_date={text!r} is no instant. Write ISO 8601, such as 2026-01-31 or 2026-01-31T06:00:00+00:00."
        ) from None


def checked_arguments(ask: Ask) -> tuple[Any, ...]:
    """The arguments of a question; raises RequestError if they are not what its method takes."""
    names, types = _signature(ask.method)
    if len(ask.args) != len(names):
        raise RequestError(f"{ask.method}() takes {len(names)} arguments, {', '.join(names)}; it got {len(ask.args)}")
    for name, wanted, value in zip(names, types, ask.args, strict=True):
        try:
            convert(value, wanted)
        except (msgspec.ValidationError, OverflowError):
            wants = getattr(wanted, "__name__", str(wanted))
            raise RequestError(f"{ask.method}({name}={value!r}): {name} must be {wants}") from None
    return ask.args


# What goes over the line in another form than the method's own.
_ON_THE_LINE: dict[tuple[str, str], Any] = {
    ("set_checkpoint", "value"): str | None,
    ("set_kept_state", "value"): str | None,
}


@cache
def _signature(method: str) -> tuple[list[str], list[Any]]:
    function = getattr(Runtime, method)
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    hints = get_type_hints(function, localns={"Connection": Connection})  # what its module names for checkers alone
    return names, [_ON_THE_LINE.get((method, name), hints[name]) for name in names]


def provider_search(vault: Vault, who: str, ask: Ask) -> Search[Reply]:
    """Begin to answer a provider's code outside of a task, which may ask for connections and Variables.

    Args:
        vault: Holds them.
        who: What asks, for the refusal of anything else.
        ask: The question.

    Raises:
        RequestError: It asks for something else.
    """
    known: dict[str, Callable[..., Search[Reply]]] = {"connection": _connection, "variable": _variable}
    if ask.method not in known:
        raise RequestError(f"{ask.method}() is for tasks: {who} may ask for connections and Variables")
    return known[ask.method](vault, *checked_arguments(ask))


def _connection(vault: Vault, conn_id: str) -> Search[Reply]:
    found = yield from vault.find_connection(conn_id)
    return Reply(msgspec.to_builtins(found.value), secrets=found.secrets)


def _variable(vault: Vault, key: str) -> Search[Reply]:
    found = yield from vault.find_variable(key)
    return Reply(found.value, secrets=found.secrets)


def answered(method: Callable[..., Answer], *arguments: object) -> Answer | Reply:
    """What a method replies; the error that it raised if the question cannot be answered.

    Raises:
        StoreUnavailableError: The database cannot be had; the question can be answered later.
    """
    try:
        return method(*arguments)
    except StoreUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - a question of one task must not end the scheduler of all
        return refusal(error)


def refusal(error: Exception) -> Reply:
    """The reply to a question that cannot be answered."""
    if isinstance(error, PenstockError):
        return Reply(error=error_text(error), error_type=type(error).__name__)
    return Reply(error=f"it could not be answered: {error_sentence(error)}", error_type="RequestError")
