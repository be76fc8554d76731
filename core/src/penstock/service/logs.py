"""Operations on logs: find, read and follow them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.errors import ConfigError, NotFoundError, RequestError
from penstock.model.run import Run, TaskInstance
from penstock.model.state import TaskState
from penstock.service.installation import Installation
from penstock.service.names import find_run, find_tasks
from penstock.tries.paths import log_path

_CHUNK = 1 << 16


class Log(msgspec.Struct, frozen=True):
    """Where a try's log is; the file may not exist yet, or no more."""

    task: TaskInstance
    epoch: int
    try_number: int
    live: bool
    path: Path


class LogChunk(NamedTuple):
    """A piece of what was added to the logs that are followed.

    Attributes:
        log: Whose piece it is; None for a look that is over, after which there is nothing new for a moment.
        data: The bytes.
        several: Whether more than one log is followed.
        states: States of the task's instances that are followed.
        last: Whether nothing more comes.
    """

    log: Log | None
    data: bytes
    several: bool
    states: frozenset[TaskState]
    last: bool = False


def task_logs(
    installation: Installation, dag_id: str, task_id: str, *, run_id: str = "", map_index: int | None = None
) -> list[Log]:
    """List the logs of every try of a task's instances, oldest first for each.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance.
        StoreError: The database failed.
    """
    store = installation.store
    run = find_run(store, dag_id, run_id)
    instances = {task.map_index: task for task in find_tasks(store, run, task_id, map_index)}
    folder = installation.settings.logs_folder
    return [
        Log(
            task=instances[attempt.map_index],
            epoch=attempt.epoch,
            try_number=attempt.try_number,
            live=attempt.outcome is None,
            path=log_path(folder, dag_id, run.run_id, instances[attempt.map_index].key, attempt.epoch),
        )
        for attempt in (past.attempt for past in store.runs.tries(run.run, task_id))
        if attempt.map_index in instances
    ]


def read_log(log: Log) -> Iterator[bytes]:
    """Read a log in chunks.

    Raises:
        NotFoundError: It has no file: nothing was written, or it was deleted.
        ConfigError: The file cannot be read.
    """
    try:
        with log.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        # A log is made by the first word that is written into it, so a try that prints nothing has none.
        why = "Nothing was written yet." if log.live else "Nothing was written, or it was deleted."
        raise NotFoundError("log", str(log.path), hint=why) from None
    except OSError as error:
        raise ConfigError(f"{log.path}: the log cannot be read: {error.strerror}. Check its owner and mode.") from None


def follow_logs(
    installation: Installation,
    dag_id: str,
    task_id: str,
    *,
    run_id: str = "",
    map_index: int | None = None,
    dispatch: int | None = None,
) -> Iterator[LogChunk]:
    """Read the logs of a task's tries as they grow, try after try, until each of its instances has ended.

    Nothing wakes a reader when a log grows, so after a chunk without a log the caller should wait a moment before the next.

    Args:
        installation: The installation.
        dag_id: Of the DAG.
        task_id: Of the task.
        run_id: The run; the newest of the DAG if it is empty.
        map_index: One instance of a mapped task; all unless given.
        dispatch: The log of this dispatch alone, until its try has ended; those of all unless given.

    Raises:
        NotFoundError: There is no such DAG, run, task or dispatch.
        RequestError: There is no such instance.
        StoreError: The database failed.
    """
    run = find_run(installation.store, dag_id, run_id)
    done: dict[tuple[int, int], int] = {}
    while True:
        # The states are older than what is read now, so that a task that has ended has written all of it.
        instances = _instances(installation, run, task_id, map_index)
        states = frozenset(task.state for task in instances)
        logs = task_logs(installation, dag_id, task_id, run_id=run.run_id, map_index=map_index)
        if dispatch is not None:
            logs = [log for log in logs if log.epoch == dispatch]
            if not logs and all(task.epoch >= dispatch or task.state.finished for task in instances) and instances:
                raise NotFoundError(f"dispatch of task {task_id!r}", str(dispatch))
        over = all(state.finished for state in states) and bool(instances)
        if dispatch is not None:
            over = over or (bool(logs) and not any(log.live for log in logs))
        for log in logs:
            for data in _grown(log, done):
                yield LogChunk(log, data, len(logs) > 1, states)
        yield LogChunk(None, b"", len(logs) > 1, states, last=over)
        if over:
            return


def _instances(installation: Installation, run: Run, task_id: str, map_index: int | None) -> list[TaskInstance]:
    """The instances to follow; none while the run has not started."""
    try:
        return find_tasks(installation.store, run, task_id, map_index)
    except NotFoundError:
        raise
    except RequestError:
        return []


def _grown(log: Log, done: dict[tuple[int, int], int]) -> Iterator[bytes]:
    """Read what a log holds beyond what was read before; ``done`` has the bytes read by index and dispatch."""
    name = (log.task.map_index, log.epoch)
    with suppress(FileNotFoundError), log.path.open("rb") as file:
        file.seek(done.get(name, 0))
        while chunk := file.read(_CHUNK):
            done[name] = file.tell()
            yield chunk
