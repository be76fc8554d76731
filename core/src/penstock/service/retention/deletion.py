"""Deletes finished runs with all that belongs to them."""

import shutil
from collections.abc import Callable, Iterator, Sequence
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
"""Task instances that one transaction deletes, unless one run has more: others want the database, too."""


class RunDeletion:
    """Deletes a run's values and logs before the run itself: what is cut short is found again.

    Args:
        installation: What to delete from.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation, self._settings = installation, installation.settings
        self._shipped = ShippedLogs(installation)

    def delete(self, runs: Sequence[Run]) -> int:
        """Delete runs, except those that live again; returns how many were deleted.

        Raises:
            PenstockError: A store of values or of logs, or the database, did not delete something.
            OSError: A file could not be deleted.
        """
        for run in runs:
            self._delete_values(run)
            self._shipped.delete(run)
            shutil.rmtree(run_logs(self._settings.logs_folder, run.dag_id, run.run_id), ignore_errors=True)
        failpoint("retention.runs.before")
        retention, now = self._installation.store.retention, self._installation.now()
        portions = _portions([run.run for run in runs], retention.sizes)
        return sum(retention.delete_runs(portion, now) for portion in portions)

    def _delete_values(self, run: Run) -> None:
        prefix = run_values(self._settings.values_url, run)
        if urlsplit(prefix).scheme == "file":
            shutil.rmtree(Path(unquote(urlsplit(prefix).path)), ignore_errors=True)
            return
        token = current.set(StoreRuntime(self._installation.vault))
        try:
            store = self._installation.host.object_store(prefix, self._settings.xcom.conn_id or None)
            for found in list(store.list(prefix)):
                store.delete(found.url)
        finally:
            current.reset(token)


def _portions(numbers: Sequence[int], sizes: Callable[[Sequence[int]], dict[int, int]]) -> Iterator[list[int]]:
    """Runs that are deleted together, so that no transaction is long."""
    counted, portion, size = sizes(numbers), list[int](), 0
    for number in numbers:
        if portion and size + counted.get(number, 0) > _INSTANCES:
            yield portion
            portion, size = [], 0
        portion.append(number)
        size += counted.get(number, 0)
    if portion:
        yield portion
