"""Logs on the terminal: whole, or as they grow."""

import sys
import time
from pathlib import Path
from typing import BinaryIO

import click

from penstock.model.run import Run, TaskKey
from penstock.service.tasks import Log, task_logs
from penstock.store import Store

_LOOK_S = 0.25
_CHUNK = 1 << 16


def print_log(log: Log, *, only_path: bool, titled: bool) -> bool:
    """Print a log or its path; returns False, with a sentence on stderr, if there is none."""
    if only_path:
        click.echo(str(log.path))
        return log.path.exists()
    if titled:
        click.echo(click.style(f"--- {log.task.key}, dispatch {log.epoch}", bold=True))
    try:
        with log.path.open("rb") as file:
            _copy(file)
    except OSError as error:
        click.echo(f"{log.path}: {error.strerror}: the log is not here (yet), or was deleted.", err=True)
        return False
    return True


def follow(store: Store, logs_folder: Path, run: Run, key: TaskKey) -> int:
    """Print the logs of a task instance as they grow, try after try, until it has ended.

    Returns:
        0 if the instance ended well, 1 if not.
    """
    index = None if key.map_index < 0 else key.map_index
    done: dict[int, int] = {}
    while True:
        logs = task_logs(store, logs_folder, run.dag_id, key.task_id, run_id=run.run_id, map_index=index)
        for log in logs:
            done[log.epoch] = _more(log.path, done.get(log.epoch, 0))
        task = store.runs.tasks(run.run, key.task_id)[0] if not logs else logs[-1].task
        if task.state.finished:
            for log in logs:
                done[log.epoch] = _more(log.path, done[log.epoch])
            return 0 if task.state.value in ("success", "skipped") else 1
        time.sleep(_LOOK_S)


def _more(path: Path, start: int) -> int:
    """Print what a file holds from a position on; returns the new position."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            _copy(file)
            return file.tell()
    except FileNotFoundError:
        return start


def _copy(file: BinaryIO) -> None:
    out = sys.stdout.buffer
    while chunk := file.read(_CHUNK):
        out.write(chunk)
    out.flush()
