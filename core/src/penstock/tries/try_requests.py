"""Makes the request of a try from the engine's dispatch: its source, its run's facts, its inputs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace

from penstock.engine.messages import Dispatch
from penstock.errors import StoreError
from penstock.model.attempt import TryEnd, TryFacts
from penstock.model.dag import DagSpec, Isolation, TaskSpec
from penstock.model.names import error_sentence
from penstock.model.state import Outcome
from penstock.spec.executor import FileCode, LogBounds, Offload, PlanCode, SensorWait, TryFinished, TryRequest
from penstock.store import Store, Version
from penstock.tries.inputs import Inputs
from penstock.tries.paths import log_url, run_values
from penstock.tries.try_facts import try_facts

_NO_BOUNDS = LogBounds()


class TryRequests:
    """Makes try requests.

    Args:
        logs: Folder of the logs.
        isolation: What tries use unless their DAG says otherwise.
        grace_s: Seconds that they get to clean up when they are ended.
        offload: Where large values go; under its ``url`` each run has a place of its own.
        log_bounds: What each log may take.
        isolated: Ids of the providers whose operators run in an environment of their own.
        open_file: Has an executor, by its name, import a DAG file whose tries are about to be sent to it.
        far: Where tries of executors put them whose machines have none of this one's folders, by the executors' names.
    """

    def __init__(  # noqa: PLR0913 - what each request holds alike
        self,
        store: Store,
        *,
        logs: Path,
        isolation: Isolation,
        grace_s: float,
        offload: Offload,
        log_bounds: LogBounds = _NO_BOUNDS,
        isolated: frozenset[str] = frozenset(),
        open_file: Callable[[str, FileCode], None] = lambda _name, _code: None,
        far: Mapping[str, Offload] = MappingProxyType({}),
    ) -> None:
        self._store, self._logs, self._open_file = store, logs, open_file
        self._log_bounds, self._far = log_bounds, far
        self._isolation, self._grace_s, self._offload, self._isolated = isolation, grace_s, offload, isolated

    def expect(self, dispatches: Sequence[Dispatch]) -> None:
        """Have executors import the DAG files of what will be dispatched: to store the start of a large DAG takes as long.

        Raises:
            StoreError: The database failed.
        """
        for executor, number in {(each.executor, each.run.version) for each in dispatches if not each.task.capability}:
            try:
                version = self._store.versions.get(number)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001 - as in `make`, where it is told
                version = None
            if version is not None:
                self._open_file(executor, FileCode(version.snapshot, version.file, version.variables))

    def make(self, dispatches: Sequence[Dispatch], now: datetime) -> tuple[list[TryRequest], list[TryFinished]]:
        """One request for each dispatch, in order; for one that cannot be made, the end of its try.

        Args:
            dispatches: What the engine sends out.
            now: The present.

        Raises:
            StoreError: The database failed.
        """
        inputs = Inputs(self._store.xcoms)
        made: list[TryRequest] = []
        failed: list[TryFinished] = []
        for dispatch in dispatches:
            try:
                made.append(self._one(dispatch, inputs))
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - what is stored of one try must not end the scheduler of all
                why = f"it could not be sent out, for what is stored of it is not sound: {error_sentence(error)}"
                end = TryEnd(Outcome.FAILED, why, retryable=False)
                failed.append(TryFinished(dispatch.instance.key, dispatch.instance.epoch, now, end))
        return made, failed

    def _one(self, dispatch: Dispatch, inputs: Inputs) -> TryRequest:
        run, task, instance = dispatch.run, dispatch.task, dispatch.instance
        version = self._store.versions.get(run.version)
        assert version is not None  # noqa: S101 - the engine holds the run because this version was read
        offload = self._far.get(dispatch.executor, self._offload)
        return TryRequest(
            run=run.run,
            epoch=instance.epoch,
            facts=facts_of(dispatch, version.spec),
            code=self._code(task, version),
            log=log_url(self._logs, run.dag_id, run.run_id, instance.key, instance.epoch),
            inputs=inputs.of(version.spec, task, instance.key, dispatch.gathered),
            queue=task.queue,
            isolation=version.spec.isolation or self._isolation,
            wait=None if task.sensor is None else SensorWait(task.sensor, dispatch.waited_s),
            # A sensor waits, whatever its try costs: its own timeout ends it.
            timeout_s=task.execution_timeout_s if task.sensor is None else None,
            grace_s=self._grace_s,
            offload=replace(offload, url=run_values(offload.url, run)) if offload.url else offload,
            log_bounds=self._log_bounds,
            cpu=task.cpu,
            memory_bytes=task.memory_bytes,
            executor_config=task.executor_config,
        )

    def _code(self, task: TaskSpec, version: Version) -> FileCode | PlanCode:
        """What the try runs: a task of the DAG file as it was, or a plan that needs no file."""
        if task.capability is None:
            return FileCode(version.snapshot, version.file, version.variables)
        provider = task.capability.partition(".")[0]
        return PlanCode(task.capability, task.plan or {}, provider if provider in self._isolated else "")


def facts_of(dispatch: Dispatch, dag: DagSpec) -> TryFacts:
    """What a try knows about itself and its run."""
    instance = dispatch.instance
    # Tries from before the instance was cleared count, as in Airflow.
    max_tries = instance.try_number - 1 - instance.failures + dispatch.task.retry.retries
    return try_facts(
        dispatch.run, dag, dispatch.task, instance.task_id, instance.map_index, instance.try_number, max_tries
    )
