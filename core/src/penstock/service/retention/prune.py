"""Deletes at once, on a person's request: what is old, or the history of a DAG."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec.structs import replace

from penstock.errors import ConfigError, NotFoundError, RequestError, as_sentence
from penstock.model.access.permission import Permission
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction
from penstock.model.run import Run
from penstock.model.text import counted, utc_text
from penstock.service.installation import Installation
from penstock.service.names import find_dag_state, find_run
from penstock.service.operations.operation import operation
from penstock.service.retention.clock_doubt import clock_doubt
from penstock.service.retention.deletion import RunDeletion, pause
from penstock.service.retention.sweep import RUNS, RetentionSweep
from penstock.settings import RetentionSettings

Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]
"""After how many whole days something is old; other numbers are refused where a request is decoded."""


class Deleted(msgspec.Struct, frozen=True):
    """How many runs were deleted, or would be."""

    runs: int


@operation("POST", "/prune", needs=Permission.INSTALLATION_WRITE, resumes=True)
def prune(
    installation: Installation,
    *,
    runs_days: Days | None = None,
    logs_days: Days | None = None,
    audit_days: Days | None = None,
    clock_is_right: bool = False,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> Deleted:
    """Delete now what is older than so many whole days, and not within the hour.

    It is in the audit before the first of it is deleted.

    Args:
        installation: The installation.
        runs_days: Finished runs with their values and logs; as ``[retention]`` has it unless given, and 0 keeps all.
        logs_days: Logs, alike.
        audit_days: The audit, alike.
        clock_is_right: Whether the clock is believed, now and from now on, although it looks as if it were far ahead or behind.
        dry_run: Whether runs are counted, and nothing is deleted.
        by: Who asks, for the audit.

    Raises:
        RequestError: No days are given, or the clock may be far off.
        ConfigError: A file could not be deleted.
        PenstockError: Something could not be deleted; the rest of it stays, too, and can be asked for again.
    """
    given = {"runs_days": runs_days, "logs_days": logs_days, "audit_days": audit_days}
    retention = replace(
        installation.settings.retention, **{name: days for name, days in given.items() if days is not None}
    )
    # That the clock is right may be told where nothing is old: state changes for listeners are swept then, too.
    if not clock_is_right and not (
        retention.runs_days or retention.logs_days or retention.audit_days or retention.state_days
    ):
        raise RequestError("nothing is old: neither [retention] nor an option says after how many days something is.")
    if not clock_is_right and (doubt := clock_doubt(installation, retention)):
        raise RequestError(doubt)
    if dry_run:
        days = retention.runs_days
        before = installation.now() - timedelta(days=days)
        return Deleted(sum(map(len, _finished(installation, "", before))) if days else 0)
    if not installation.resumed:
        with installation.store.transaction() as tx:
            tx.audit(
                by.entry(installation.now(), AuditAction.PRUNE, subject=_old(retention, clock_is_right=clock_is_right))
            )
    sweep = RetentionSweep(installation, lambda _: None, retention, clock_is_right=True)
    try:
        for _ in sweep.sweep():
            pause()
    except OSError as error:
        raise ConfigError(f"not everything that is old could be deleted: {as_sentence(error)} Ask again.") from error
    return Deleted(sweep.runs)


def _old(retention: RetentionSettings, *, clock_is_right: bool) -> str:
    days_of = {
        "runs": retention.runs_days,
        "logs": retention.logs_days,
        "audit": retention.audit_days,
        "state": retention.state_days,
    }
    old = [f"{what} older than {days:g} days" for what, days in days_of.items() if days]
    return ", ".join(old + ["the clock is right"] * clock_is_right)


@operation("POST", "/dags/{dag_id}/runs/delete", needs=Permission.HISTORY_DELETE, resumes=True)
def delete_runs(
    installation: Installation,
    dag_id: str,
    run_ids: list[str] | None = None,
    *,
    before: datetime | None = None,
    dry_run: bool = False,
    by: AskedBy = NOBODY,
) -> Deleted:
    """Delete finished runs of a DAG with their task instances, tries, values and logs.

    Args:
        installation: The installation.
        dag_id: The DAG.
        run_ids: The runs; if there are none, those that ended before ``before``.
        before: An aware instant.
        dry_run: Whether runs are counted, and nothing is deleted.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such DAG or run.
        RequestError: A name is empty, a run that is named has not ended or cannot be deleted yet, or neither runs nor an instant are given.
        ConfigError: A file could not be deleted.
        PenstockError: Something could not be deleted; what was deleted before it stays deleted.
    """
    find_dag_state(installation.store, dag_id)
    named: list[Run] = []
    if run_ids:
        if "" in run_ids:  # it would be the newest
            raise RequestError("an empty text names no run.")
        named = list(_named(installation, dag_id, run_ids))
        for run in named:
            if not run.state.finished:
                raise RequestError(f"run {run.run_id!r} of DAG {dag_id!r} is {run.state.value}. Cancel it first.")
        portions, subject = iter([named]), ", ".join(run_ids)
    elif before is not None:
        portions, subject = _finished(installation, dag_id, before), f"ended before {utc_text(before)}"
    else:
        raise RequestError(
            "neither runs nor an instant are given. Name runs, or an instant before which they have ended."
        )
    if dry_run:
        return Deleted(sum(map(len, portions)))
    if not installation.resumed:
        now = installation.now()
        with installation.store.transaction() as tx:
            tx.audit(by.entry(now, AuditAction.DELETE, dag_id, subject=subject))
    deletion = RunDeletion(installation)
    deleted = sum(map(deletion.delete, portions))
    try:
        deletion.check()
    except OSError as error:
        raise ConfigError(f"not all of the runs could be deleted: {as_sentence(error)} Ask again.") from error
    _require_gone(installation, named, deleted)
    return Deleted(deleted)


def _require_gone(installation: Installation, named: Iterable[Run], deleted: int) -> None:
    for run in named:
        if why := installation.store.retention.why_kept(run.run):
            others = f" {counted(deleted, 'run')} deleted." if deleted else ""
            raise RequestError(f"run {run.run_id!r} of DAG {run.dag_id!r} was not deleted: it {why}{others}")


def _named(installation: Installation, dag_id: str, run_ids: Iterable[str]) -> Iterator[Run]:
    for run_id in run_ids:
        try:
            yield find_run(installation.store, dag_id, run_id)
        except NotFoundError:
            if not installation.resumed:  # it would be gone by now
                raise


def _finished(installation: Installation, dag_id: str, before: datetime) -> Iterator[list[Run]]:
    after = 0
    while found := installation.store.retention.finished_before(before, after, RUNS, dag_id=dag_id):
        yield found
        after = found[-1].run
