"""Runs one DAG of a file in this process, by the real engine, with real connections and a real clock."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from penstock.author.build.build import build_file
from penstock.author.build.import_errors import to_problems
from penstock.author.build.imports import import_dag_file
from penstock.author.build.param_schema import check_params
from penstock.author.dag import DAG
from penstock.author.operator import Operator
from penstock.author.parse_session import ParseSession
from penstock.author.runtime import BaseRuntime
from penstock.clock import SystemClock
from penstock.errors import AuthoringError, NotFoundError, RequestError
from penstock.inline import InlineRun, TryDone
from penstock.load.parse.child import CapabilityIndex
from penstock.model.connection import Connection
from penstock.model.dag import DagSpec
from penstock.model.names import check_conf
from penstock.model.run import NewRun, Run, TaskInstance, TaskKey
from penstock.model.schedule import DataInterval
from penstock.model.secret import variable_secrets
from penstock.model.state import TaskState
from penstock.model.text import utc_text
from penstock.processes.masking import Mask
from penstock.service.installation import Installation
from penstock.service.local.stdout import masked_output, printed_logs
from penstock.service.parse_config import parse_config


class LocalRun(msgspec.Struct, frozen=True):
    """A run that ended in this process, with its task instances in order."""

    run: Run
    tasks: list[TaskInstance]


def run_locally(
    installation: Installation,
    path: Path,
    dag_id: str = "",
    *,
    logical_date: datetime | None = None,
    conf: Mapping[str, Any] | None = None,
    log: Callable[[str], None],
) -> LocalRun:
    """Run one DAG of a file to its end; what its tasks print goes to this process' output, without secrets.

    Args:
        installation: The project; its database is read if there is one, and not written.
        path: The file.
        dag_id: Which of its DAGs; may be empty if it has one.
        logical_date: Of the run; without one, that of the last complete interval.
        conf: Values of params.
        log: Called with how each try ended, and with what tasks asked for that is not done here.

    Raises:
        AuthoringError: With everything that is wrong with the file.
        NotFoundError: The file has no such DAG, or the DAG has no such param.
        RequestError: It is not clear which DAG is meant, or the conf cannot be kept.
    """
    check_conf(conf or {})
    mask = Mask()
    with masked_output(mask), printed_logs():
        runtime = _LocalRuntime(installation, mask, log)
        file, found, notes = _import(installation, path, runtime)
        for note in notes:
            log(f"note: {note}")
        dag = _chosen(found, dag_id, file)
        clock = _WaitingClock(lambda: inline.tasks.values(), log)  # noqa: PLW0108 - `inline` is made below, with this clock

        def resolve(capability: str) -> type[Operator]:
            operator: type[Operator] = installation.host.resolve(capability)
            return operator

        def log_try(done: TryDone) -> None:
            log(f"{done.task.key}: {done.end.outcome.value}" + (f": {done.end.error}" if done.end.error else ""))

        inline = InlineRun(dag, runtime, clock, resolve=resolve, file=file, on_try_end=log_try)
        check_params(inline.spec, conf or {})
        interval = _interval(inline.spec, logical_date, clock.now())
        run_id = f"test__{interval.start.isoformat()}"
        ended = inline.play(NewRun.manual(dag.dag_id, run_id, logical_date or interval.start, interval, conf=conf))
        tasks = sorted(inline.tasks.values(), key=lambda task: task.key)
        hidden = [msgspec.structs.replace(task, reason=mask.hide(task.reason)) for task in tasks]
        return LocalRun(msgspec.structs.replace(ended, reason=mask.hide(ended.reason)), hidden)


def _import(
    installation: Installation, path: Path, runtime: "_LocalRuntime"
) -> tuple[str, dict[str, DAG], tuple[str, ...]]:
    """The file's name in its folder, its DAGs by id, and notes about it; nobody else's code runs here, so anything may come out."""
    full = path.resolve()
    folder = installation.settings.dags_folder.resolve()
    root = folder if full.is_relative_to(folder) else full.parent
    file = full.relative_to(root).as_posix()
    session = ParseSession(
        str(full), str(root), capabilities=CapabilityIndex(parse_config(installation.settings, installation.host))
    )
    try:
        import_dag_file(root, file, runtime, session)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file raises is what is wrong with it
        session.problems += to_problems(error, session, file)
    built = build_file(session, file)
    if built.problems:
        raise AuthoringError(built.problems)
    return file, {dag.dag_id: dag for dag in session.dags}, built.notes


def _chosen(found: Mapping[str, DAG], dag_id: str, file: str) -> DAG:
    if not found:
        raise RequestError(
            f"{file} defines no DAG. Make its tasks in a `with DAG(...)` block, or call the function below @dag."
        )
    if dag_id and dag_id not in found:
        raise NotFoundError(f"DAG of {file}", dag_id, found, hint=f"It has: {', '.join(sorted(found))}.")
    if not dag_id and len(found) != 1:
        known = ", ".join(sorted(found))
        raise RequestError(f"{file} defines {len(found)} DAGs: {known}. Say which: penstock dags test {file} DAG_ID")
    return found[dag_id] if dag_id else next(iter(found.values()))


def _interval(spec: DagSpec, logical_date: datetime | None, now: datetime) -> DataInterval:
    """The interval that starts at the date; without one, the last complete one."""
    if logical_date is None:
        return spec.schedule.manual_interval(now, spec.start_date)
    start = logical_date.astimezone(UTC)
    return spec.schedule.interval_from(start, spec.start_date) or DataInterval(start, start)


class _WaitingClock(SystemClock):
    """The machine's clock; waits by sleeping, and says once for each try that waits: a silent process looks as one that hangs."""

    def __init__(self, tasks: Callable[[], Iterable[TaskInstance]], log: Callable[[str], None]) -> None:
        self._tasks, self._log = tasks, log
        self._logged: set[tuple[TaskKey, TaskState, int]] = set()

    def sleep_until(self, moment: datetime) -> None:
        """Return when that moment has come."""
        for task in sorted(self._tasks(), key=lambda task: task.key):
            this = (task.key, task.state, task.try_number)
            if task.state in (TaskState.DEFERRED, TaskState.UP_FOR_RETRY) and this not in self._logged:
                self._logged.add(this)
                retried = task.due_at if task.state is TaskState.UP_FOR_RETRY else None
                due = f"is tried again at {utc_text(retried)}" if retried else "waits for its condition"
                self._log(f"{task.key}: {due}")
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(left)


class _LocalRuntime(BaseRuntime):
    """What tasks ask for, from the vault of the project; nothing is written."""

    def __init__(self, installation: Installation, mask: Mask, log: Callable[[str], None]) -> None:
        self._installation, self._mask, self._log = installation, mask, log
        self._changed: dict[str, str | None] = {}

    def connection(self, conn_id: str) -> Connection:
        """The connection that a task of this project would get; raises NotFoundError."""
        found = self._installation.vault.connection(conn_id)
        self._mask.learn(found.secrets)
        return found.value

    def variable(self, key: str) -> str | None:
        """The Variable that a task of this project would get, or as an earlier task of this run set it."""
        if key in self._changed:
            value = self._changed[key]
            self._mask.learn(variable_secrets(key, value))
            return value
        found = self._installation.vault.variable(key)
        self._mask.learn(found.secrets)
        return found.value

    def set_variable(self, key: str, value: str | None) -> None:
        """Keep it for this run alone."""
        self._changed[key] = value
        self._log(f"variable {key} would be {'deleted' if value is None else 'set'}")

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401, ARG002 - the protocol's
        """There is none while a DAG file is imported; within tasks, the run answers."""
        return None

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:  # noqa: ARG002 - as above
        """Say so, and do nothing."""
        self._log(f"a run {run_id} of DAG {dag_id} would be triggered")

    def clear_run(self, dag_id: str, run_id: str) -> bool:
        """Say so, and do nothing."""
        there = self.run_state(dag_id, run_id) is not None
        if there:
            self._log(f"run {run_id} of DAG {dag_id} would be cleared")
        return there

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run of this project; a run that would have been triggered has none."""
        return self._installation.store.runs.state(dag_id, run_id) if self._installation.has_database else None

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return self._installation.host.object_store(url, conn_id)
