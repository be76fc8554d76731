"""Operations on logs: find, read and follow them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.logs.log_names import log_name
from penstock.logs.shipping_report import read_report
from penstock.model.access.permission import Permission
from penstock.model.run import UNMAPPED, Run, TaskInstance
from penstock.model.state import TaskState
from penstock.processes.files import file_size
from penstock.service.figures.figures import scheduler_health
from penstock.service.installation import Installation
from penstock.service.log_reading.log_files import log_file, log_reader, log_words, unreadable
from penstock.service.names import find_run, find_tasks, tasks_so_far
from penstock.service.operations.content import Content, ContentFacts, bounded
from penstock.service.operations.operation import operation
from penstock.tries.paths import log_path

_BEHIND = "it has not reached the log store. See `penstock doctor` on the machine that runs the scheduler."


_PATIENCE_S = 10.0
"""Seconds, at least, for which a log that has ended is waited for: the shipper's machine may be a busy one."""

_LOOK_S = 2.0
"""Seconds between two looks at a log of another machine: each asks the log store."""


_ALONE_S = 30.0
"""Seconds without a scheduler after which nobody is taken to go on with a task: a restart takes a part of them."""


class Log(msgspec.Struct, frozen=True):
    """Where a try's log is; the file may not exist yet, no more, or on another machine.

    Attributes:
        path: Its file on the machine that runs the scheduler; below the folder of logs alone, for who may not read the installation.
        name: What it is called in the log store; "" if the settings name none.
    """

    task: TaskInstance
    epoch: int
    try_number: int
    live: bool
    path: Annotated[Path, msgspec.Meta(extra_json_schema={"type": "string"})]
    name: str = ""


class LogChunk(NamedTuple):
    """A piece of what was added to the logs that are followed.

    Attributes:
        log: Whose piece it is; None for a look that is over.
        data: The bytes.
        several: Whether more than one log is followed.
        states: States of the task's instances that are followed.
        last: Whether nothing more comes.
        cut: Whether the end of a log may be missing, because it has not reached the log store.
    """

    log: Log | None
    data: bytes
    several: bool
    states: frozenset[TaskState]
    last: bool = False
    cut: bool = False


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/logs", needs=Permission.LOGS_READ)
def task_logs(
    installation: Installation, dag_id: str, task_id: str, *, run_id: str = "", map_index: int | None = None
) -> list[Log]:
    """List the logs of every try of a task's instances, oldest first for each.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance yet.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    return _logs_of(installation, run, task_id, find_tasks(store, run, task_id, map_index))


def _logs_of(installation: Installation, run: Run, task_id: str, tasks: Iterable[TaskInstance]) -> list[Log]:
    store, instances = installation.store, {task.map_index: task for task in tasks}
    folder = installation.settings.logs_folder
    sees_paths = installation.may(Permission.INSTALLATION_READ)
    identity = store.logs.identity() if installation.settings.logs.store else ""
    found = []
    for attempt in (past.attempt for past in store.runs.tries(run.run, task_id)):
        if (task := instances.get(attempt.map_index)) is not None:
            path = log_path(folder, run.dag_id, run.run_id, task.key, attempt.epoch)
            name = log_name(identity, folder, path) if identity else ""
            shown = path if sees_paths else path.relative_to(folder)
            found.append(Log(task, attempt.epoch, attempt.try_number, attempt.outcome is None, shown, name))
    return found


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log/content", needs=Permission.LOGS_READ)
def log_content(
    installation: Installation, dag_id: str, task_id: str, dispatch: int, *, run_id: str = "", map_index: int = UNMAPPED
) -> Iterator[bytes]:
    """Read the log of one try as it was written, in chunks; what is read raises but for what is not there.

    Raises:
        NotFoundError: There is no such DAG, run, task or dispatch; or, as it is read, nothing was written.
        RequestError: What was read is all that the log store has, and its end may be missing.
        ConfigError: The file cannot be read.
        PluginError: The log store does not give it.
        StoreError: The database failed.
    """
    found = task_logs(installation, dag_id, task_id, run_id=run_id, map_index=map_index)
    log = next((each for each in found if each.epoch == dispatch), None)
    if log is None:
        raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch))
    facts = ContentFacts(".".join(log_words(log.path)), _size(installation, log))
    return Content(facts, lambda begin, most: bounded(read_log(installation, log, begin), most))


def _size(installation: Installation, log: Log) -> int | None:
    """Bytes of a log as it is now; None if that is not known, or there is none."""
    try:
        return file_size(log_file(installation, log.path))
    except FileNotFoundError:
        return log_reader(installation).size(log.name) if log.name else None
    except OSError as error:
        raise unreadable(log.path, error) from None


def read_log(installation: Installation, log: Log, begin: int = 0) -> Iterator[bytes]:
    """Read a log in chunks, from its file or from the log store, from a byte on.

    Raises:
        NotFoundError: It is in neither: nothing was written, or it was deleted.
        RequestError: What was read is all that the log store has, and its end may be missing.
        ConfigError: The file cannot be read.
        PluginError: The log store does not give it.
    """
    reader, path, found = log_reader(installation), log_file(installation, log.path), False
    try:
        for chunk in reader.read(path, log.name, begin):
            found = True
            yield chunk
    except FileNotFoundError:
        pass
    except OSError as error:
        raise unreadable(log.path, error) from None
    if found and (path.exists() or log.live or reader.sealed(log.name)):
        return
    if found:
        raise RequestError(f"the end of this log may be missing: {_BEHIND}")
    if not path.exists():
        # A log is made by the first word that is written into it, so a try that prints nothing has none.
        why = "Nothing was written yet." if log.live else "Nothing was written, or it was deleted."
        raise NotFoundError("log", "/".join(log_words(log.path)), hint=why)


@operation("GET", "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/log/stream", needs=Permission.LOGS_READ)
def follow_logs(
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    dispatch: int | None = None,
) -> Iterator[LogChunk | None]:
    """Read the logs of a task's tries as they grow, try after try, until each of its instances has ended.

    Nothing wakes a reader when a log grows, so after None the caller should wait a moment before the next.

    Args:
        installation: The installation.
        dag_id: Of the DAG.
        task_id: Of the task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.
        dispatch: The log of this dispatch alone, until its try has ended; those of all unless given.

    Raises:
        NotFoundError: There is no such DAG, run, task or dispatch.
        ConfigError: A file cannot be read.
        RequestError: The run has ended before the task began; or no scheduler has been there for a while, so that nothing would ever
            come.
        StoreError: The database failed.
    """
    run = find_run(installation.store, dag_id, run_id)
    progress, schedulers = _Progress(installation), _Schedulers(installation)
    while True:
        # The states are older than what is read now, so that a task that has ended has written all of it.
        instances = tasks_so_far(installation.store, run, task_id, map_index)
        if not instances:
            run = _may_begin(installation, run, task_id)
        states = frozenset(task.state for task in instances)
        logs = _logs_of(installation, run, task_id, instances)
        if dispatch is not None:
            logs = [log for log in logs if log.epoch == dispatch]
            if not logs and all(task.epoch >= dispatch or task.state.finished for task in instances) and instances:
                raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch))
        over = all(state.finished for state in states) and bool(instances)
        if dispatch is not None:
            over = over or (bool(logs) and not any(log.live for log in logs))
        for log in logs:
            for data in progress.grown(log, ended=over or not log.live):
                yield LogChunk(log, data, len(logs) > 1, states)
        cut = over and progress.behind(logs)
        last = over and not (cut and progress.patient())
        yield LogChunk(None, b"", len(logs) > 1, states, last=last, cut=last and cut)
        if last:
            return
        if not over and (why := schedulers.missing()):
            raise RequestError(f"task {task_id!r} has not ended, and nobody goes on with it. {why}")
        yield None


def _may_begin(installation: Installation, run: Run, task_id: str) -> Run:
    """A run without instances as it is now; raises RequestError if it had ended before these were looked for."""
    if run.state.finished:
        raise RequestError(
            f"run {run.run_id!r} has ended as {run.state}, and task {task_id!r} never began in it: it has no log."
        )
    return find_run(installation.store, run.dag_id, run.run_id)


class _Schedulers:
    """Whether anybody schedules, looked at now and then."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._looked = self._seen = installation.clock.read().monotonic_s

    def missing(self) -> str:
        """What is wrong, once no scheduler has been seen for a while; "" while there is one, or may be again."""
        now = self._installation.clock.read().monotonic_s
        if now < self._looked + _LOOK_S:
            return ""
        self._looked, why = now, scheduler_health(self._installation).problem
        if not why:
            self._seen = now
        return why if now >= self._seen + _ALONE_S else ""


class _Progress:
    """How far each log was read, by index and dispatch; one without a file here is asked of the log store now and then."""

    def __init__(self, installation: Installation) -> None:
        self._reader, self._clock = log_reader(installation), installation.clock
        self._folder = installation.settings.logs_folder
        self._patience_s = max(_PATIENCE_S, 3 * installation.settings.logs.chunk_s)
        report = read_report(installation.settings.state_folder)
        self._ships = report is not None and report.folder == str(installation.settings.logs_folder.absolute())
        self._done: dict[tuple[int, int], int] = {}
        self._asked: dict[tuple[int, int], float] = {}
        self._whole: set[tuple[int, int]] = set()
        self._until: float | None = None

    def grown(self, log: Log, *, ended: bool) -> Iterator[bytes]:
        """Read what a log holds beyond what was read before."""
        key, path = (log.task.map_index, log.epoch), self._folder / log.path
        if key in self._whole or (not path.exists() and not self._may_ask(key)):
            return
        whole = ended and bool(log.name) and not path.exists() and self._reader.sealed(log.name)
        try:
            for data in self._reader.read(path, log.name, self._done.get(key, 0)):
                self._done[key] = self._done.get(key, 0) + len(data)
                yield data
        except FileNotFoundError:
            pass
        except OSError as error:
            raise unreadable(log.path, error) from None
        if whole:
            self._whole.add(key)

    def behind(self, logs: Iterable[Log]) -> bool:
        """Whether more of a log may be on its way to the log store.

        Where a shipper works, a try that has left neither a file nor a piece has written nothing.
        """
        keys = [(log.task.map_index, log.epoch) for log in logs if log.name and not (self._folder / log.path).exists()]
        return any(key not in self._whole and (key in self._done or not self._ships) for key in keys)

    def patient(self) -> bool:
        """Whether to wait for the shipper a while longer."""
        now = self._clock.read().monotonic_s
        self._until = now + self._patience_s if self._until is None else self._until
        return now < self._until

    def _may_ask(self, key: tuple[int, int]) -> bool:
        now, asked = self._clock.read().monotonic_s, self._asked.get(key)
        if not self._reader.remote or (asked is not None and now < asked + _LOOK_S):
            return False
        self._asked[key] = now
        return True
