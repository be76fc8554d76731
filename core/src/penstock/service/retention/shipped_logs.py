"""Deletes old logs from the log store."""

from collections.abc import Iterator
from datetime import UTC, datetime

from penstock.author.runtime import current
from penstock.errors import PluginError
from penstock.logs.log_names import log_name
from penstock.model.names import error_reason
from penstock.model.run import Run
from penstock.service.installation import Installation
from penstock.tries.paths import run_logs
from penstock.tries.store_runtime import StoreRuntime

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class ShippedLogs:
    """The logs of an installation in its log store; without one, nothing is done.

    Args:
        installation: Whose logs.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._settings = installation.settings

    def delete(self, run: Run) -> None:
        """Delete the logs of a run.

        Raises:
            PluginError: The log store raised what it should not.
            PenstockError: It cannot be opened, or did not delete them.
        """
        settings = self._settings
        if not settings.logs.store:
            return
        folder = settings.logs_folder
        name = log_name(self._installation.store.logs.identity(), folder, run_logs(folder, run.dag_id, run.run_id))
        runtime = StoreRuntime(self._installation.vault)
        token = current.set(runtime)
        try:
            store = self._installation.host.log_store(settings.logs.store, settings.logs.conn_id or None)
            store.delete(f"{name}/")
        except Exception as error:  # a provider's code
            why = runtime.mask.hide(error_reason(error))
            raise PluginError(f"the log store {settings.logs.store}: {why}") from error
        finally:
            current.reset(token)

    def delete_old(self, before: datetime, portion: int) -> Iterator[None]:
        """Delete the logs of runs that ended before an instant, each once; what is deleted is noted when all of it is.

        Args:
            before: The instant.
            portion: Runs that are handled between two pauses.
        """
        if not self._settings.logs.store:
            return
        index, after = self._installation.store.logs, 0
        since = index.deleted_before() or _FIRST
        while found := index.ended_between(since, before, after, portion):
            for run in found:
                self.delete(run)
            after = found[-1].run
            yield
        index.note_deleted(before)
