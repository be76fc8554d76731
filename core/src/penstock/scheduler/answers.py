"""What running tries may ask for, answered from the vault, the store and the inbox."""

from collections.abc import Callable
from typing import Any

from penstock.clock import Clock
from penstock.errors import NotFoundError
from penstock.execute.wire import Ask, Reply
from penstock.model.request import TriggerDagRun
from penstock.spec.executor import TryRequest
from penstock.store import Store
from penstock.tries.replies import answered, connection_reply, variable_reply
from penstock.tries.vault import Vault


class Answers:
    """Answers what tries ask.

    Args:
        store: Holds the values of tasks, DAGs and runs.
        clock: Tells the present.
        vault: Holds connections and Variables.
    """

    def __init__(self, store: Store, clock: Clock, vault: Vault) -> None:
        self._store, self._clock, self._vault = store, clock, vault
        self._methods: dict[str, Callable[..., Reply]] = {
            "connection": lambda _request, conn_id: connection_reply(vault, conn_id),
            "variable": lambda _request, key: variable_reply(vault, key),
            "set_variable": self._set_variable,
            "xcom": self._xcom,
            "trigger_dag": self._trigger_dag,
            "run_state": self._run_state,
        }

    def __call__(self, request: TryRequest, ask: Ask) -> Reply:
        """The reply to a try's question; a question that cannot be answered gets the error it raised."""
        method = self._methods.get(ask.method)
        if method is None:
            return Reply(error=f"a try asked for {ask.method!r}, which this scheduler does not know")
        return answered(method, request, *ask.args)

    def _set_variable(self, _request: TryRequest, key: str, value: str | None) -> Reply:
        self._vault.set_variable(key, value, self._clock.now())
        return Reply()

    def _xcom(self, request: TryRequest, task_id: str, key: str, map_index: int | None) -> Reply:
        values = self._store.xcoms.values(request.run, [(task_id, key)])
        found = {instance.map_index: value for (instance, _), value in values.items()}
        if map_index is not None:
            value = found.get(map_index)
        elif set(found) <= {-1}:
            value = found.get(-1)
        else:
            value = b"[" + b",".join(found[index] for index in sorted(found)) + b"]"
        return Reply(None if value is None else value.decode())

    def _trigger_dag(
        self, _request: TryRequest, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str
    ) -> Reply:
        if self._store.dags.state(dag_id) is None:
            raise NotFoundError("DAG", dag_id, [state.dag_id for state in self._store.dags.states()])
        self._store.requests.submit(TriggerDagRun(dag_id, run_id, conf, logical_date), self._clock.now())
        return Reply()

    def _run_state(self, _request: TryRequest, dag_id: str, run_id: str) -> Reply:
        return Reply(self._store.runs.state(dag_id, run_id))
