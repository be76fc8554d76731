"""Sessions of browsers, the links that let somebody in once, and how often somebody has failed to sign in."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, insert, or_, select, tuple_, update

from penstock.errors import NotFoundError
from penstock.model.access.user import LONGEST_LINK, Session
from penstock.model.history.audit import AuditEntry
from penstock.model.limits.clock_difference import MOST_DIFFERENCE
from penstock.store.sql.access.access_tables import login_link, login_throttle, user_session, users
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_s, _l, _f = user_session.c, login_link.c, login_throttle.c
_SESSION = (_s.session_id, _s.user_name, _s.source, _s.created_at, _s.seen_at, _s.idle_s, _s.expires_at)
BY_HASH = (
    select(*_SESSION)
    .join(users, users.c.name == _s.user_name)
    .where(_s.hash == bindparam("hash"), users.c.disabled.is_(False))
)
FAILURES = select(_f.failures, _f.failed_at).where(_f.key == bindparam("of"))
_A_MINUTE = timedelta(minutes=1)


def link_counts(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a link counts now: one that would for longer than any was made while the clock was ahead."""
    return _l.expires_at > now, _l.expires_at <= now + LONGEST_LINK + MOST_DIFFERENCE


class Sessions:
    """Reads and writes sessions and logins. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer, changed: Callable[[], None]) -> None:
        self._database, self._writer, self._changed = database, writer, changed

    def add(self, made: Session, digest: bytes, audit: AuditEntry) -> None:
        """Keep a session by the hash of its secret, and forget those that have ended; raises NotFoundError if there is no such user."""
        row = {
            name: getattr(made, name)
            for name in ("session_id", "source", "created_at", "seen_at", "idle_s", "expires_at")
        }
        with self._writer.transaction() as tx:
            if tx.execute(select(users.c.name).where(users.c.name == made.user)).first() is None:
                raise NotFoundError("user", made.user)
            tx.execute(delete(user_session).where(_s.expires_at <= made.created_at))
            tx.execute(insert(user_session).values(**row, user_name=made.user, hash=digest))
            tx.audit(audit)

    def seen(self, digest: bytes, now: datetime) -> Session | None:
        """The session of a secret's hash, if it counts now; notes once a minute that it was seen."""
        with self._database.read() as connection:
            row = connection.execute(BY_HASH, {"hash": digest}).one_or_none()
        found = None if row is None else Session(*row)
        if found is None or not found.counts(now):
            return None
        if found.seen_at + _A_MINUTE <= now:
            with self._writer.transaction() as tx:
                tx.execute(update(user_session).where(_s.session_id == found.session_id).values(seen_at=now))
        return found

    def page(self, user: str, *, after: tuple[datetime, str] | None = None, limit: int = 1_000) -> list[Session]:
        """A page of the sessions of a user, by age and id: those behind these of the last one of the page before."""
        query = select(*_SESSION).where(_s.user_name == user).order_by(_s.created_at, _s.session_id).limit(limit)
        if after is not None:
            query = query.where(tuple_(_s.created_at, _s.session_id) > after)
        with self._database.read() as connection:
            return [Session(*row) for row in connection.execute(query)]

    def remove(self, session_id: str, audit: AuditEntry, *, user: str = "") -> None:
        """End a session, of this user if one is named; raises NotFoundError."""
        with self._writer.transaction() as tx:
            statement = delete(user_session).where(_s.session_id == session_id)
            if not tx.execute(statement.where(_s.user_name == user) if user else statement).rowcount:
                raise NotFoundError("session", session_id)
            tx.audit(audit)
        self._changed()

    def end_all(self, user: str, audit: AuditEntry) -> None:
        """End the sessions of a user, if there are any."""
        with self._writer.transaction() as tx:
            if tx.execute(delete(user_session).where(_s.user_name == user)).rowcount:
                tx.audit(audit)
        self._changed()

    def sources(self, user: str, now: datetime) -> list[str]:
        """The addresses from which a user has signed in whose sessions have not expired: of the latest hundred of them."""
        query = select(_s.source).where(_s.user_name == user, _s.expires_at > now)
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(_s.created_at.desc()).limit(100)).scalars())

    def failures(self, key: str) -> tuple[int, datetime | None]:
        """How often somebody has failed to sign in in a row, and when last, at a key."""
        with self._database.read() as connection:
            row = connection.execute(FAILURES, {"of": key}).one_or_none()
        return (0, None) if row is None else (row[0], row[1])

    def attempted(
        self, keys: tuple[str, ...], now: datetime, pause: Callable[[str, int, datetime | None], float]
    ) -> float:
        """Count a try to sign in as a failure, unless it has to wait; one older than a day is forgotten.

        Args:
            keys: What it counts for, such as its account.
            now: The present.
            pause: Says how many seconds to wait at a key after so many failures, the last of them at this instant.

        Returns:
            Seconds that it has to wait; 0 if it was counted.
        """
        with self._writer.transaction() as tx:
            tx.keep_order()  # of two at once, the second finds the first
            tx.execute(delete(login_throttle).where(_f.failed_at <= now - timedelta(days=1)))
            rows = {key: tx.execute(FAILURES, {"of": key}).one_or_none() or (0, None) for key in keys}
            wait = max(pause(key, *row) for key, row in rows.items())
            if wait <= 0:
                counted = [{"key": key, "failures": row[0] + 1, "failed_at": now} for key, row in rows.items()]
                tx.replace(login_throttle, counted)
        return wait

    def failed(self, audit: AuditEntry) -> None:
        """Note that somebody has failed to sign in."""
        with self._writer.transaction() as tx:
            tx.audit(audit)

    def succeeded(self, keys: tuple[str, ...]) -> None:
        """Forget what was counted for these."""
        with self._writer.transaction() as tx:
            tx.execute(delete(login_throttle).where(_f.key.in_(keys)))

    def link_user(self, digest: bytes, now: datetime) -> str:
        """Whose password the link of a secret's hash sets; "" if it counts not now, or is none of a user's."""
        query = select(_l.user_name).where(_l.hash == digest, *link_counts(now))
        with self._database.read() as connection:
            return connection.execute(query).scalar() or ""

    def add_link(self, digest: bytes, user: str, now: datetime, expires_at: datetime, *audit: AuditEntry) -> None:
        """Keep a link by the hash of its secret, in place of any before: of a user, or, for "", of the first admin."""
        with self._writer.transaction() as tx:
            tx.execute(delete(login_link).where(or_(_l.expires_at <= now, _l.user_name == user)))
            tx.execute(insert(login_link).values(hash=digest, user_name=user, expires_at=expires_at))
            for each in audit:
                tx.audit(each)
