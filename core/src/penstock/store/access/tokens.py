"""Tokens of users: what is stored of a secret is its SHA-256, which is enough for 256 random bits."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from penstock.errors import NotFoundError
from penstock.model.access.permission import Permission
from penstock.model.access.user import Token
from penstock.model.history.audit import AuditEntry
from penstock.store.sql.access.access_tables import token, users
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

_t = token.c
_TOKEN = (_t.token_id, _t.user_name, _t.name, _t.permissions, _t.created_at, _t.expires_at, _t.used_at)
BY_HASH = (
    select(*_TOKEN)
    .join(users, users.c.name == _t.user_name)
    .where(_t.hash == bindparam("hash"), users.c.disabled.is_(False))
)
_A_MINUTE = timedelta(minutes=1)


class Tokens:
    """Reads and writes tokens. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer, changed: Callable[[], None]) -> None:
        self._database, self._writer, self._changed = database, writer, changed

    def add(self, made: Token, digest: bytes, audit: AuditEntry) -> None:
        """Keep a token by the hash of its secret; raises NotFoundError if there is no such user."""
        with self._writer.transaction() as tx:
            if tx.execute(select(users.c.name).where(users.c.name == made.user)).first() is None:
                raise NotFoundError("user", made.user, tx.execute(select(users.c.name)).scalars())
            row = {name: getattr(made, name) for name in ("token_id", "name", "created_at", "expires_at", "used_at")}
            permissions = None if made.permissions is None else [each.value for each in made.permissions]
            tx.execute(insert(token).values(**row, user_name=made.user, hash=digest, permissions=permissions))
            tx.audit(audit)

    def find(self, token_id: str) -> Token | None:
        """A token by its id."""
        with self._database.read() as connection:
            row = connection.execute(select(*_TOKEN).where(_t.token_id == token_id)).one_or_none()
        return None if row is None else _token(*row)

    def page(
        self, user: str = "", *, after: tuple[str, datetime, str] | None = None, limit: int = 1_000
    ) -> list[Token]:
        """A page of the tokens of a user, or of all, by user, age and id: those behind these of the last one of the page before."""
        query = select(*_TOKEN).order_by(_t.user_name, _t.created_at, _t.token_id).limit(limit)
        if after is not None:
            query = query.where(tuple_(_t.user_name, _t.created_at, _t.token_id) > after)
        if user:
            query = query.where(_t.user_name == user)
        with self._database.read() as connection:
            return [_token(*row) for row in connection.execute(query)]

    def used(self, digest: bytes, now: datetime) -> Token | None:
        """The token of a secret's hash, if it counts now; notes once a minute that it was used."""
        with self._database.read() as connection:
            row = connection.execute(BY_HASH, {"hash": digest}).one_or_none()
        found = None if row is None else _token(*row)
        if found is None or not found.counts(now):
            return None
        if found.used_at is None or found.used_at + _A_MINUTE <= now:
            with self._writer.transaction() as tx:
                tx.execute(update(token).where(_t.token_id == found.token_id).values(used_at=now))
        return found

    def remove(self, token_id: str, audit: AuditEntry) -> None:
        """Delete a token; raises NotFoundError."""
        with self._writer.transaction() as tx:
            if not tx.execute(delete(token).where(_t.token_id == token_id)).rowcount:
                raise NotFoundError("token", token_id)
            tx.audit(audit)
        self._changed()


def _token(
    token_id: str, user: str, name: str, permissions: list[str] | None, created_at: datetime,
    expires_at: datetime | None, used_at: datetime | None,
) -> Token:  # fmt: skip
    limits = None if permissions is None else tuple(each for each in Permission if each.value in permissions)
    return Token(token_id, user, name, limits, created_at, expires_at, used_at)
