"""What is deleted when it is old: finished runs, and versions of DAGs that nothing needs; in small portions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, text, tuple_

from penstock.model.backfills.backfill import BackfillState
from penstock.model.feed.delta import RunDeleted
from penstock.model.request import DagChanged, decode
from penstock.model.run import Run
from penstock.model.state import RunState
from penstock.store.sql import tables
from penstock.store.sql.access.audit_table import audit
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

_d, _v, _s, _r = tables.dag.c, tables.dag_version.c, tables.dag_spec.c, tables.run.c
_e = audit.c
_g, _q, _a, _b = tables.run_deletion.c, tables.request.c, tables.attempt.c, tables.backfill.c
_SWEPT = "swept_at"
_SWEPT_AT = select(tables.meta.c.value).where(tables.meta.c.key == _SWEPT)
_NOTE = text("INSERT INTO run_deletion (run) VALUES (:run) ON CONFLICT DO NOTHING")
_OF_RUNS = [
    each
    for each in tables.metadata.sorted_tables
    if each is not tables.run_deletion and any(key.column is _r.run for key in each.foreign_keys)
]
_FINISHED = [state for state in RunState if state.finished]
_LIVE = [state for state in RunState if not state.finished]
_TRIED = exists().where(_a.run == _r.run, _a.outcome.is_(None))
_BACKFILLED = exists().where(_b.dag_id == _r.dag_id, _b.state.not_in([state for state in BackfillState if state.final]))


class Retention:
    """Finds and deletes what is old."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def finished_before(self, before: datetime, after: int = 0, limit: int = 100, *, dag_id: str = "") -> list[Run]:
        """Finished runs that ended before an instant, oldest first.

        Args:
            before: Runs that ended earlier.
            after: Runs with a larger number: the last one of the portion before.
            limit: How many at most.
            dag_id: Only those of this DAG, if it is not empty.

        Raises:
            StoreError: The database cannot serve.
        """
        query = (
            select(*tables.columns(tables.run, Run))
            .where(_r.state.in_(_FINISHED), _r.ended_at < before, _r.run > after)
            .order_by(_r.run)
            .limit(limit)
        )
        if dag_id:
            query = query.where(_r.dag_id == dag_id)
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(query)]

    def gap_at(self, instant: datetime) -> tuple[datetime | None, datetime | None]:
        """The stored instants beside one: the last before it, and the first at or behind it, of runs that were made and of the audit.

        Which comes after which is said by their numbers, whatever the clock said then. None where there is none.

        Raises:
            StoreError: The database cannot serve.
        """
        before, behind = list[datetime](), list[datetime]()
        with self._database.read() as connection:
            for number, at in ((_r.run, _r.created_at), (_e.number, _e.at)):
                last = connection.execute(
                    select(number, at).where(at < instant).order_by(number.desc()).limit(1)
                ).one_or_none()
                before += [] if last is None else [last[1]]
                later = select(at).where(number > (0 if last is None else last[0])).order_by(number).limit(1)
                behind += connection.execute(later).scalars()
        return max(before, default=None), min(behind, default=None)

    def last_stored(self) -> datetime | None:
        """The instant of what was stored last of runs and the audit, by their numbers; None of nothing. Raises StoreError."""
        with self._database.read() as connection:
            found = [
                connection.execute(select(at).order_by(number.desc()).limit(1)).scalar()
                for number, at in ((_r.run, _r.created_at), (_e.number, _e.at))
            ]
        return max((at for at in found if at is not None), default=None)

    def swept_at(self) -> datetime | None:
        """What the clock read when what is old was deleted last, and the clock was believed; None if that was never. Raises StoreError."""
        with self._database.read() as connection:
            found = connection.execute(_SWEPT_AT).scalar()
        return datetime.fromisoformat(found) if found else None

    def note_sweep(self, now: datetime) -> None:
        """Note that what is old is deleted by a clock that reads so, and is believed; raises StoreError."""
        with self._writer.transaction() as tx:
            tx.replace(tables.meta, [{"key": _SWEPT, "value": now.isoformat()}])

    def sizes(self, numbers: Sequence[int]) -> dict[int, int]:
        """How many task instances each of some runs has; one that has none is absent. Raises StoreError."""
        t = tables.task_instance.c
        query = select(t.run, func.count()).where(t.run.in_(numbers)).group_by(t.run)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def deleting(self, after: int = 0, limit: int = 100) -> list[Run]:
        """Runs that are being deleted, such as by a process that was killed amid that; of larger numbers than one. Raises StoreError."""
        query = select(*tables.columns(tables.run, Run)).join_from(tables.run, tables.run_deletion, _g.run == _r.run)
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(query.where(_r.run > after).order_by(_r.run).limit(limit))]

    def begin_deletion(self, numbers: Sequence[int]) -> set[int]:
        """Note of finished runs that they are being deleted: none of them is run again from then on.

        Args:
            numbers: The runs.

        Returns:
            Those of them that can be deleted. Left out are those that live again, that have a try which has not answered, that somebody
            has asked something of, and those of DAGs with a backfill, which may run them again.

        Raises:
            StoreError: The database cannot serve.
        """
        with self._writer.transaction() as tx:
            # What is asked of a run comes before this, and keeps it, or after it, and is refused: in between there is nothing.
            tx.keep_order()
            asked = _asked(tx, numbers)
            wanted = [number for number in numbers if number not in asked]
            free = select(_r.run).where(_r.run.in_(wanted), _r.state.in_(_FINISHED), ~_TRIED, ~_BACKFILLED)
            # Another that deletes them, too, has its own way with what it holds.
            found = sorted(tx.execute(free.with_for_update(read=True, key_share=True, skip_locked=True)).scalars())
            tx.execute_many(_NOTE, [{"run": number} for number in found])
            tx.execute(delete(tables.run_deletion).where(_g.run.in_(numbers), _g.run.not_in(free)))
        return set(found)

    def why_kept(self, run: int) -> str:
        """Why a run is not deleted now, and what to do, as the rest of a sentence; "" if it can be, or is gone. Raises StoreError."""
        with self._writer.transaction() as tx:
            of_it = select(_r.state, _TRIED.label("tried"), _BACKFILLED.label("backfilled")).where(_r.run == run)
            row: Any = tx.execute(of_it).one_or_none()
            asked = bool(_asked(tx, [run]))
        if row is None:
            return ""
        if not row.state.finished:
            return f"is {row.state.value} again. Cancel it first."
        if row.tried:
            return "has a try that has not answered yet: its worker ends it, or it is lost once its lease is over. Ask again then."
        if row.backfilled:
            return "may be run again by a backfill of its DAG. Cancel that, or ask again once it has ended: penstock backfills list"
        return (
            "was asked for, such as by a clear, which no scheduler has handled yet. Ask again once one has."
            if asked
            else ""
        )

    def delete_part(self, run: int, limit: int) -> int:
        """Delete some rows of a run that is being deleted, of each table; returns how many. Raises StoreError."""
        deleted = 0
        with self._writer.transaction() as tx:
            for table in _OF_RUNS:
                key = table.primary_key.columns
                some = select(*key).where(table.c.run == run).limit(limit)
                deleted += tx.execute(delete(table).where(tuple_(*key).in_(some))).rowcount
        return deleted

    def delete_runs(self, numbers: Sequence[int], now: datetime) -> int:
        """Delete runs with all that belongs to them, except those that live again; returns how many were deleted.

        Raises:
            StoreError: The database cannot serve; nothing was deleted.
        """
        with self._writer.transaction() as tx:
            of_them = select(_r.dag_id).where(_r.run.in_(numbers))
            live = tx.execute(select(_r.dag_id).distinct().where(_r.dag_id.in_(of_them), _r.state.in_(_LIVE))).scalars()
            # Tasks of live runs may wait for one that goes: their scheduler looks again at what is before them.
            tx.submit([DagChanged(dag_id) for dag_id in sorted(live)], now)
            gone = delete(tables.run).where(_r.run.in_(numbers), _r.state.in_(_FINISHED))
            rows: Iterable[Any] = tx.execute(gone.returning(_r.run, _r.dag_id, _r.run_id))
            deleted = [RunDeleted(run, dag_id, run_id) for run, dag_id, run_id in rows]
            tx.add_deltas(deleted, now)
            return len(deleted)

    def live_runs(self) -> set[tuple[str, str]]:
        """DAG id and run id of every unfinished run; raises StoreError."""
        query = select(_r.dag_id, _r.run_id).where(_r.state.in_(_LIVE))
        with self._database.read() as connection:
            return {(dag_id, run_id) for dag_id, run_id in connection.execute(query)}

    def unused_versions(self, before: datetime) -> list[str]:
        """Versions that are no DAG's present one and no run's, of DAGs that have not changed since an instant.

        The instant leaves time to whoever has just read that a version is the present one, and makes a run of it.

        Raises:
            StoreError: The database cannot serve.
        """
        old = (
            select(_v.version)
            .join_from(tables.dag_version, tables.dag, _d.dag_id == _v.dag_id)
            .where(_d.changed_at < before, _d.version != _v.version)
        )
        with self._database.read() as connection:
            return list(connection.execute(old.except_(select(_r.version))).scalars())

    def delete_versions(self, versions: Sequence[str]) -> None:
        """Delete versions, and the structures that no version has any more; raises StoreError."""
        with self._writer.transaction() as tx:
            specs = list(tx.execute(select(_v.spec).where(_v.version.in_(versions)).distinct()).scalars())
            tx.execute(delete(tables.dag_version).where(_v.version.in_(versions)))
            used = select(_v.spec).where(_v.spec.in_(specs))
            tx.execute(delete(tables.dag_spec).where(_s.spec.in_(specs), _s.spec.not_in(used)))


def _asked(tx: Transaction, numbers: Sequence[int]) -> set[int]:
    """Those of some runs that a request names which no step has handled."""
    of_them = select(_r.dag_id).where(_r.run.in_(numbers))
    bodies = tx.execute(select(_q.body).where(_q.dag_id.in_(of_them))).scalars()
    return {getattr(decode(body), "run", 0) for body in bodies} & set(numbers)
