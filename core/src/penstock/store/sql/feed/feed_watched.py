"""Whether the change feed is written: only while somebody looks on, and then by all, so that nobody misses what came between.

What switches it on gives the feed a new name, by which whoever followed it earlier learns to begin anew. So no clock decides whether
something is missed, only whether rows are written in vain.

In SQLite one writes at a time, and each looks within its transaction. In PostgreSQL a scheduler reads the word in the row that it
locks first in each transaction; to change that row waits for the transaction that is under way. What has no lease writes always.
"""

from collections.abc import Sequence
from datetime import datetime
from sqlite3 import Error
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError

from penstock.store.sql.column_types import Instant
from penstock.store.sql.database import Database
from penstock.store.sql.feed import feed_tables

JOIN_LOCK = 0x50656E73_00000001
"""Of PostgreSQL: who has it adds a scheduler, or switches for all of them."""

_f = feed_tables.feed_floor.c
FEED_WATCHED = func.coalesce(select(_f.watched).scalar_subquery(), False)
"""What a scheduler that joins is told."""

_UNTIL = bindparam("until", type_=Instant)
_GO_ON = text("UPDATE feed_floor SET watched_until = :until WHERE watched").bindparams(_UNTIL)
_NAMES = {
    "sqlite": "lower(hex(randomblob(8)))",
    "postgresql": "substr(md5(random()::text || clock_timestamp()::text), 1, 16)",
}
_ON = {
    dialect: text(
        "INSERT INTO feed_floor (feed, database, xid, number, watched, watched_until) "
        f"VALUES (1, {name}, 0, 0, true, :until) ON CONFLICT (feed) DO UPDATE SET "
        "database = excluded.database, watched = true, watched_until = excluded.watched_until"
    ).bindparams(_UNTIL)
    for dialect, name in _NAMES.items()
}
_ASK = "SELECT watched_until FROM feed_floor WHERE watched"
_OFF = "UPDATE feed_floor SET watched = false"
_OVER = "SELECT 1 FROM feed_floor WHERE NOT watched OR watched_until < clock_timestamp()"
_UNSET = text("SELECT number FROM scheduler WHERE NOT watched AND fenced_at IS NULL")
_SET = text("UPDATE scheduler SET watched = true WHERE number = :number")
# Whoever is within a transaction is passed over, and told by the next one that looks: to wait for two of them could be a deadlock.
_FORGET = (
    "UPDATE scheduler SET watched = false "
    "WHERE NOT (SELECT watched FROM feed_floor) "
    "AND number IN (SELECT number FROM scheduler WHERE watched FOR NO KEY UPDATE SKIP LOCKED)"
)


def watch(database: Database, until: datetime) -> None:
    """Have the feed written until an instant at least; all that is committed once this has returned is told.

    Raises:
        StoreError: The database cannot serve, or a scheduler does not end its transaction.
    """
    with database.write() as connection:
        if connection.execute(_GO_ON, {"until": until}).rowcount:
            return
        if database.sqlite:
            connection.execute(_ON["sqlite"], {"until": until})
            return
    with database.write() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({JOIN_LOCK})")
        if connection.execute(_GO_ON, {"until": until}).rowcount:
            return
        with database.read() as other:
            numbers = other.execute(_UNSET).scalars().all()
        for number in numbers:
            with database.write() as other:
                other.execute(_SET, {"number": number})
        connection.execute(_ON["postgresql"], {"until": until})


def unwatch(database: Database) -> None:
    """Have schedulers write no more rows if nobody has looked on for some time (PostgreSQL); raises StoreError."""
    with database.read() as connection:
        if connection.exec_driver_sql(_OVER).first() is None:
            return
    with database.write() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({JOIN_LOCK})")
        connection.exec_driver_sql(f"{_OFF} WHERE watched AND watched_until < clock_timestamp()")
        connection.exec_driver_sql(_FORGET)


def watched(connection: Connection, micros: int) -> bool:
    """Whether a transaction of SQLite is to tell what it changes; who finds that nobody has looked on for some time ends it.

    Args:
        connection: Within the transaction.
        micros: The present, as SQLite has it.
    """
    found = at_driver(connection, _ASK).fetchone()
    if found is None:
        return False
    if found[0] >= micros:
        return True
    connection.exec_driver_sql(_OFF)
    return False


def at_driver(connection: Connection, sql: str, given: Sequence[object] = ()) -> Any:  # noqa: ANN401 - a cursor of the driver
    """Carry out a statement of each turn of a scheduler by SQLite's driver: SQLAlchemy's own work would be most of its cost."""
    try:
        return connection.connection.driver_connection.execute(sql, given)  # type: ignore[union-attr]
    except Error as error:
        raise DBAPIError.instance(sql, None, error, Error) from error
