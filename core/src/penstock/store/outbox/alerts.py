"""Alerts that wait for their channels, and the deliveries in which they travel."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BindParameter, bindparam, delete, func, select, update

from penstock.model.state import DeliveryState
from penstock.store.outbox.outbox import DELETE_ACKNOWLEDGED
from penstock.store.sql import tables, wakeup
from penstock.store.sql.column_types import storable
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer

ALERTS = "penstock.alerts"
"""Name of the row that notes which notices have become alerts; no provider can have it."""

KEPT = 10_000
"""Alerts that wait for one channel at most: a channel that nobody mends must not fill the disk."""

_a, _d, _l, _t = tables.alert.c, tables.alert_delivery.c, tables.listener.c, tables.trouble.c

_FROM: BindParameter[int] = bindparam("from")
ADVANCE = (
    update(tables.listener).where(_l.provider == ALERTS, _l.acknowledged == _FROM).values(acknowledged=bindparam("to"))
)
WAITING = (
    select(_a.channel, func.count().label("alerts"), func.min(_a.at).label("since")).where(_a.delivery.is_(None)).group_by(_a.channel)
)  # fmt: skip
OF_CHANNEL = select(_a.number, _a.key).where(_a.delivery.is_(None), _a.channel == bindparam("of")).order_by(_a.number)
BIND = (
    update(tables.alert).where(_a.number == bindparam("which"), _a.delivery.is_(None)).values(delivery=bindparam("to"))
)
BODIES = select(_a.body).where(_a.delivery == bindparam("of")).order_by(_a.number)
CLAIM = (
    update(tables.alert_delivery)
    .where(_d.number == bindparam("which"), _d.attempts == bindparam("seen"), _d.state == DeliveryState.WAITING)
    .values(attempts=_d.attempts + 1, due_at=bindparam("until"))
)
END_ATTEMPT = (
    update(tables.alert_delivery)
    .where(_d.number == bindparam("which"))
    .values(state=bindparam("now"), failure=bindparam("why"), due_at=bindparam("due"))
)


class NewAlert(msgspec.Struct, frozen=True):
    """An alert for one channel.

    Attributes:
        key: Its name: a channel gets no second alert of this key.
        body: What it says, as JSON.
    """

    channel: str
    key: str
    at: datetime
    body: str


class AlertDelivery(msgspec.Struct, frozen=True):
    """One message to one channel, with one alert in it or a digest of many.

    Attributes:
        key: Its name, the same at each attempt.
        due_at: The next attempt; while one is made, the end of its time.
        failure: What went wrong at the last attempt, as a sentence.
    """

    number: int
    channel: str
    key: str
    state: DeliveryState
    made_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: int = 0
    failure: str = ""


class WaitingAlerts(NamedTuple):
    """How many alerts of a channel are in no delivery yet, and since when."""

    channel: str
    alerts: int
    since: datetime


_COLUMNS = tables.columns(tables.alert_delivery, AlertDelivery)


class Alerts:
    """Keeps alerts until they are delivered. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def keep(
        self,
        alerts: Iterable[NewAlert],
        *,
        moved: tuple[int, int] | None = None,
        began: Collection[tuple[str, datetime]] = (),
        ended: Collection[str] = (),
    ) -> bool:
        """Keep alerts that are new, together with what they were made of.

        Args:
            alerts: The alerts; one whose channel had one of the same key is passed over.
            moved: Numbers of the notice up to which alerts had been made, and up to which they are now.
            began: What is wrong from now on, with the instant since when.
            ended: What is wrong no more.

        Returns:
            False if another process made alerts of these notices; then nothing was written.
        """
        with self._writer.transaction() as tx:
            if moved is not None and not tx.execute(ADVANCE, {"from": moved[0], "to": moved[1]}).rowcount:
                return False
            rows = [_row(each) for each in _with_room(tx, list(alerts))]
            tx.insert_absent(tables.alert, rows)
            if rows:
                tx.wake(wakeup.NOTICES)
            tx.insert_absent(tables.trouble, [{"key": key, "at": at} for key, at in began])
            if ended:
                tx.execute(delete(tables.trouble).where(_t.key.in_(ended)))
            if moved is not None:
                tx.execute(DELETE_ACKNOWLEDGED)
        return True

    def troubles(self, keys: Collection[str] | None = None) -> dict[str, datetime]:
        """What is noted as wrong, by key with the instant since when; only those asked for."""
        query = select(_t.key, _t.at)
        if keys is not None:
            query = query.where(_t.key.in_(keys))
        with self._database.read() as connection:
            return {row.key: row.at for row in connection.execute(query)}

    def waiting(self) -> list[WaitingAlerts]:
        """The channels for which alerts wait that are in no delivery."""
        with self._database.read() as connection:
            return [WaitingAlerts(*row) for row in connection.execute(WAITING)]

    def bundle(self, channel: str, now: datetime, expires_at: datetime, *, singly: int | None) -> None:
        """Put the alerts that wait for a channel into deliveries.

        Args:
            channel: The channel.
            now: When it happens.
            expires_at: When the deliveries are given up.
            singly: Up to so many alerts get a delivery each, more become one digest; None for one each in any case.
        """
        with self._writer.transaction() as tx:
            rows = tx.execute(OF_CHANNEL, {"of": channel}).all()
            one_each = [(row.key, [row.number]) for row in rows]
            if singly is not None and len(rows) > singly:
                one_each = [(f"digest:{rows[0].number}-{rows[-1].number}", [row.number for row in rows])]
            for key, numbers in one_each:
                given = {
                    "channel": channel, "key": key, "state": DeliveryState.WAITING, "made_at": now, "due_at": now,
                    "expires_at": expires_at,
                }  # fmt: skip
                made = tx.execute(tables.alert_delivery.insert().values(given)).inserted_primary_key
                bound = {"to": made[0] if made is not None else None}
                tx.execute_many(BIND, [{**bound, "which": number} for number in numbers])

    def open(self) -> list[AlertDelivery]:
        """Every delivery that is neither made nor given up, oldest first."""
        return self._deliveries(DeliveryState.WAITING, limit=None)

    def given_up(self, limit: int = 20) -> list[AlertDelivery]:
        """The newest deliveries that were refused or have expired."""
        found = [*self._deliveries(DeliveryState.REFUSED, limit), *self._deliveries(DeliveryState.EXPIRED, limit)]
        return sorted(found, key=lambda each: each.number, reverse=True)[:limit]

    def bodies(self, delivery: int) -> list[str]:
        """What the alerts of a delivery say, as JSON, in the order in which they came."""
        with self._database.read() as connection:
            return list(connection.execute(BODIES, {"of": delivery}).scalars())

    def claim(self, delivery: AlertDelivery, until: datetime) -> bool:
        """Begin an attempt, which counts from now on whatever becomes of this process.

        Args:
            delivery: The delivery as it was read.
            until: When another attempt may begin if nothing is recorded of this one.

        Returns:
            False if another process has begun one.
        """
        with self._writer.transaction() as tx:
            given = {"which": delivery.number, "seen": delivery.attempts, "until": until}
            return tx.execute(CLAIM, given).rowcount > 0

    def end_attempt(self, number: int, state: DeliveryState, due_at: datetime, failure: str = "") -> None:
        """Record how an attempt ended; WAITING for another one at ``due_at``."""
        with self._writer.transaction() as tx:
            tx.execute(END_ATTEMPT, {"which": number, "now": state, "due": due_at, "why": failure[:10_000]})

    def delete_before(self, before: datetime) -> int:
        """Forget deliveries that ended and were made before an instant, and the keys of their alerts."""
        with self._writer.transaction() as tx:
            old = (_d.state != DeliveryState.WAITING, _d.made_at < before)
            return tx.execute(delete(tables.alert_delivery).where(*old)).rowcount

    def any_needed(self) -> bool:
        """Whether a DAG has alerts, or one waits, or a notice from which one may come."""
        queries = (
            select(tables.dag.c.dag_id).where(tables.dag.c.alerting, tables.dag.c.active),
            select(tables.notice.c.number),
            select(_a.number).where(_a.delivery.is_(None)),
            select(_d.number).where(_d.state == DeliveryState.WAITING),
        )
        with self._database.read() as connection:
            return any(connection.execute(query.limit(1)).first() is not None for query in queries)

    def alerting_versions(self) -> list[str]:
        """Present versions of the DAGs of which somebody is to be told, by DAG id."""
        query = (
            select(tables.dag.c.version).where(tables.dag.c.alerting, tables.dag.c.active).order_by(tables.dag.c.dag_id)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def _deliveries(self, state: DeliveryState, limit: int | None) -> list[AlertDelivery]:
        query = select(*_COLUMNS).where(_d.state == state).limit(limit)
        query = query.order_by(_d.number if limit is None else _d.number.desc())
        with self._database.read() as connection:
            return [AlertDelivery(*row) for row in connection.execute(query)]


def _with_room(tx: Transaction, alerts: Sequence[NewAlert]) -> list[NewAlert]:
    """Those of the alerts that their channels still have room for."""
    if not alerts:
        return []
    counts: dict[str, int] = {row.channel: row.alerts for row in tx.execute(WAITING)}
    room = {channel: KEPT - count for channel, count in counts.items()}
    kept = []
    for each in alerts:
        room[each.channel] = room.get(each.channel, KEPT) - 1
        if room[each.channel] >= 0:
            kept.append(each)
    return kept


def _row(alert: NewAlert) -> dict[str, Any]:
    return {"channel": alert.channel, "key": storable(alert.key), "at": alert.at, "body": storable(alert.body)}
