"""What runs user code in a try process: finds the operator, prepares it, turns its ending into an answer."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.author.abstract_operator import AbstractOperator
from penstock.author.build.imports import import_dag_file
from penstock.author.operator import Operator
from penstock.author.run.context import Facts
from penstock.author.run.execution import Ending, Prepared, failed, prepare, run_try
from penstock.author.run.stored_plan import from_plan
from penstock.author.runtime import Runtime, current
from penstock.errors import FailTask, PenstockError, RequestError
from penstock.execute.spill import spilled
from penstock.execute.wire import Answer
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.spec.executor import TryRequest

Resolve = Callable[[str], type[Operator]]
OpenStore = Callable[[str, str | None], Any]


class Outside:
    """What an execution room cannot know by itself: the providers, handed in by the composition root.

    Args:
        resolve: Class of an operator or sensor by capability id.
        open_store: Object store by URL and connection id.
        poke_threads: Pokes of plain sensors that a waiter makes at once.
    """

    def __init__(self, resolve: Resolve, open_store: OpenStore, poke_threads: int = 32) -> None:
        self.resolve, self.open_store, self.poke_threads = resolve, open_store, poke_threads


class Runner:
    """Runs the tries of one DAG file, or of stored plans.

    Args:
        snapshot: Folder of the source snapshot; "" for plans alone.
        file: DAG file within it.
        variables: What the file reads while it is imported, as it read it when its DAGs were stored.

    Attributes:
        secrets: Those among them, which no log may show.
    """

    def __init__(self, snapshot: str, file: str, variables: dict[str, str | None], outside: Outside) -> None:
        self._snapshot, self._file, self._variables, self._outside = snapshot, file, variables, outside
        self._tasks: dict[tuple[str, str], AbstractOperator] | None = None
        self._fault = ""
        self.secrets = tuple(s for key, text in variables.items() for s in variable_secrets(key, text))

    @property
    def poke_threads(self) -> int:
        """Pokes of plain sensors that a waiter makes at once."""
        return self._outside.poke_threads

    def load(self) -> None:
        """Import the file; a fault is kept, and is then what each try answers."""
        self._tasks = {}
        if not self._file:
            return
        try:
            at = import_dag_file(Path(self._snapshot), self._file, _Pinned(self._variables))
        except BaseException:  # noqa: BLE001 - user code: a try that needs the file reports what it raised
            self._fault = f"its DAG file {self._file} cannot be imported any more\n{traceback.format_exc()}"
            return
        for dag in at.dags:
            for task in dag.tasks:
                self._tasks[dag.dag_id, task.task_id] = task

    def run(self, request: TryRequest, runtime: Runtime) -> Answer:
        """Run one try to its end in this process."""
        try:
            task = self._task(request)
        except PenstockError as error:
            return Answer("failed", time.time(), str(error), retryable=False)
        world = _WithStores(runtime, self._outside)
        return answer_with_values(run_try(task, facts_of(request), world), request, world)

    def prepare(self, request: TryRequest, runtime: Runtime) -> Prepared:
        """Get a sensor ready to be poked; raises what goes wrong on the way."""
        return prepare(self._task(request), facts_of(request), _WithStores(runtime, self._outside))

    def _task(self, request: TryRequest) -> AbstractOperator:
        if request.capability is not None:
            return from_plan(self._outside.resolve(request.capability), request.task_id, request.plan or {})
        if self._tasks is None:
            self.load()
        found = (self._tasks or {}).get((request.dag_id, request.task_id))
        if found is None:
            reason = self._fault or (
                f"{self._file} does not define task {request.task_id!r} of DAG {request.dag_id!r} when it is imported "
                "here. A DAG file must define the same tasks each time it is imported"
            )
            raise FailTask(reason)
        return found


class _Pinned:
    """The runtime of an import that must build the same DAGs as when they were stored."""

    def __init__(self, variables: dict[str, str | None]) -> None:
        self._variables = variables

    def variable(self, key: str) -> str | None:
        """The Variable as it was."""
        return self._variables.get(key)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands for every other method of the protocol
        raise RequestError(f"{name}() is not to be had while a DAG file is imported: do it inside a task")


class _WithStores:
    """A runtime that also opens object stores, which takes the providers of this environment."""

    def __init__(self, runtime: Runtime, outside: Outside) -> None:
        self._runtime, self._outside = runtime, outside

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is the inner runtime's
        return getattr(self._runtime, name)

    def connection(self, conn_id: str) -> Connection:
        """The connection of this id."""
        return self._runtime.connection(conn_id)

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return self._outside.open_store(url, conn_id)


def facts_of(request: TryRequest) -> Facts:
    """What a try knows about itself, as the author room takes it."""
    return Facts(
        dag_id=request.dag_id,
        run_id=request.run_id,
        task_id=request.task_id,
        map_index=request.map_index,
        try_number=request.try_number,
        max_tries=request.max_tries,
        run_kind=request.run_kind,
        logical_date=request.logical_date,
        interval_start=request.interval_start,
        interval_end=request.interval_end,
        run_started_at=request.run_started_at,
        conf=request.conf,
        params=request.params,
        inputs=request.inputs,
    )


def answer_with_values(ending: Ending, request: TryRequest, runtime: Runtime) -> Answer:
    """An ending as it travels, its large values put away first; the try has failed if they could not be."""
    answer = answer_of(ending)
    token = current.set(runtime)
    try:
        answer.xcoms = spilled(ending.xcoms, request, runtime)
    except Exception as error:  # noqa: BLE001 - a provider's code: what it raised is the verdict on this try
        return answer_of(failed(error))
    finally:
        current.reset(token)
    return answer


def answer_of(ending: Ending) -> Answer:
    """An ending as it travels, without the values that it leaves."""
    return Answer(
        outcome=ending.outcome.value,
        at=time.time(),
        error=ending.error,
        retryable=ending.retryable,
        follow=ending.follow,
        skip_downstream=ending.skip_downstream,
        retry_after_s=ending.retry_after_s,
    )
