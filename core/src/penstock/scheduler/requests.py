"""From the engine's dispatch to what a try needs far from the database: its source, its run's facts, its inputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.engine.messages import Dispatch
from penstock.model.dag import DagSpec, TaskSpec, XComRef
from penstock.model.run import UNMAPPED, TaskKey
from penstock.model.value import elements
from penstock.spec.executor import TryRequest
from penstock.store.recovery import Version
from penstock.store.store import Store


class TryRequests:
    """Makes try requests.

    Args:
        snapshots: Folder that holds the source snapshots by their hash.
        logs: Folder of the logs.
        isolation: What tries use unless their DAG says otherwise.
        isolated: Ids of the providers whose operators run in an environment of their own.
    """

    def __init__(
        self, store: Store, *, snapshots: Path, logs: Path, isolation: str, isolated: frozenset[str] = frozenset()
    ) -> None:
        self._store, self._snapshots, self._logs = store, snapshots, logs
        self._isolation, self._isolated = isolation, isolated

    def make(self, dispatches: Sequence[Dispatch]) -> list[TryRequest]:
        """One request for each dispatch, in order."""
        inputs = _Inputs(self._store)
        return [self._one(dispatch, inputs) for dispatch in dispatches]

    def _one(self, dispatch: Dispatch, inputs: "_Inputs") -> TryRequest:
        run, task, instance = dispatch.run, dispatch.task, dispatch.instance
        version = self._store.version(run.version)
        assert version is not None  # noqa: S101 - the engine holds the run because this version was read
        provider = task.capability.partition(".")[0] if task.capability else ""
        sensor, alone = task.sensor, task.capability is not None
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
            snapshot="" if alone else str(self._snapshots / version.snapshot),
            file="" if alone else version.file,
            log=str(log_path(self._logs, run.dag_id, run.run_id, instance.key, instance.epoch)),
            isolation=version.spec.isolation or self._isolation,
            provider=provider if provider in self._isolated else "",
            capability=task.capability,
            plan=task.plan,
            version=run.version,
            sensor=sensor is not None,
            waited_s=dispatch.waited_s,
            poke_interval_s=sensor.poke_interval_s if sensor else 0.0,
            poke_timeout_s=sensor.timeout_s if sensor else None,
            soft_fail=bool(sensor and sensor.soft_fail),
            timeout_s=None if sensor else task.execution_timeout_s,
            logical_date=run.logical_date,
            interval_start=run.interval_start,
            interval_end=run.interval_end,
            run_started_at=run.started_at,
            conf=run.conf,
            params=_params(version.spec, run.conf),
            variables={} if alone else version.variables,
            inputs=inputs.of(version, task, instance.key),
            templated=task.templated,
        )


def _params(dag: DagSpec, conf: Mapping[str, Any]) -> dict[str, Any]:
    """The DAG's params with what the run's conf overrides."""
    return {name: conf.get(name, param.default) for name, param in dag.params.items()}


def log_path(logs: Path, dag_id: str, run_id: str, key: TaskKey, epoch: int) -> Path:
    """Where the output of one dispatch goes: a folder for the run, a file for each dispatch.

    Ids may hold characters that a file name must not, and ``.`` and ``..`` mean folders: such are percent-coded.
    """
    name = _file_name(key.task_id) + ("" if key.map_index == UNMAPPED else f"[{key.map_index}]")
    return logs / _file_name(dag_id) / _file_name(run_id) / name / f"{epoch}.log"


def _file_name(text: str) -> str:
    safe = "".join(c if c.isalnum() or c in "-_.+:@[] " else f"%{ord(c):02x}" for c in text)
    return safe.replace(".", "%2e") if safe.strip(".") == "" else safe


class _Inputs:
    """Values of other tasks for the tries of one turn; a value that many instances share is read and cut once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[tuple[int, XComRef], dict[int, bytes]] = {}
        self._cut: dict[tuple[int, XComRef], list[bytes]] = {}

    def of(self, version: Version, task: TaskSpec, key: TaskKey) -> dict[str, bytes]:
        """JSON by ``task_id/key``; for a mapped argument the one element, by ``@mapped/argument``."""
        found: dict[str, bytes] = {}
        for ref in task.inputs:
            value = self._value(version.spec, key.run, ref)
            if value is not None:
                found[f"{ref.task_id}/{ref.key}"] = value
        if task.mapped and key.map_index != UNMAPPED:
            found |= self._elements(version.spec, task, key)
        return found

    def _values(self, run: int, ref: XComRef) -> dict[int, bytes]:
        known = self._read.get((run, ref))
        if known is None:
            rows = self._store.xcoms(run, [(ref.task_id, ref.key)])
            known = self._read[run, ref] = {key.map_index: value for (key, _), value in rows.items()}
        return known

    def _value(self, dag: DagSpec, run: int, ref: XComRef) -> bytes | None:
        """What a task left; of a mapped one the list of all, in the order of the mapping."""
        values = self._values(run, ref)
        if not dag.task(ref.task_id).mapped:
            return values.get(UNMAPPED)
        return b"[" + b",".join(values[index] for index in sorted(values)) + b"]"

    def _elements(self, dag: DagSpec, task: TaskSpec, key: TaskKey) -> dict[str, bytes]:
        """The elements of mapped arguments that come from other tasks; the last argument varies fastest."""
        found: dict[str, bytes] = {}
        rest = key.map_index
        for mapping in reversed(task.mapped):
            if mapping.source is None:
                length = mapping.length or 1
            else:
                parts = self._elements_of(dag, key.run, mapping.source)
                length = len(parts) or 1
                found[f"@mapped/{mapping.argument}"] = parts[rest % length]
                found[f"@length/{mapping.argument}"] = str(length).encode()
            rest //= length
        return found

    def _elements_of(self, dag: DagSpec, run: int, ref: XComRef) -> list[bytes]:
        known = self._cut.get((run, ref))
        if known is None:
            value = self._value(dag, run, ref) or b"[]"
            known = self._cut[run, ref] = elements(value)
        return known
