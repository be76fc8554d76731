"""Applies ``[retention]``, a small portion at a time."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from penstock.errors import PenstockError
from penstock.model.run import Run
from penstock.service.installation import Installation
from penstock.service.retention.clock_doubt import clock_doubt
from penstock.service.retention.deletion import RunDeletion
from penstock.service.retention.shipped_logs import ShippedLogs
from penstock.settings import RetentionSettings
from penstock.tries.paths import run_logs

_YOUNG = timedelta(hours=1)  # a version that is so young may have been stored for a run that is about to be
UNSEEN_KEPT = timedelta(days=7)
"""How long a file that was told of and has gone is remembered at least: a disk may be away for a while, and come back with it."""
NOTICES_KEPT = timedelta(days=1)
"""How long a change of a state waits for a listener that does not come."""

FEED_KEPT = timedelta(hours=6)
"""How long somebody who looks on may be away, and still learn of all that has changed meanwhile."""

RUNS, FILES, VERSIONS, EVENTS, BACKFILLS = 25, 500, 200, 500, 5
"""What is deleted in one portion, at most."""


class RetentionSweep:
    """Deletes what is older than the settings say.

    Args:
        installation: What to delete from.
        log: Called with what the user should know, a line each.
        retention: After how many days something is old; what the settings say unless given.
        clock_is_right: Whether a person says that the clock can be trusted; else nothing is deleted where it may be far ahead.

    Attributes:
        runs: How many runs were deleted so far.
    """

    def __init__(
        self,
        installation: Installation,
        log: Callable[[str], None],
        retention: RetentionSettings | None = None,
        *,
        clock_is_right: bool = False,
    ) -> None:
        self._clock_is_right = clock_is_right
        self._installation, self._log = installation, log
        self._retention = retention or installation.settings.retention
        self._deletion, self.runs = RunDeletion(installation), 0
        self._store, self._settings = installation.store, installation.settings
        self._shipped = ShippedLogs(installation)

    def portions(self) -> Iterator[None]:
        """Delete a portion, and pause for others that want the database, until nothing is old; what fails ends it, and is told."""
        try:
            yield from self.sweep()
        except (PenstockError, OSError) as error:
            self._log(f"not everything that is old could be deleted, it is tried again in an hour: {error}")

    def sweep(self) -> Iterator[None]:
        """As `portions`, but what fails is raised.

        Raises:
            PenstockError: Something could not be deleted.
            OSError: A file could not be deleted.
        """
        now = self._installation.now()
        store, retention = self._store, self._retention
        # What a deletion has left that was killed: nobody can run it again, whatever the settings say by now.
        yield from self._runs(store.retention.deleting)
        if not self._clock_is_right and (doubt := clock_doubt(self._installation, retention)):
            self._log(doubt)
            return
        store.retention.note_sweep(now)
        if retention.runs_days:
            before = now - timedelta(days=retention.runs_days)
            yield from self._runs(partial(store.retention.finished_before, before))
            yield from _all(lambda: store.backfills.delete_before(before, now, BACKFILLS))
            yield from _all(lambda: store.assets.delete_events(before, EVENTS))
            unseen = min(before, now - UNSEEN_KEPT)
            yield from _all(lambda: store.assets.watched.delete_unseen(unseen, EVENTS))
        if retention.logs_days:
            yield from self._old_logs(now - timedelta(days=retention.logs_days))
            yield from self._shipped.delete_old(now - timedelta(days=retention.logs_days), RUNS)
        if retention.audit_days:
            audited = now - max(timedelta(days=retention.audit_days), timedelta(hours=1))
            yield from _all(lambda: store.audit.delete_before(audited, EVENTS))
        if retention.state_days:
            kept = now - timedelta(days=retention.state_days)
            yield from _all(lambda: store.state_store.delete_before(kept, EVENTS))
        yield from self._notices(now - NOTICES_KEPT)
        self._store.feed.drop_before(now - FEED_KEPT)
        unused = self._store.retention.unused_versions(now - _YOUNG)
        for start in range(0, len(unused), VERSIONS):
            self._store.retention.delete_versions(unused[start : start + VERSIONS])
            yield
        self._remove_empty(now)
        self._deletion.check()

    def _remove_empty(self, now: datetime) -> None:
        """Remove the folders of logs of DAGs without a log; in one that was just made, a run is about to write."""
        for folder in self._settings.logs_folder.glob("*/"):
            with contextlib.suppress(OSError):  # something is in it
                if folder.stat().st_mtime < (now - _YOUNG).timestamp():
                    folder.rmdir()

    def _runs(self, some: Callable[[int, int], list[Run]]) -> Iterator[None]:
        """Delete the runs that it gives, a portion behind another."""
        after = 0
        while found := some(after, RUNS):
            self.runs += self._deletion.delete(found)
            after = found[-1].run
            yield

    def _notices(self, before: datetime) -> Iterator[None]:
        dropped = 0
        while some := self._store.outbox.drop_before(before, EVENTS):
            dropped += some
            yield
        if dropped:
            self._log(f"state changes older than a day were dropped unheard: {dropped}. See: penstock providers")

    def _old_logs(self, before: datetime) -> Iterator[None]:
        logs = self._settings.logs_folder
        live = self._live_logs()
        for number, path in enumerate(logs.glob("*/*/*/*.log"), 1):
            task, run = path.parent, path.parent.parent
            with contextlib.suppress(FileNotFoundError):
                if run not in live and path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    for mark in task.glob(f"{path.stem}.s*-*"):
                        mark.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):  # others are in it still
                        task.rmdir()
                        run.rmdir()
            if number % FILES == 0:
                yield
                live = (
                    self._live_logs()
                )  # a run may have begun, or live again; its logs are young by no clock but its own

    def _live_logs(self) -> set[Path]:
        """The folders of logs of runs that live."""
        logs, live = self._settings.logs_folder, self._store.retention.live_runs()
        return {run_logs(logs, dag_id, run_id) for dag_id, run_id in live}


def _all(portion: Callable[[], int]) -> Iterator[None]:
    """Delete portions until there is none."""
    while portion():
        yield
