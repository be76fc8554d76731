"""Which tries write logs, whose logs they are, and which were deleted from the log store."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import bindparam, func, select

from penstock.model.run import Run, TaskKey
from penstock.model.state import RunState
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_IDENTITY, _DELETED = "installation_id", "logs_deleted_before"

_r, _a, _m = tables.run.c, tables.attempt.c, tables.meta.c
META = select(_m.value).where(_m.key == bindparam("key"))
OPEN_TRIES = (
    select(_r.dag_id, _r.run_id, _a.run, _a.task_id, _a.map_index, _a.epoch)
    .join_from(tables.attempt, tables.run, _a.run == _r.run)
    .where(_a.outcome.is_(None))
)
LIVE_RUN = select(_r.run).where(_r.state.in_([state for state in RunState if not state.finished])).limit(1)
NEWEST_RUN = select(func.coalesce(func.max(_r.run), 0))
ENDED_BETWEEN = (
    select(*tables.columns(tables.run, Run))
    .where(_r.state.in_([state for state in RunState if state.finished]))
    .where(_r.ended_at >= bindparam("since"), _r.ended_at < bindparam("before"), _r.run > bindparam("after"))
    .order_by(_r.run)
    .limit(bindparam("most"))
)


class LogIndex:
    """Reads what the log shipper, the log indexer and the deletion of old logs go by. Every method raises StoreError."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def identity(self) -> str:
        """A name of this database's own, so that installations that share a log store do not mix their logs."""
        found = self._meta(_IDENTITY)
        if found:
            return found
        with self._writer.transaction() as tx:
            tx.insert_absent(tables.meta, [{"key": _IDENTITY, "value": uuid4().hex[:12]}])
        return self._meta(_IDENTITY)

    def open_tries(self) -> list[tuple[str, str, TaskKey, int]]:
        """DAG id, run id, task instance and epoch of each try that has not ended."""
        with self._database.read() as connection:
            rows = connection.execute(OPEN_TRIES)
            return [(dag_id, run_id, TaskKey(*key), epoch) for dag_id, run_id, *key, epoch in rows]

    def has_live_run(self) -> bool:
        """Whether a run has not ended."""
        with self._database.read() as connection:
            return connection.execute(LIVE_RUN).first() is not None

    def newest_run(self) -> int:
        """The number of the newest run; 0 if there is none."""
        with self._database.read() as connection:
            return int(connection.execute(NEWEST_RUN).scalar_one())

    def deleted_before(self) -> datetime | None:
        """The instant before which runs ended whose logs were deleted from the log store; None if none were."""
        found = self._meta(_DELETED)
        return datetime.fromisoformat(found) if found else None

    def note_deleted(self, before: datetime) -> None:
        """Note that the logs of runs that ended before an instant are deleted."""
        with self._writer.transaction() as tx:
            tx.replace(tables.meta, [{"key": _DELETED, "value": before.isoformat()}])

    def ended_between(self, since: datetime, before: datetime, after: int, limit: int) -> list[Run]:
        """Finished runs that ended from one instant to another, with numbers above ``after``, in their order."""
        with self._database.read() as connection:
            given = {"since": since, "before": before, "after": after, "most": limit}
            return [Run(*row) for row in connection.execute(ENDED_BETWEEN, given)]

    def run_ids(self, dag_id: str) -> list[str]:
        """Ids of the runs of a DAG."""
        with self._database.read() as connection:
            return list(connection.execute(select(_r.run_id).where(_r.dag_id == dag_id)).scalars())

    def task_ids(self, run: int) -> list[str]:
        """Ids of the tasks of a run that were tried."""
        with self._database.read() as connection:
            return list(connection.execute(select(_a.task_id).where(_a.run == run).distinct()).scalars())

    def keep_fact(self, key: str, value: str) -> None:
        """Keep something about where logs are, in place of what was kept under the key."""
        with self._writer.transaction() as tx:
            tx.replace(tables.meta, [{"key": key, "value": value}])

    def facts(self, prefix: str) -> dict[str, str]:
        """What is kept under keys that begin so."""
        found = select(_m.key, _m.value).where(_m.key.startswith(prefix, autoescape=True))
        with self._database.read() as connection:
            return {row.key: row.value for row in connection.execute(found)}

    def _meta(self, key: str) -> str:
        with self._database.read() as connection:
            return connection.execute(META, {"key": key}).scalar() or ""
