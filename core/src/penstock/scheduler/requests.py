"""From the engine's dispatch to what a try needs far from the database: its source, its run's facts, its inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.engine.messages import Dispatch
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.scheduler.inputs import Inputs
from penstock.spec.executor import Spill, TryRequest
from penstock.store import Store, Version
from penstock.tries.paths import log_path, run_values


class TryRequests:
    """Makes try requests.

    Args:
        snapshots: Folder that holds the source snapshots by their hash.
        logs: Folder of the logs.
        isolation: What tries use unless their DAG says otherwise.
        spill: Where large values go; under its ``url`` each run has a place of its own.
        isolated: Ids of the providers whose operators run in an environment of their own.
    """

    def __init__(
        self,
        store: Store,
        *,
        snapshots: Path,
        logs: Path,
        isolation: str,
        spill: Spill,
        isolated: frozenset[str] = frozenset(),
    ) -> None:
        self._store, self._snapshots, self._logs = store, snapshots, logs
        self._isolation, self._spill, self._isolated = isolation, spill, isolated

    def make(self, dispatches: Sequence[Dispatch]) -> list[TryRequest]:
        """One request for each dispatch, in order."""
        inputs = Inputs(self._left)
        return [self._one(dispatch, inputs) for dispatch in dispatches]

    def _left(self, run: int, ref: XComRef) -> dict[int, bytes]:
        rows = self._store.xcoms.values(run, [(ref.task_id, ref.key)])
        return {key.map_index: value for (key, _), value in rows.items()}

    def _one(self, dispatch: Dispatch, inputs: Inputs) -> TryRequest:
        run, task, instance = dispatch.run, dispatch.task, dispatch.instance
        version = self._store.versions.get(run.version)
        assert version is not None  # noqa: S101 - the engine holds the run because this version was read
        return TryRequest(
            run=run.run,
            task_id=task.task_id,
            map_index=instance.map_index,
            epoch=instance.epoch,
            try_number=instance.try_number,
            max_tries=task.retry.retries + 1,
            dag_id=run.dag_id,
            run_id=run.run_id,
            run_kind=run.kind.value,
            log=str(log_path(self._logs, run.dag_id, run.run_id, instance.key, instance.epoch)),
            isolation=version.spec.isolation or self._isolation,
            version=run.version,
            waited_s=dispatch.waited_s,
            logical_date=run.logical_date,
            interval_start=run.interval_start,
            interval_end=run.interval_end,
            run_started_at=run.started_at,
            conf=run.conf,
            params=_params(version.spec, run.conf),
            inputs=inputs.of(version.spec, task, instance.key),
            templated=task.templated,
            spill=Spill(run_values(self._spill.url, run), self._spill.conn_id, self._spill.threshold_bytes),
            **self._code(task, version),
            **_limits(task),
        )

    def _code(self, task: TaskSpec, version: Version) -> dict[str, Any]:
        """What the try runs: a task of the DAG file as it was, or a plan that needs no file."""
        if task.capability is None:
            snapshot = str(self._snapshots / version.snapshot)
            return {"snapshot": snapshot, "file": version.file, "variables": version.variables}
        provider = task.capability.partition(".")[0]
        return {
            "snapshot": "",
            "file": "",
            "provider": provider if provider in self._isolated else "",
            "capability": task.capability,
            "plan": task.plan,
        }


def _limits(task: TaskSpec) -> dict[str, Any]:
    """How long it may take, or wait."""
    if task.sensor is None:
        return {"timeout_s": task.execution_timeout_s}
    return {
        "sensor": True,
        "poke_interval_s": task.sensor.poke_interval_s,
        "poke_timeout_s": task.sensor.timeout_s,
        "soft_fail": task.sensor.soft_fail,
    }


def _params(dag: DagSpec, conf: Mapping[str, Any]) -> dict[str, Any]:
    """The DAG's params with what the run's conf overrides."""
    return {name: conf.get(name, param.default) for name, param in dag.params.items()}
