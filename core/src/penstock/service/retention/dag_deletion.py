"""Deletes the history of one DAG, and the DAG itself if no file defines it any more; a deletion that was killed is asked for again."""

import contextlib
import shutil

import msgspec

from penstock.errors import ConfigError, RequestError, as_sentence
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.request import DagChanged
from penstock.model.text import counted
from penstock.processes.failpoint import failpoint
from penstock.service.asked.asked import Asked, ask
from penstock.service.installation import Installation
from penstock.service.names import find_dag
from penstock.service.operations.operation import operation
from penstock.service.retention.deletion import RunDeletion
from penstock.service.retention.sweep import EVENTS, RUNS, VERSIONS
from penstock.tries.paths import run_logs

_NAMED = 3


class HistoryPreview(msgspec.Struct, frozen=True):
    """What a deletion would delete.

    Attributes:
        file: The file that defines the DAG, or did last.
        defined: Whether one defines it still.
        events: Events of assets that its tasks have made.
        refused: Why nothing would be deleted now; "" if it would.
    """

    dag_id: str
    file: str
    defined: bool
    runs: int
    backfills: int
    versions: int
    events: int
    refused: str


class DeletedHistory(msgspec.Struct, frozen=True):
    """What was deleted of a DAG.

    Attributes:
        dag: Whether the DAG itself is gone.
        events: Events of assets; those that a DAG waits for stay.
    """

    dag_id: str
    dag: bool
    runs: int
    backfills: int
    versions: int
    events: int


@operation("GET", "/dags/{dag_id}/deletion", needs=Permission.DAGS_READ)
def preview_deletion(installation: Installation, dag_id: str, *, history_only: bool = False) -> HistoryPreview:
    """Count what a deletion would delete; raises NotFoundError or StoreError."""
    row = find_dag(installation.store, dag_id)
    try:
        _check(installation, dag_id, history_only=history_only)
        refused = ""
    except RequestError as error:
        refused = str(error)
    return HistoryPreview(dag_id, row.file, row.active, *installation.store.dag_history.size(dag_id), refused)


def ask_for_deletion(
    installation: Installation, dag_id: str, *, history_only: bool = False, by: AskedBy = NOBODY
) -> Asked:
    """Check that the history of a DAG may be deleted, keep who asks for it, and have the scheduler see that the DAG has ended.

    Args:
        installation: The installation.
        dag_id: The DAG.
        history_only: Whether the DAG stays, and a file may define it.
        by: Who asks, for the audit.

    Returns:
        What the scheduler must have handled before `delete_history`.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: A file defines it, or it has a run, a try or a backfill that has not ended.
        StoreError: The database failed.
    """
    _check(installation, dag_id, history_only=history_only)
    subject = "its history" if history_only else "the DAG with its history"
    entry = by.entry(installation.now(), AuditAction.DELETE, dag_id, subject=subject)
    return ask(installation, (DagChanged(dag_id),), entry)


def delete_history(installation: Installation, dag_id: str, *, history_only: bool = False) -> DeletedHistory:
    """Delete the finished runs of a DAG with all that belongs to them, its backfills, events and versions, and then the DAG.

    In portions, between which others have the database. What was cut short is asked for again: each thing goes after what
    it leads to, and the DAG last.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: As for `ask_for_deletion`, or the scheduler has not handled that.
        ConfigError: A file could not be deleted.
        PenstockError: Something could not be deleted; what was deleted before it stays deleted.
    """
    _check(installation, dag_id, history_only=history_only)
    store, stored = installation.store, installation.store.dag_history
    if store.requests.pending_about([dag_id]) and installation.scheduler_runs:
        raise RequestError(f"the scheduler has not handled what was asked of DAG {dag_id!r}. Ask again.")
    try:
        runs = _delete_runs(installation, dag_id)
        _delete_logs(installation, dag_id, whole=not history_only)
    except OSError as error:
        raise ConfigError(f"not all of DAG {dag_id!r} could be deleted: {as_sentence(error)} Ask again.") from error
    backfills = events = after = 0
    while stored.delete_backfill(dag_id, installation.now()):
        backfills += 1
    while True:
        deleted, after = stored.delete_events(dag_id, after, EVENTS)
        events += deleted
        if not after:
            break
    failpoint("deletion.versions.before")
    unused = stored.unused_versions(dag_id)
    for start in range(0, len(unused), VERSIONS):
        store.retention.delete_versions(unused[start : start + VERSIONS])
    failpoint("deletion.dag.before")
    gone = not history_only and stored.forget(dag_id, installation.now())
    if not history_only and not gone:
        _check(installation, dag_id, history_only=False)
        raise RequestError(f"DAG {dag_id!r} has a new run or backfill, so that it stays. Ask again.")
    return DeletedHistory(dag_id, gone, runs, backfills, len(unused) + gone, events)


def _check(installation: Installation, dag_id: str, *, history_only: bool) -> None:
    row = find_dag(installation.store, dag_id)
    if row.active and not history_only:
        raise RequestError(
            f"DAG {dag_id!r} is defined by {row.file}, which would make it again. Take it out of that file first, "
            "or have its history alone deleted: --history"
        )
    if live := installation.store.dag_history.live(dag_id, _NAMED + 1):
        named = ", ".join(map(repr, live[:_NAMED])) + (" and more" if len(live) > _NAMED else "")
        raise RequestError(
            f"DAG {dag_id!r} has runs that have not ended: {named}. Wait for them, or cancel them: penstock runs cancel {dag_id} RUN_ID"
        )
    if installation.store.backfills.live(dag_id):
        raise RequestError(
            f"DAG {dag_id!r} has a backfill that has not ended. Wait for it, or cancel it. See: penstock backfills list {dag_id}"
        )


def _delete_runs(installation: Installation, dag_id: str) -> int:
    deletion, deleted, after = RunDeletion(installation), 0, 0
    while found := installation.store.dag_history.finished(dag_id, after, RUNS):
        deleted += deletion.delete(found)
        after = found[-1].run
        failpoint("deletion.runs.after")
    return deleted


def _delete_logs(installation: Installation, dag_id: str, *, whole: bool) -> None:
    """Delete the folder of the DAG's logs: as a whole, with what earlier deletions have left, or if it is empty."""
    folder = run_logs(installation.settings.logs_folder, dag_id, "any").parent
    if whole:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            folder.rmdir()


def deleted_text(found: DeletedHistory | HistoryPreview) -> str:
    """What there is, or was, in words."""
    kinds = {"run": found.runs, "backfill": found.backfills, "version": found.versions, "event": found.events}
    return ", ".join(counted(number, noun) for noun, number in kinds.items())
