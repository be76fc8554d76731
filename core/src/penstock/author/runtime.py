"""The door from user code to the world around it: connections, variables, values of other tasks, runs of other DAGs.

User code never sees a database. Whoever runs it (a task process, the import of a DAG file, a test) puts a `Runtime` in
place first; outside of all these, in a REPL, `OUTSIDE` answers with an error that says so.
"""

from contextvars import ContextVar
from typing import Any, Protocol

from penstock.errors import RequestError
from penstock.model.connection import Connection


class Runtime(Protocol):
    """What user code may ask of its surroundings; every method may raise `penstock.errors.RequestError`."""

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id; raises `penstock.errors.NotFoundError`."""

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None if there is none."""

    def set_variable(self, key: str, value: str | None) -> None:
        """Store a Variable, or delete it if the value is None."""

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401 - any JSON value
        """The plain form (`penstock.model.value`) of a value that another task of this run left, or None.

        A large one may be a reference. If ``map_index`` is None it is the list of all instances' values.
        """

    def push_xcom(self, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Leave a value under a key for other tasks, at the end of this try."""

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:
        """Ask for a run of another DAG; the same ``run_id`` twice makes one run."""

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run, or None if there is no such run."""

    def object_store(self, url: str, conn_id: str | None) -> Any:  # noqa: ANN401 - a `penstock.spec` ObjectStore, a floor above
        """The object store that serves the URL's scheme; raises `penstock.errors.MissingProviderError` if none does."""


class _Outside:
    """The runtime of code that nobody runs."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands for every method of the protocol
        raise RequestError(
            f"{name}() was asked for outside of a running task, the import of a DAG file and a test. "
            "Run the code with `penstock dags test FILE` or within `penstock.testing.runtime()`."
        )


OUTSIDE: Runtime = _Outside()

current: ContextVar[Runtime] = ContextVar("penstock_runtime", default=OUTSIDE)
