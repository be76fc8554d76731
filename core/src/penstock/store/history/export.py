"""What is stored of the past, page by page: each page begins behind the key of the last row of the page before."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, select, tuple_

from penstock.model.assets.event import AssetEvent
from penstock.model.history.audit import AuditEntry
from penstock.model.run import Run, TaskInstance, Try
from penstock.store.runs import PastTry
from penstock.store.sql import tables
from penstock.store.sql.access.audit_table import audit
from penstock.store.sql.assets import asset_tables
from penstock.store.sql.database import Database

Row = TypeVar("Row")
_r, _t, _a, _l, _e = (
    table.c for table in (tables.run, tables.task_instance, tables.attempt, audit, asset_tables.asset_event)
)
_OF_RUNS: BindParameter[Any] = bindparam("runs", expanding=True)
RUNS = select(*tables.columns(tables.run, Run)).order_by(_r.run)
TASKS = (
    select(*tables.columns(tables.task_instance, TaskInstance))
    .where(_t.run.in_(_OF_RUNS))
    .order_by(_t.run, _t.task_id, _t.map_index)
)
TRIES = (
    select(*tables.columns(tables.attempt, Try), _a.late_outcome, _a.late_at)
    .where(_a.run.in_(_OF_RUNS))
    .order_by(_a.run, _a.task_id, _a.map_index, _a.epoch)
)
AUDIT = select(*tables.columns(audit, AuditEntry)).order_by(_l.number)
EVENTS = select(*tables.columns(asset_tables.asset_event, AssetEvent)).order_by(_e.number)


class Span(msgspec.Struct, frozen=True):
    """Which rows are wanted.

    Attributes:
        dag_id: Only of this DAG; "" for all.
        since: Only what was stored at this instant or later: of task instances and tries, the run.
        until: Only what was stored before.
    """

    dag_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Export:
    """Reads all there is, in pages of a size. Every method raises StoreError if the database cannot serve.

    Each page is a view of its own: what is stored or deleted meanwhile may be in it or not, and no row comes twice.

    Args:
        database: The database.
        page: Rows that are read at once.
    """

    def __init__(self, database: Database, page: int = 1000) -> None:
        self._database, self._page = database, page

    def runs(self, span: Span) -> Iterator[list[Run]]:
        """Runs, oldest first."""
        for rows in self._numbered(RUNS, _r.run, _r.dag_id, _r.created_at, span):
            yield [Run(*row) for row in rows]

    def audit(self, span: Span) -> Iterator[list[AuditEntry]]:
        """What people have asked for, oldest first."""
        for rows in self._numbered(AUDIT, _l.number, _l.dag_id, _l.at, span):
            yield [AuditEntry(*row) for row in rows]

    def asset_events(self, span: Span) -> Iterator[list[AssetEvent]]:
        """Events of assets, oldest first; of a DAG, those that its tasks have made."""
        names = AssetEvent.__struct_fields__
        for rows in self._numbered(EVENTS, _e.number, _e.dag_id, _e.at, span):
            yield [AssetEvent(**dict(zip(names, row, strict=True))) for row in rows]

    def tasks(self, runs: Sequence[Run]) -> Iterator[list[TaskInstance]]:
        """Task instances of some runs, by run, task id and index."""
        for rows in self._of_runs(TASKS, (_t.run, _t.task_id, _t.map_index), runs):
            yield [TaskInstance(*row) for row in rows]

    def tries(self, runs: Sequence[Run]) -> Iterator[list[PastTry]]:
        """Tries of some runs, by run, task id, index and epoch."""
        for rows in self._of_runs(TRIES, (_a.run, _a.task_id, _a.map_index, _a.epoch), runs):
            yield [PastTry(Try(*row[:-2]), *row[-2:]) for row in rows]

    def _numbered(
        self,
        query: Select[Any],
        number: ColumnElement[int],
        dag_id: ColumnElement[str],
        at: ColumnElement[datetime],
        span: Span,
    ) -> Iterator[Sequence[Any]]:
        query = query.where(number > bindparam("after")).limit(self._page)
        if span.dag_id:
            query = query.where(dag_id == span.dag_id)
        if span.since is not None:
            query = query.where(at >= span.since)
        if span.until is not None:
            query = query.where(at < span.until)
        place = [column.name for column in query.selected_columns].index(number.name)
        after = 0
        while rows := self._read(query, {"after": after}):
            yield rows
            after = rows[-1][place]

    def _of_runs(
        self, query: Select[Any], key: Sequence[ColumnElement[Any]], runs: Sequence[Run]
    ) -> Iterator[Sequence[Any]]:
        query, left = query.limit(self._page), [run.run for run in runs]
        after: tuple[Any, ...] = ()
        positions = [[column.name for column in query.selected_columns].index(each.name) for each in key]
        while left and (rows := self._read(query.where(tuple_(*key) > after) if after else query, {"runs": left})):
            yield rows
            after = tuple(rows[-1][position] for position in positions)
            left = [run for run in left if run >= after[0]]

    def _read(self, query: Select[Any], given: dict[str, Any]) -> Sequence[Any]:
        with self._database.read() as connection:
            return connection.execute(query, given).all()
