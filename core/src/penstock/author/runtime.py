"""What user code may ask of its surroundings: connections, Variables, values of other tasks, runs of other DAGs.

User code never sees a database. Whoever runs it (a task process, the import of a DAG file, a test) sets `current` to a
`Runtime` first; code that nobody runs, as in a REPL, finds a `BaseRuntime`, which refuses everything.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Protocol

from penstock.errors import RequestError

if TYPE_CHECKING:
    from penstock.model.connection import Connection  # not imported: it needs msgspec, and most DAG files ask for none


class Runtime(Protocol):
    """What user code may ask; every method may raise `penstock.errors.RequestError`."""

    def connection(self, conn_id: str) -> "Connection":
        """The connection of this id; raises `penstock.errors.NotFoundError`."""

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None if there is none."""

    def set_variable(self, key: str, value: str | None) -> None:
        """Store a Variable, or delete it if the value is None."""

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401 - any JSON value
        """The plain form (`penstock.model.values.value`) of a value that another task of this run left, or None.

        A large one may be a reference. If ``map_index`` is None it is the list of all instances' values.
        """

    def xcom_page(self, task_id: str, key: str, first: int) -> list[tuple[int, Any]]:
        """Plain forms of some values that instances of a mapped task of this run left, each with its map index, from an index on.

        They are in the order of their index; there is at least one unless none is left from there on.
        """

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """The plain form of what an earlier try of this task instance, or this one, kept under a key; None if nothing.

        Raises `penstock.errors.SupersededError` if this try is over.
        """

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Keep a plain value for this try and later ones, or delete it if it is None; durable on return.

        Raises `penstock.errors.SupersededError` if this try is over, or its instance was cleared, marked or cancelled.
        """

    def kept_state(self, asset: str, key: str) -> tuple[int, Any] | None:
        """What this task, or an asset if one is named, keeps under a key: its number and its plain form; None if nothing."""

    def set_kept_state(self, asset: str, key: str, value: Any, expected: int | None) -> bool:  # noqa: ANN401 - any JSON value
        """Keep a plain value for this task or an asset, or delete it if it is None; durable on return.

        Nothing is kept, and False is returned, if another value is there than the one of the number ``expected``, 0 for none.
        Raises `penstock.errors.SupersededError` as `set_checkpoint`.
        """

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:
        """Ask for a run of another DAG; the same ``run_id`` twice makes one run.

        The logical date is ISO 8601 text, ``now``, or empty for a run without one.
        """

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Have all tasks of a run of another DAG run again, with the DAG's present version; False if there is no such run."""

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run, or None if there is no such run."""

    def asset_events(self, asset: str, after: int, upto: int) -> list[dict[str, Any]]:
        """Some events of an asset after a number, up to another, oldest first; at least one unless there is none.

        Each has the fields of `penstock.author.run.asset_events.PastAssetEvent` but ``uri``, its instant as ISO 8601 text.
        """

    def external_states(
        self, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]
    ) -> list[dict[str, Any]]:
        """What has become of another DAG's run, tasks or task group at each of some logical dates, which are ISO 8601 text.

        Each has its ``date``, the state of the ``run`` or None, and under ``tasks`` all states of the instances of each. A sensor
        that asks is poked when something of it ends.
        """

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - a `penstock.spec` ObjectStore, a floor above
        """The object store that serves the URL's scheme; raises `penstock.errors.MissingProviderError` if none does."""


class BaseRuntime:
    """The base of every runtime: it refuses what a subclass does not offer, in one sentence.

    Attributes:
        place: Where the code runs, as the sentence says it.
        advice: What the author can do instead.
    """

    place: ClassVar[str] = "outside of a running task, the import of a DAG file and a test"
    advice: ClassVar[str] = "run the code with `penstock dags test FILE` or within `penstock.testing.runtime()`"

    def connection(self, conn_id: str) -> "Connection":
        """Refuse to find a connection; raises RequestError."""
        self._refuse(f"the connection {conn_id!r}")

    def variable(self, key: str) -> str | None:
        """Refuse to read a Variable; raises RequestError."""
        self._refuse(f"the Variable {key!r}")

    def set_variable(self, key: str, value: str | None) -> None:  # noqa: ARG002 - the protocol's
        """Refuse to change a Variable; raises RequestError."""
        self._refuse(f"a change of the Variable {key!r}")

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401, ARG002 - the protocol's
        """Refuse to find a value of another task; raises RequestError."""
        self._refuse(f"the value {key!r} of task {task_id!r}")

    def xcom_page(self, task_id: str, key: str, first: int) -> list[tuple[int, Any]]:  # noqa: ARG002 - the protocol's
        """Refuse to find values of a mapped task; raises RequestError."""
        self._refuse(f"the values {key!r} of task {task_id!r}")

    def checkpoint(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Refuse to find a checkpoint; raises RequestError."""
        self._refuse(f"the checkpoint {key!r}")

    def set_checkpoint(self, key: str, value: Any) -> None:  # noqa: ANN401, ARG002 - the protocol's
        """Refuse to keep a checkpoint; raises RequestError."""
        self._refuse(f"a change of the checkpoint {key!r}")

    def kept_state(self, asset: str, key: str) -> tuple[int, Any] | None:  # noqa: ARG002 - the protocol's
        """Refuse to find what is kept from run to run; raises RequestError."""
        self._refuse(f"the state {key!r}")

    def set_kept_state(self, asset: str, key: str, value: Any, expected: int | None) -> bool:  # noqa: ANN401, ARG002 - the protocol's
        """Refuse to keep something from run to run; raises RequestError."""
        self._refuse(f"a change of the state {key!r}")

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse to trigger a run; raises RequestError."""
        self._refuse(f"a run of DAG {dag_id!r}")

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Refuse to clear a run; raises RequestError."""
        self._refuse(f"a clear of run {run_id!r} of DAG {dag_id!r}")

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Refuse to look at a run; raises RequestError."""
        self._refuse(f"the state of run {run_id!r} of DAG {dag_id!r}")

    def asset_events(self, asset: str, after: int, upto: int) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's
        """Refuse to read the events of an asset; raises RequestError."""
        self._refuse(f"the events of asset {asset!r}")

    def external_states(
        self, dag_id: str, task_ids: list[str], group_id: str, dates: list[str]  # noqa: ARG002 - the protocol's
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Refuse to look at another DAG; raises RequestError."""
        self._refuse(f"the state of DAG {dag_id!r}")

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401, ARG002 - the protocol's
        """Refuse to open an object store; raises RequestError."""
        self._refuse(f"the object store of {url}")

    def _refuse(self, what: str) -> NoReturn:
        raise RequestError(f"{what} is not to be had {self.place}: {self.advice}.")


current: ContextVar[Runtime] = ContextVar("penstock_runtime", default=BaseRuntime())  # noqa: B039 - it has no state
