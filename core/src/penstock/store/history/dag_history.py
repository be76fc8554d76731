"""All that is stored of one DAG: counted, and deleted in small portions; its row goes last, so that what was cut short is found again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func, or_, select

from penstock.model.feed.delta import BackfillDeleted, DagDeleted
from penstock.model.run import Run
from penstock.model.state import RunState
from penstock.store.dags import TAGGED, tags_of
from penstock.store.sql import state_tables, tables
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

_d, _v, _s, _r, _a, _b, _q = (
    table.c
    for table in (
        tables.dag, tables.dag_version, tables.dag_spec, tables.run, tables.attempt, tables.backfill, tables.quarantine,
    )
)  # fmt: skip
_e, _c = asset_tables.asset_event.c, asset_tables.asset_cursor.c
_FINISHED = [state for state in RunState if state.finished]
_OPEN = select(_a.run).where(_a.outcome.is_(None))
_AWAITED = select(_c.asset).where(_c.asset == _e.asset, _c.number < _e.number).exists()


class HistorySize(NamedTuple):
    """How much is stored of a DAG.

    Attributes:
        runs: Its runs.
        backfills: Its backfills.
        versions: Its versions.
        events: Events of assets that its tasks have made.
    """

    runs: int
    backfills: int
    versions: int
    events: int


class DagHistory:
    """Counts and deletes what is stored of a DAG. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def size(self, dag_id: str) -> HistorySize:
        """How much there is; reads the events of all assets once."""
        counted = [
            select(func.count()).where(column == dag_id) for column in (_r.dag_id, _b.dag_id, _v.dag_id, _e.dag_id)
        ]
        with self._database.read() as connection:
            return HistorySize(*(connection.execute(query).scalar_one() for query in counted))

    def live(self, dag_id: str, limit: int) -> list[str]:
        """Ids of some runs that have not ended, or of which a try has not."""
        with self._database.read() as connection:
            return list(connection.execute(_live(dag_id).limit(limit)).scalars())

    def finished(self, dag_id: str, after: int, limit: int) -> list[Run]:
        """Some finished runs with numbers above ``after``, in their order."""
        query = (
            select(*tables.columns(tables.run, Run))
            .where(_r.dag_id == dag_id, _r.state.in_(_FINISHED), _r.run > after)
            .order_by(_r.run)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [Run(*row) for row in connection.execute(query).all()]

    def delete_backfill(self, dag_id: str, now: datetime) -> bool:
        """Delete one backfill that has ended, with its dates; returns whether there was one."""
        with self._writer.transaction() as tx:
            number = tx.execute(
                select(_b.number).where(_b.dag_id == dag_id, _b.ended_at.is_not(None)).limit(1)
            ).scalar()
            if number is not None:
                tx.execute(delete(tables.backfill).where(_b.number == number))
                tx.add_deltas([BackfillDeleted(number, dag_id)], now)
        return number is not None

    def delete_events(self, dag_id: str, after: int, limit: int) -> tuple[int, int]:
        """Delete some events of assets that tasks of the DAG have made, but for those that a DAG waits for still.

        Returns:
            How many were deleted, and the number that the next portion begins behind; 0 if there is none.
        """
        found = select(_e.number).where(_e.dag_id == dag_id, _e.number > after, ~_AWAITED).order_by(_e.number)
        with self._writer.transaction() as tx:
            numbers = list(tx.execute(found.limit(limit)).scalars())
            tx.execute(delete(asset_tables.asset_event).where(_e.number.in_(numbers)))
        return len(numbers), numbers[-1] if len(numbers) == limit else 0

    def unused_versions(self, dag_id: str) -> list[str]:
        """Versions that are neither the present one nor a run's."""
        query = select(_v.version).where(
            _v.dag_id == dag_id,
            _v.version.not_in(select(_d.version).where(_d.dag_id == dag_id)),
            _v.version.not_in(select(_r.version).where(_r.dag_id == dag_id)),
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def forget(self, dag_id: str, now: datetime) -> bool:
        """Delete the DAG itself with what is left of it; returns False if a file defines it, or it has a run or a backfill."""
        rest: Sequence[Select[Any]] = (
            select(_r.run).where(_r.dag_id == dag_id),
            select(_b.number).where(_b.dag_id == dag_id),
        )
        with self._writer.transaction() as tx:
            active = tx.execute(select(_d.active).where(_d.dag_id == dag_id).with_for_update()).scalar()
            if active or any(tx.execute(query.limit(1)).first() for query in rest):
                return False
            tags = _tags(tx, dag_id)
            specs = list(tx.execute(select(_v.spec).where(_v.dag_id == dag_id).distinct()).scalars())
            tx.execute(delete(tables.dag_version).where(_v.dag_id == dag_id))
            used = select(_v.spec).where(_v.spec.in_(specs))
            tx.execute(delete(tables.dag_spec).where(_s.spec.in_(specs), _s.spec.not_in(used)))
            tx.execute(delete(state_tables.kept_state).where(state_tables.kept_state.c.dag_id == dag_id))
            tx.execute(delete(tables.quarantine).where(_q.dag_id == dag_id))
            tx.execute(delete(tables.dag).where(_d.dag_id == dag_id))
            tx.add_deltas([DagDeleted(dag_id, tags)], now)
        return True


def _tags(tx: Transaction, dag_id: str) -> tuple[str, ...]:
    found: Any = tx.execute(TAGGED.where(_d.dag_id == dag_id)).one_or_none()
    return () if found is None else tags_of(found[1])


def _live(dag_id: str) -> Select[Any]:
    unfinished: ColumnElement[bool] = _r.state.in_([state for state in RunState if not state.finished])
    return select(_r.run_id).where(_r.dag_id == dag_id, or_(unfinished, _r.run.in_(_OPEN))).order_by(_r.run)
