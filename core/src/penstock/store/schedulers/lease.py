"""A scheduler's row in PostgreSQL: its lease, and the fencing token that each of its transactions shows.

The row's number is the token: each process that joins has one of its own, higher than all before. The lease is compared with the clock
of the database, and for how long it has not changed with the clock of who watches it, which nobody sets. Whoever takes over *fences* the
row; that waits for what its owner has under way, so its sessions are ended first: a process that is stopped within a transaction would
hold up everybody.

That a lock may be lost while its holder believes in it, and that what it guards must check a token: M. Kleppmann, "How to do
distributed locking", 2016.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import BigInteger, Connection, Float, bindparam, func, insert, select, text

from penstock.errors import StoreError, StoreFencedError
from penstock.store.schedulers.holder import Holder, alive
from penstock.store.schedulers.lease_watch import LeaseWatch, SeenLease
from penstock.store.sql import wakeup
from penstock.store.sql.column_types import Instant
from penstock.store.sql.database import Database
from penstock.store.sql.feed.feed_watched import FEED_WATCHED, JOIN_LOCK, unwatch
from penstock.store.sql.pipeline import Proof
from penstock.store.sql.scheduler_tables import scheduler
from penstock.store.sql.tables import columns, dag

SHARES_LOCK = 0x50656E73_00000004
_s = scheduler.c
_HOLDER = columns(scheduler, Holder)
_NOW = func.clock_timestamp()
_UNFENCED = _s.fenced_at.is_(None)
_AFTER = text("SELECT clock_timestamp() + make_interval(secs => :seconds) AS until").columns(until=Instant)
_MINE = (_s.number == bindparam("me")) & (_s.incarnation == bindparam("incarnation")) & _UNFENCED
_CONFIRM = select(_s.number, _s.watched).where(_MINE).with_for_update(read=True)
_RENEW = text(
    "UPDATE scheduler SET expires_at = clock_timestamp() + make_interval(secs => :seconds) "
    "WHERE number = :me AND incarnation = :incarnation AND fenced_at IS NULL"
)
_DRAIN = text(
    "UPDATE scheduler SET draining_since = :now WHERE number = :me AND incarnation = :incarnation AND fenced_at IS NULL"
)
_LEASES = text(
    "SELECT number, expires_at AS until, extract(epoch FROM expires_at - clock_timestamp()) + 0 AS left_s FROM scheduler "
    "WHERE fenced_at IS NULL AND number <> :me ORDER BY number"
).columns(number=BigInteger, until=Instant, left_s=Float)
_FENCE = text(
    "UPDATE scheduler SET fenced_at = clock_timestamp() "
    "WHERE number = :number AND fenced_at IS NULL AND (expires_at = :until OR :dead)"
).bindparams(bindparam("until", type_=Instant))
_END_SESSIONS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = :name AND pid <> pg_backend_pid()"
)
_OWNED = select(func.count()).where(dag.c.owner == _s.number).scalar_subquery()
_WORKS = select(*_HOLDER, _OWNED).where(_UNFENCED, _s.expires_at >= _NOW).order_by(_s.number)
_OTHERS = text(
    "SELECT max(extract(epoch FROM fenced_at - clock_timestamp()) + runs_on_s), max(fenced_at) > clock_timestamp() "
    "FROM scheduler WHERE fenced_at IS NOT NULL AND place <> :place"
)
# The clock was set back since: from here on it counts as before.
_FENCED_NOW = text("UPDATE scheduler SET fenced_at = clock_timestamp() WHERE fenced_at > clock_timestamp()")
_FORGET = text(
    "DELETE FROM scheduler WHERE fenced_at IS NOT NULL AND "
    "(place = :place OR fenced_at + make_interval(secs => runs_on_s) < clock_timestamp())"
)
_INHERIT = tuple(
    text(sql)
    for sql in (
        "UPDATE dag SET owner = :me, handover_until = NULL WHERE owner = :dead",
        """
        INSERT INTO share (limited, scheduler, amount, needed, largest, served_at)
        SELECT limited, :me, amount, 0, 0, served_at FROM share WHERE scheduler = :dead
        ON CONFLICT (limited, scheduler) DO UPDATE SET amount = share.amount + excluded.amount
        """,
        "DELETE FROM share WHERE scheduler = :dead",
    )
)
_GIVE_UP = (
    text("UPDATE dag SET owner = NULL, handover_until = NULL WHERE owner = :me"),
    text("DELETE FROM share WHERE scheduler = :me"),
)
_EXPIRE = text(
    "UPDATE scheduler SET expires_at = clock_timestamp(), runs_on_s = 0 "
    "WHERE number = :me AND incarnation = :incarnation AND fenced_at IS NULL"
)
_LEAVE = text("DELETE FROM scheduler WHERE number = :me AND incarnation = :incarnation AND fenced_at IS NULL")


class SchedulerLease:
    """The row of this process.

    Args:
        database: The database.
        me: Who joins.
        lease_s: Seconds for which the row is good after each renewal.
        runs_on_s: Seconds after its last renewal within which its tries have ended for certain.

    Attributes:
        number: The token.
        watched: Whether the change feed was written for somebody, as its last transaction has seen.

    Raises:
        StoreHeldError: A scheduler that lives has the same place.
        StoreError: The database cannot serve.
    """

    def __init__(self, database: Database, me: Holder, lease_s: float, runs_on_s: float) -> None:
        self._database, self._me, self._lease_s = database, me, lease_s
        self._watch = LeaseWatch(lease_s)
        # A number may be given twice by a server that took over without the last commits of the one before it.
        incarnation = uuid4().hex
        with database.write() as connection:
            # Numbers must become visible in their order: two that do not see each other would both be the first.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({JOIN_LOCK})")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SHARES_LOCK})")
            earlier = _end_earlier(connection, me, database.name)
            row = {name: getattr(me, name) for name in Holder.__struct_fields__}
            until = connection.execute(_AFTER, {"seconds": lease_s}).scalar_one()
            made = (
                insert(scheduler)
                .values(**row, watched=FEED_WATCHED, incarnation=incarnation, expires_at=until, runs_on_s=runs_on_s)
                .returning(_s.number)
            )
            self.number: int = connection.execute(made).scalar_one()
            for number in earlier:
                _inherit(connection, number, self.number)
        self._token = {"me": self.number, "incarnation": incarnation}
        self.watched = False
        self._proof = str(_CONFIRM.compile(database.engine))
        database.sign(session_name(self.number))

    def renew(self) -> None:
        """Renew the lease; raises StoreFencedError if another scheduler has taken over."""
        with self._database.write() as connection:
            if not connection.execute(_RENEW, {**self._token, "seconds": self._lease_s}).rowcount:
                raise self._fenced()
        if self.watched:
            unwatch(self._database)

    def drain(self, now: datetime) -> None:
        """Say that this one drains, so that the others take its DAGs; raises StoreFencedError if another one has taken over."""
        with self._database.write() as connection:
            if not connection.execute(_DRAIN, {**self._token, "now": now}).rowcount:
                raise self._fenced()
            wakeup.send_at_commit(connection, wakeup.SCHEDULER)

    def take_over(self, now_s: float = 0.0) -> bool:
        """Fence every scheduler whose lease has ended, and inherit its DAGs and its shares; returns whether there was one.

        Args:
            now_s: The monotonic instant.

        Raises:
            StoreError: The database cannot serve, or a session of another one cannot be ended.
        """
        with self._database.read() as connection:
            leases = [SeenLease(*row) for row in connection.execute(_LEASES, {"me": self.number})]
        ended = self._watch.ended(leases, now_s)
        if not ended:
            return False
        with self._database.write() as connection:
            self.confirm(connection)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SHARES_LOCK})")
            fenced = [each.number for each in ended if _fence(connection, each.number, each.until)]
            for number in fenced:
                _inherit(connection, number, self.number)
            return bool(fenced)

    def others_s(self) -> float:
        """Seconds until all tries of fenced schedulers of other places have ended; less than 0 if they have, 0 if there are none."""
        with self._database.read() as connection:
            left, set_back = connection.execute(_OTHERS, {"place": self._me.place}).one()
        if set_back:
            with self._database.write() as connection:
                connection.execute(_FENCED_NOW)
                left, _ = connection.execute(_OTHERS, {"place": self._me.place}).one()
        return 0.0 if left is None else float(left)

    def forget_others(self) -> None:
        """Forget the schedulers of which nothing can live any more; raises StoreFencedError if this one is fenced."""
        with self._database.write() as connection:
            self.confirm(connection)
            connection.execute(_FORGET, {"place": self._me.place})

    def confirm(self, connection: Connection) -> None:
        """Check within a transaction that nobody has fenced this scheduler, and let nobody do it before the end."""
        self._judge(connection.execute(_CONFIRM, self._token).first())

    @property
    def proof(self) -> Proof:
        """The same for a pipeline."""
        return Proof(self._proof, self._token, self._judge)

    def _judge(self, found: Sequence[Any] | None) -> None:
        if found is None:
            raise self._fenced()
        self.watched = bool(found[1])

    def release(self) -> None:
        """Leave, its tries having ended: the others take its DAGs at once; raises StoreError if the database cannot serve."""
        left_s = self.others_s()
        with self._database.write() as connection:
            if left_s > 0:
                # Tries that it took over from a lost machine may run on, and what they hold of limits has to stay with their
                # DAGs: so it is inherited by whoever fences this one, instead of being given up.
                connection.execute(_EXPIRE, self._token)
            elif connection.execute(_LEAVE, self._token).rowcount:
                for statement in _GIVE_UP:
                    connection.execute(statement, {"me": self.number})
            wakeup.send_at_commit(connection, wakeup.SCHEDULER)

    def _fenced(self) -> StoreError:
        return StoreFencedError(
            f"database {self._database.name}: another scheduler has taken over from scheduler {self.number}, which was not heard "
            f"for {self._lease_s:g} s. It ends, its tries with it, and writes nothing any more."
        )


def session_name(number: int) -> str:
    """What the server calls the sessions of a scheduler."""
    return f"penstock scheduler {number}"


def workers_of(database: Database) -> list[tuple[Holder, int]]:
    """The schedulers whose leases have not ended, in the order in which they joined, and how many DAGs each owns."""
    with database.read() as connection:
        return [(Holder(*row), owned) for *row, owned in connection.execute(_WORKS)]


def _end_earlier(connection: Connection, me: Holder, name: str) -> list[int]:
    """Fence those of this very place: their processes are gone, and the executor's lock says what is left of their tries."""
    rows: Sequence[Any] = connection.execute(
        select(_s.number, _s.expires_at < _NOW, *_HOLDER).where(_UNFENCED, _s.place == me.place)
    ).all()
    for _, expired, *holder in rows:
        found = Holder(*holder)
        if not expired and alive(found.pid):
            raise found.refusal(name, "Stop that one first, or give this one a state folder of its own.")
    return [number for number, *_ in rows if _fence(connection, number)]


def _fence(connection: Connection, number: int, until: datetime | None = None) -> bool:
    """Fence one if its lease is still that which ends then; without an instant in any case."""
    connection.execute(_END_SESSIONS, {"name": session_name(number)})
    return bool(connection.execute(_FENCE, {"number": number, "until": until, "dead": until is None}).rowcount)


def _inherit(connection: Connection, dead: int, me: int) -> None:
    """Take over all that a fenced scheduler had: what its tries hold of a limit goes with their DAGs."""
    for statement in _INHERIT:
        connection.execute(statement, {"dead": dead, "me": me})
