"""Deletes the history of one DAG, and the DAG itself if no file defines it any more; a deletion that was killed is asked for again."""

import contextlib
import shutil

import msgspec

from penstock.errors import ConfigError, PendingError, RequestError, as_sentence
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.text import counted
from penstock.processes.failpoint import failpoint
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


@operation("DELETE", "/dags/{dag_id}", needs=Permission.HISTORY_DELETE, resumes=True)
def delete_dag(
    installation: Installation, dag_id: str, *, history_only: bool = False, by: AskedBy = NOBODY
) -> DeletedHistory:
    """Delete the finished runs of a DAG with all that belongs to them, its backfills, events and versions, and then the DAG.

    It is in the audit before the first of it is deleted. In portions, between which others have the database. What was cut
    short is asked for again: each thing goes after what it leads to, and the DAG last.

    Args:
        installation: The installation.
        dag_id: The DAG.
        history_only: Whether the DAG stays, and a file may define it.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG.
        RequestError: A file defines it, or it has a run, a try or a backfill that has not ended.
        PendingError: The scheduler has not handled what was asked of the DAG.
        ConfigError: A file could not be deleted.
        PenstockError: Something could not be deleted; what was deleted before it stays deleted.
    """
    store = installation.store
    if installation.resumed and store.dags.row(dag_id) is None:
        return DeletedHistory(dag_id, not history_only, 0, 0, 0, 0)
    _check(installation, dag_id, history_only=history_only)
    # Its file was taken away, or a run was cancelled, a moment ago: a scheduler that has not heard of it may make another run.
    if store.requests.pending_about([dag_id]) and installation.scheduler_runs:
        raise PendingError(f"the scheduler has not handled what was asked of DAG {dag_id!r}. Ask again in a second.")
    if not installation.resumed:
        subject = "its history" if history_only else "the DAG with its history"
        with store.transaction() as tx:
            tx.audit(by.entry(installation.now(), AuditAction.DELETE, dag_id, subject=subject))
    try:
        runs = _delete_runs(installation, dag_id)
        _delete_logs(installation, dag_id, whole=not history_only and not store.dag_history.size(dag_id)[0])
    except OSError as error:
        raise ConfigError(f"not all of DAG {dag_id!r} could be deleted: {as_sentence(error)} Ask again.") from error
    backfills, events = _delete_backfills(installation, dag_id), _delete_events(installation, dag_id)
    failpoint("deletion.versions.before")
    unused = store.dag_history.unused_versions(dag_id)
    for start in range(0, len(unused), VERSIONS):
        store.retention.delete_versions(unused[start : start + VERSIONS])
    failpoint("deletion.dag.before")
    gone = not history_only and store.dag_history.forget(dag_id, installation.now())
    if not history_only and not gone:
        _check(installation, dag_id, history_only=False)
        raise PendingError(f"DAG {dag_id!r} has a new run or backfill, so that it stays. Ask again.")
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
    deletion.check()
    return deleted


def _delete_backfills(installation: Installation, dag_id: str) -> int:
    deleted = 0
    while installation.store.dag_history.delete_backfill(dag_id, installation.now()):
        deleted += 1
    return deleted


def _delete_events(installation: Installation, dag_id: str) -> int:
    deleted, after = installation.store.dag_history.delete_events(dag_id, 0, EVENTS)
    while after:
        more, after = installation.store.dag_history.delete_events(dag_id, after, EVENTS)
        deleted += more
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
