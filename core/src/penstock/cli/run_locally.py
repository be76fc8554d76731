"""``penstock dags test``: one DAG in this process, by the real engine, with real connections and a real clock."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from penstock.app.compose import open_store, open_vault
from penstock.app.environments import plugin_host
from penstock.app.loader import parse_config
from penstock.author.build.build import build_file
from penstock.author.build.import_errors import to_problem
from penstock.author.build.imports import import_dag_file
from penstock.author.dag import DAG
from penstock.author.parse_session import ParseSession
from penstock.author.runtime import BaseRuntime
from penstock.cli.output import print_json, print_table
from penstock.clock import SystemClock
from penstock.errors import AuthoringError, NotFoundError, RequestError
from penstock.inline import InlineRun, TryDone
from penstock.load.child import CapabilityIndex
from penstock.model.connection import Connection
from penstock.model.dag import DagSpec
from penstock.model.run import NewRun, Run, TaskInstance
from penstock.model.schedule import DataInterval
from penstock.model.secret import variable_secrets
from penstock.model.state import RunState
from penstock.processes.masking import Mask
from penstock.settings import Settings
from penstock.store import Store


def run_locally(
    settings: Settings,
    mask: Mask,
    path: Path,
    dag_id: str,
    logical_date: datetime | None,
    conf: Mapping[str, Any],
    *,
    as_json: bool,
) -> int:
    """Run one DAG of a file to its end.

    Args:
        settings: Of the project.
        mask: Learns the secrets that tasks ask for.
        path: The file.
        dag_id: Which of its DAGs; may be empty if it has one.
        logical_date: Of the run; without one, that of the last complete interval.
        conf: Values of params.
        as_json: Whether to print JSON.

    Returns:
        0 if the run succeeded, 1 if it did not.

    Raises:
        AuthoringError: With everything that is wrong with the file.
    """
    runtime = _LocalRuntime(settings, mask)
    file, found = _import(settings, path, runtime)
    dag = _chosen(found, dag_id, file)
    clock = _WaitingClock()
    host = plugin_host(settings)
    run = InlineRun(
        dag, runtime, clock, resolve=lambda capability: host.resolve(capability, ""), file=file, tell=_tell_try
    )
    unknown = [name for name in conf if run.spec.params and name not in run.spec.params]
    if unknown:
        raise NotFoundError(f"param of DAG {dag.dag_id!r}", unknown[0], run.spec.params)
    interval = _interval(run.spec, logical_date, clock.now())
    ended = run.play(
        NewRun.manual(
            dag.dag_id, f"test__{interval.start.isoformat()}", logical_date or interval.start, interval, conf=conf
        )
    )
    _report(ended, sorted(run.tasks.values(), key=lambda task: task.key), as_json=as_json)
    return 0 if ended.state is RunState.SUCCESS else 1


def _report(run: Run, tasks: Sequence[TaskInstance], *, as_json: bool) -> None:
    if as_json:
        print_json({"run": run, "tasks": tasks})
    else:
        rows = [(str(task.key), task.state, task.try_number, task.reason) for task in tasks]
        print_table(["task", "state", "try", "reason"], rows, empty="the DAG has no tasks.")
        click.echo(f"the run of DAG {run.dag_id} is {run.state.value}")


def _import(settings: Settings, path: Path, runtime: "_LocalRuntime") -> tuple[str, dict[str, DAG]]:
    """The file's name in its folder, and its DAGs by id; nobody else's code runs here, so anything may come out."""
    full = path.resolve()
    root = settings.dags_folder.resolve() if full.is_relative_to(settings.dags_folder.resolve()) else full.parent
    file = full.relative_to(root).as_posix()
    session = ParseSession(str(full), str(root), capabilities=CapabilityIndex(parse_config(settings)))
    try:
        import_dag_file(root, file, runtime, session)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the file raises is what is wrong with it
        session.problems.append(to_problem(error, session, file))
    problems = build_file(session, file).problems
    if problems:
        raise AuthoringError(problems)
    return file, {dag.dag_id: dag for dag in session.dags}


def _chosen(found: Mapping[str, DAG], dag_id: str, file: str) -> DAG:
    if not found:
        raise RequestError(
            f"{file} defines no DAG. Make its tasks in a `with DAG(...)` block, or call the function below @dag."
        )
    if dag_id and dag_id not in found:
        raise NotFoundError(f"DAG of {file}", dag_id, found)
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


def _tell_try(done: TryDone) -> None:
    outcome = done.end.outcome.value
    click.echo(f"{done.task.key}: {outcome}" + (f": {done.end.error}" if done.end.error else ""), err=True)


class _WaitingClock(SystemClock):
    """The machine's clock; waits by sleeping."""

    def sleep_until(self, moment: datetime) -> None:
        """Return when that moment has come."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(left)


class _LocalRuntime(BaseRuntime):
    """What tasks ask for: the environment first, then the project's database if there is one; nothing is written."""

    def __init__(self, settings: Settings, mask: Mask) -> None:
        self._settings, self._mask = settings, mask
        self._changed: dict[str, str | None] = {}

    def connection(self, conn_id: str) -> Connection:
        """The connection that a task of this project would get; raises NotFoundError."""
        with self._store() as store:
            found = open_vault(self._settings, store).connection(conn_id)
        self._mask.learn(found.secrets)
        return found.value

    def variable(self, key: str) -> str | None:
        """The Variable that a task of this project would get, or as an earlier task of this run set it."""
        if key in self._changed:
            value = self._changed[key]
            self._mask.learn(variable_secrets(key, value))
            return value
        with self._store() as store:
            found = open_vault(self._settings, store).variable(key)
        self._mask.learn(found.secrets)
        return found.value

    def set_variable(self, key: str, value: str | None) -> None:
        """Keep it for this run alone."""
        self._changed[key] = value
        click.echo(f"variable {key} would be {'deleted' if value is None else 'set'}", err=True)

    def xcom(self, task_id: str, key: str, map_index: int | None) -> Any:  # noqa: ANN401, ARG002 - the protocol's
        """There is none while a DAG file is imported; within tasks, the run answers."""
        return None

    def trigger_dag(self, dag_id: str, run_id: str, conf: dict[str, Any], logical_date: str) -> None:  # noqa: ARG002 - as above
        """Say so, and do nothing."""
        click.echo(f"a run {run_id} of DAG {dag_id} would be triggered", err=True)

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """State of a run of this project; a run that would have been triggered has none."""
        with self._store() as store:
            return None if store is None else store.runs.state(dag_id, run_id)

    def object_store(self, url: str, conn_id: str | None = None) -> Any:  # noqa: ANN401 - an ObjectStore
        """The object store that serves the URL's scheme."""
        return plugin_host(self._settings).object_store(url, conn_id)

    @contextlib.contextmanager
    def _store(self) -> Iterator[Store | None]:
        settings = self._settings
        if not settings.database.url and not (settings.state_folder / "penstock.db").exists():
            yield None
            return
        with open_store(settings, create=False) as store:
            yield store
