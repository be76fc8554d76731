"""Whose a log is, by its place in the logs folder."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from penstock.model.logs.log_index import LogSubject
from penstock.model.run import UNMAPPED, Run, TaskKey
from penstock.store import Store
from penstock.tries.paths import log_path, run_logs

_INSTANCE = re.compile(r"(.+?)(?:\[(\d+)\])?")
_CODED = re.compile(r"%([0-9a-f]{2})")


class LogSubjects:
    """Finds the run and the task instance of each log; for one look through the folder, because it remembers runs.

    Names of folders are ids, in which a few characters are coded, and of which long ones are cut: then every id is tried.

    Args:
        store: The store.
        folder: The logs folder.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._runs: dict[Path, Run | None] = {}

    def of(self, path: Path) -> LogSubject | None:
        """Whose a log is; None if its run is not stored any more. Raises StoreError."""
        task, instance = path.parent, _INSTANCE.fullmatch(path.parent.name)
        if task.parent not in self._runs:
            self._runs = {task.parent: self._find_run(task.parent)}  # logs come run by run
        run = self._runs[task.parent]
        if run is None or instance is None or not path.stem.isdecimal():
            return None
        index, epoch = UNMAPPED if instance[2] is None else int(instance[2]), int(path.stem)
        for task_id in _names(instance[1], partial(self._store.logs.task_ids, run.run)):
            if log_path(self._folder, run.dag_id, run.run_id, TaskKey(run.run, task_id, index), epoch) == path:
                return LogSubject(run.run, task_id, index, epoch, run.dag_id, run.run_id)
        return None

    def _find_run(self, folder: Path) -> Run | None:
        for dag_id in _names(folder.parent.name, self._store.dags.ids):
            for run_id in _names(folder.name, partial(self._store.logs.run_ids, dag_id)):
                if run_logs(self._folder, dag_id, run_id) == folder and (run := self._store.runs.find(dag_id, run_id)):
                    return run
        return None


def _names(folder: str, ids: Callable[[], Iterable[str]]) -> Iterable[str]:
    yield _CODED.sub(lambda found: chr(int(found[1], 16)), folder)
    yield from ids()
