"""Backfills: their rows, the dates that have had their turn, and the runs that there are of a date."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import bindparam, delete, func, select, text

from penstock.decoders import json_decoder
from penstock.errors import DataUnreadableError, RequestError
from penstock.model.backfills.backfill import Backfill, BackfillAction, BackfillItem, BackfillSpec, BackfillState
from penstock.model.feed.delta import BackfillDeleted
from penstock.model.history.audit import AuditEntry
from penstock.model.history.past_run import PastRun
from penstock.model.request import BackfillRequested
from penstock.model.run import Run
from penstock.model.state import RunState
from penstock.store.history.past_runs import last_due, run_before
from penstock.store.runs import UnreadableRun
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.sql.feed.feed_writes import of_backfill
from penstock.store.transaction import Writer

_b, _i, _r = tables.backfill.c, tables.backfill_item.c, tables.run.c
_ROW = [_b.number, _b.spec, *tables.columns(tables.backfill, Backfill)[2:]]
_FINAL = [state for state in BackfillState if state.final]
_LIVE = select(_b.number, _b.dag_id).where(_b.state.not_in(_FINAL)).order_by(_b.number)
_LIVE_OF = _LIVE.where(_b.dag_id == bindparam("of"))
_ONE = select(*_ROW).where(_b.number == bindparam("of"))
_decode = json_decoder(BackfillSpec).decode
_NEW = ("dag_id", "spec", "state", "created_at")
# Text, for the reason of `penstock.store.transaction.INSERT_RUN`.
_INSERT = (
    text(
        f"INSERT INTO backfill ({', '.join(_NEW)}) VALUES ({', '.join(f':{name}' for name in _NEW)}) "
        "ON CONFLICT DO NOTHING RETURNING number"
    )
    .bindparams(*(bindparam(name, type_=tables.backfill.c[name].type) for name in _NEW))
    .columns(_b.number)
)


class UnreadableBackfill(msgspec.Struct, frozen=True):
    """A backfill whose row cannot be read."""

    dag_id: str
    fault: str


class Backfills:
    """Reads backfills, and keeps new ones. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def live(self, dag_id: str = "") -> list[Backfill | UnreadableBackfill]:
        """Those that are not final, of a DAG or of all, oldest first."""
        query, given = (_LIVE_OF, {"of": dag_id}) if dag_id else (_LIVE, {})
        with self._database.read() as connection:
            found = connection.execute(query, given).all()
        return [self._readable(number, dag_id) for number, dag_id in found]

    def get(self, number: int) -> Backfill | None:
        """The backfill of this number; None if there is none. Raises DataUnreadableError."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"of": number}).one_or_none()
        return None if row is None else _backfill(row)

    def page(
        self,
        *,
        dag_id: str = "",
        dag_ids: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Backfill]:
        """A page of backfills, newest first.

        Args:
            dag_id: Only of this DAG; "" for all.
            dag_ids: Only of these DAGs; None for all.
            before: Only those with a smaller number; None for the first page.
            limit: Length of the page.
        """
        query = select(*_ROW).order_by(_b.number.desc()).limit(limit)
        if dag_id:
            query = query.where(_b.dag_id == dag_id)
        if dag_ids is not None:
            query = query.where(_b.dag_id.in_(dag_ids))
        if before is not None:
            query = query.where(_b.number < before)
        with self._database.read() as connection:
            return [_backfill(row) for row in connection.execute(query)]

    def add(self, spec: BackfillSpec, audit: AuditEntry) -> tuple[Backfill, int]:
        """Keep a new backfill and ask the scheduler to begin it; returns it with the number of who asks in the audit.

        Raises:
            RequestError: Another backfill of the DAG is not final.
        """
        given = {"dag_id": spec.dag_id, "spec": msgspec.json.encode(spec), "created_at": audit.at}
        with self._writer.transaction() as tx:
            # The index of live backfills is the lock: of two that are made at once the second finds the first.
            added = tx.execute(_INSERT, {**given, "state": BackfillState.RUNNING}).scalar()
            if added is None:
                raise RequestError(
                    f"DAG {spec.dag_id!r} has a backfill that has not ended. "
                    f"See `penstock backfills list {spec.dag_id}`; wait for it, or cancel it."
                )
            asked = tx.audit(replace(audit, subject=f"backfill {added}: {audit.subject}"))
            tx.submit([BackfillRequested(added)], audit.at, asked)
            made = Backfill(added, spec, BackfillState.RUNNING, audit.at)
            tx.add_deltas([of_backfill(made)], audit.at)
        return made, asked

    def newest_run(self, dag_id: str, at: datetime) -> Run | UnreadableRun | None:
        """The newest run of a logical date that was not skipped when it fell due; None if there is none."""
        query = (
            select(_r.run)
            .where(_r.dag_id == dag_id, _r.logical_date == at, _r.state != RunState.SKIPPED)
            .order_by(_r.run.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            number = connection.execute(query).scalar()
            if number is None:
                return None
            try:
                return Run(*connection.execute(select(*tables.columns(tables.run, Run)).where(_r.run == number)).one())
            except DataUnreadableError as error:
                return UnreadableRun(number, str(error))

    def run_before(self, dag_id: str, at: datetime) -> PastRun | None:
        """The run of the last logical date before an instant that was not skipped; None if there is none."""
        return run_before(self._database, dag_id, at)

    def last_due(self, dag_id: str, at: datetime) -> datetime | None:
        """When the last run of the schedule fell due that did so until an instant; None if there is none."""
        return last_due(self._database, dag_id, at)

    def newest_runs(self, dag_id: str, since: datetime, until: datetime) -> dict[datetime, Run]:
        """As `newest_run`, of all logical dates of a span, both ends included."""
        query = (
            select(*tables.columns(tables.run, Run))
            .where(_r.dag_id == dag_id, _r.logical_date.between(since, until), _r.state != RunState.SKIPPED)
            .order_by(_r.logical_date, _r.run)
        )
        with self._database.read() as connection:
            found = [Run(*row) for row in connection.execute(query)]
        return {run.logical_date: run for run in found if run.logical_date is not None}

    def progress(self, numbers: Iterable[int]) -> dict[int, dict[str, int]]:
        """How many dates of backfills have come to what, by number: the state of the run, ``deleted``, or ``left out``."""
        joined = (_r.run_id == _i.run_id) & (_r.dag_id == _b.dag_id)
        query = (
            select(_i.backfill, _i.action, _r.state, func.count())
            .select_from(tables.backfill_item)
            .join(tables.backfill, _b.number == _i.backfill)
            .outerjoin(tables.run, joined)
            .where(_i.backfill.in_(list(numbers)))
            .group_by(_i.backfill, _i.action, _r.state)
        )
        found: dict[int, dict[str, int]] = {}
        with self._database.read() as connection:
            for number, action, state, count in connection.execute(query):
                word = "left out" if action is BackfillAction.SKIP else "deleted" if state is None else state.value
                counts = found.setdefault(number, {})
                counts[word] = counts.get(word, 0) + count
        return found

    def items(self, number: int, after: int = 0, limit: int = 50) -> list[tuple[BackfillItem, RunState | None]]:
        """Dates that have had their turn, in the backfill's order, with the state that the run has now; None if it was deleted."""
        joined = (_r.run_id == _i.run_id) & (_r.dag_id == _b.dag_id)
        query = (
            select(*tables.columns(tables.backfill_item, BackfillItem), _r.state)
            .join_from(tables.backfill_item, tables.backfill, _b.number == _i.backfill)
            .outerjoin(tables.run, joined)
            .where(_i.backfill == number, _i.ordinal > after)
            .order_by(_i.ordinal)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(BackfillItem(*row[:-1]), row[-1]) for row in connection.execute(query)]

    def delete_before(self, before: datetime, now: datetime, limit: int) -> int:
        """Delete some that ended before an instant, with their dates; their runs stay. Returns how many."""
        old = select(_b.number).where(_b.state.in_(_FINAL), _b.ended_at < before).limit(limit)
        with self._writer.transaction() as tx:
            gone = delete(tables.backfill).where(_b.number.in_(old))
            rows: Iterable[Any] = tx.execute(gone.returning(_b.number, _b.dag_id))
            deleted = [BackfillDeleted(number, dag_id) for number, dag_id in rows]
            tx.add_deltas(deleted, now)
            return len(deleted)

    def _readable(self, number: int, dag_id: str) -> Backfill | UnreadableBackfill:
        try:
            found = self.get(number)
        except DataUnreadableError as error:
            return UnreadableBackfill(dag_id, str(error))
        return found or UnreadableBackfill(dag_id, f"backfill {number} was deleted")


def _backfill(row: Sequence[Any]) -> Backfill:
    number, spec = row[:2]
    try:
        return Backfill(number, _decode(spec), *row[2:])
    except (msgspec.MsgspecError, RecursionError, TypeError) as error:
        raise DataUnreadableError(f"backfill {number}: {spec!r:.200} is none: {error}") from None
