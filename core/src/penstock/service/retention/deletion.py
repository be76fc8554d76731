"""Deletes finished runs with all that belongs to them."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from penstock.author.runtime import current
from penstock.model.run import Run
from penstock.processes.failpoint import failpoint
from penstock.service.installation import Installation
from penstock.service.retention.shipped_logs import ShippedLogs
from penstock.tries.paths import run_logs, run_values
from penstock.tries.store_runtime import StoreRuntime

_INSTANCES = 2_000
"""Task instances that one transaction deletes: others want the database, too."""
_PAUSE_S = 0.03
_ATTEMPTS = 10


class RunDeletion:
    """Deletes a run's values and logs before the run itself: what is cut short is found again.

    Args:
        installation: What to delete from.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation, self._settings = installation, installation.settings
        self._shipped = ShippedLogs(installation)
        self._problem: OSError | None = None

    def delete(self, runs: Sequence[Run]) -> int:
        """Delete runs, except those that live again, or are to; returns how many were deleted.

        One of whose files one cannot be deleted is left for the next time; `check` says so.

        Raises:
            PenstockError: A store of values or of logs, or the database, did not delete something.
        """
        retention, now = self._installation.store.retention, self._installation.now()
        free = retention.begin_deletion([run.run for run in runs])
        failpoint("retention.files.before")
        numbers = [run.run for run in runs if run.run in free and self._delete_files(run)]
        failpoint("retention.runs.before")
        deleted = 0
        for portion in _portions(numbers, sizes := retention.sizes(numbers)):
            if len(portion) == 1 and sizes.get(portion[0], 0) > _INSTANCES:
                while retention.delete_part(portion[0], _INSTANCES):
                    pause()
            deleted += retention.delete_runs(portion, now)
            pause()
        return deleted

    def check(self) -> None:
        """Raise the first OSError for which a run was left."""
        if self._problem is not None:
            raise self._problem

    def _delete_files(self, run: Run) -> bool:
        """Delete values and logs of a run; whether all of them are gone."""
        try:
            self._delete_values(run)
            self._shipped.delete(run)
            delete_folder(run_logs(self._settings.logs_folder, run.dag_id, run.run_id))
        except OSError as error:
            self._problem = self._problem or error
            return False
        return True

    def _delete_values(self, run: Run) -> None:
        prefix = run_values(self._settings.values_url, run)
        if urlsplit(prefix).scheme == "file":
            delete_folder(Path(unquote(urlsplit(prefix).path)))
            return
        token = current.set(StoreRuntime(self._installation.vault))
        try:
            store = self._installation.host.object_store(prefix, self._settings.xcom.conn_id or None)
            for found in list(store.list(prefix)):
                store.delete(found.url)
        finally:
            current.reset(token)


def delete_folder(folder: Path) -> None:
    """Delete a folder with all that is in it, whoever else does so or writes there meanwhile; raises OSError."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if not os.path.lexists(folder):
                return
            if not left or error.errno not in {errno.ENOENT, errno.ENOTEMPTY}:
                raise
        else:
            return


def pause() -> None:
    """Leave the database to others for a moment: SQLite has one writer, who waits by looking again and again."""
    threading.Event().wait(_PAUSE_S)


def _portions(numbers: Sequence[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Runs that are deleted together, so that no transaction is long; one that is large is alone."""
    portion, size = list[int](), 0
    for number in numbers:
        if portion and size + sizes.get(number, 0) > _INSTANCES:
            yield portion
            portion, size = [], 0
        portion.append(number)
        size += sizes.get(number, 0)
    if portion:
        yield portion
