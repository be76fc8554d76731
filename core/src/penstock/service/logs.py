"""Operations on logs: find, read and follow them."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from penstock.errors import ConfigError, NotFoundError
from penstock.model.run import TaskInstance
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
    """Bytes that were added to a log, and the state of its task instance; no bytes if there is nothing new."""

    data: bytes
    state: TaskState


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
    installation: Installation, dag_id: str, task_id: str, *, run_id: str = "", map_index: int | None = None
) -> Iterator[LogChunk]:
    """Read the logs of a task's tries as they grow, try after try, until its newest instance has ended.

    Nothing wakes a reader when a log grows, so after an empty chunk the caller should wait a moment before the next one.

    Raises:
        NotFoundError: There is no such DAG, run or task.
        RequestError: There is no such instance.
        StoreError: The database failed.
    """
    run = find_run(installation.store, dag_id, run_id)
    done: dict[int, int] = {}
    while True:
        logs = task_logs(installation, dag_id, task_id, run_id=run.run_id, map_index=map_index)
        instances = [log.task for log in logs] or find_tasks(installation.store, run, task_id, map_index)
        # The state is older than what is read now, so that a task that has ended has written all of it.
        state = instances[-1].state
        for log in logs:
            for data in _grown(log, done):
                yield LogChunk(data, state)
        yield LogChunk(b"", state)
        if state.finished:
            return


def _grown(log: Log, done: dict[int, int]) -> Iterator[bytes]:
    """Read what a log holds beyond what was read before; ``done`` has the bytes read by dispatch, and is updated."""
    start = done.get(log.epoch, 0)
    with suppress(FileNotFoundError), log.path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            done[log.epoch] = file.tell()
            yield chunk
