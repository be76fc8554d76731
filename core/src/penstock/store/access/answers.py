"""Answers that are kept by ``Idempotency-Key``: who asks again is told the same, and nothing is done twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from penstock.errors import PendingError
from penstock.store.sql.access.access_tables import kept_answer
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer
from penstock.store.transactions.unit_of_work import is_overtaken

_k = kept_answer.c
_NAMED = (_k.person == bindparam("of_person"), _k.key == bindparam("of_key"))
_NO_WAIT = text("SET LOCAL lock_timeout = DEFAULT")
_NOT_GRANTED = "55P03"  # https://www.postgresql.org/docs/14/errcodes-appendix.html


class KeptAnswer(msgspec.Struct, frozen=True):
    """What was asked for with a key, and what came of it.

    Attributes:
        operation: The operation.
        fingerprint: A hash of its arguments: the same key with others is an error.
        answer: What was answered; None if that is told once, or if what takes several transactions was begun and has not answered.
        at: When.
    """

    operation: str
    fingerprint: bytes
    answer: bytes | None
    at: datetime


class UsedKey(NamedTuple):
    """A key, and what it is used for now.

    Attributes:
        person: Who asks: the keys of others are others.
        key: The key.
        operation: The operation.
        fingerprint: A hash of its arguments.
        at: When.
    """

    person: str
    key: str
    operation: str
    fingerprint: bytes
    at: datetime


class KeyTakenError(Exception):
    """Another request has used the key meanwhile; nothing was changed."""


KEPT = select(_k.operation, _k.fingerprint, _k.answer, _k.at).where(*_NAMED)
TAKE = text(
    "INSERT INTO kept_answer (person, key, operation, fingerprint, at) VALUES (:person, :key, :operation, :fingerprint, :at) "
    "ON CONFLICT DO NOTHING"
).bindparams(bindparam("at", type_=_k.at.type))


class KeptAnswers:
    """Reads and writes kept answers. Every method raises StoreError if the database cannot serve.

    Args:
        database: The database.
        writer: Opens transactions.
        changes: How often this process has changed what somebody may.
        changed: Counts that it has.
    """

    def __init__(
        self, database: Database, writer: Writer, changes: Callable[[], int], changed: Callable[[], None]
    ) -> None:
        self._database, self._writer, self._changes, self._changed = database, writer, changes, changed

    def find(self, person: str, key: str) -> KeptAnswer | None:
        """What somebody was answered for a key; None if nothing was done for it."""
        with self._database.read() as connection:
            row = connection.execute(KEPT, {"of_person": person, "of_key": key}).one_or_none()
        return None if row is None else KeptAnswer(*row)

    @contextmanager
    def together(self, used: UsedKey | None, check: Callable[[], None] | None = None) -> Iterator[None]:
        """Have all that this thread writes in the block be one transaction, which notes the key: all of it or nothing.

        Args:
            used: The key; None if there is none.
            check: What is read in it before all that is written, and refuses it.

        Raises:
            ChangedError: Another transaction changes at the same time what this one does.
            KeyTakenError: Another request has used the key meanwhile; nothing was changed.
            PendingError: Another request uses it just now, and takes long.
        """
        before = self._changes()
        with self._writer.together(lambda tx: None if used is None else self._take(tx, used), check):
            yield
        if self._changes() != before:
            self._changed()  # who was looked at before the commit was as before it

    @contextmanager
    def begun(self, used: UsedKey) -> Iterator[None]:
        """Have the first transaction of this thread in the block note the key, for what takes several; raises as `together`."""
        with self._writer.beginning(lambda tx: self._take(tx, used)):
            yield

    def keep(self, person: str, key: str, answer: bytes | None) -> None:
        """Keep what was answered, unless something else was."""
        with self._writer.transaction() as tx:
            unanswered = update(kept_answer).where(*_NAMED, _k.answer.is_(None)).values(answer=answer)
            tx.execute(unanswered, {"of_person": person, "of_key": key})

    def delete_before(self, before: datetime, person: str = "") -> int:
        """Delete the answers of before an instant, of all or of those whose names begin so; returns how many there were."""
        old = delete(kept_answer).where(_k.at < before, _k.person.startswith(person, autoescape=True))
        with self._writer.transaction() as tx:
            return tx.execute(old).rowcount

    def _take(self, tx: Transaction, used: UsedKey) -> None:
        try:
            taken = self._taken(tx, used)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") == _NOT_GRANTED:
                raise PendingError.of_key(used.key) from None
            if is_overtaken(error):
                raise KeyTakenError from None
            raise
        if not taken:
            raise KeyTakenError

    def _taken(self, tx: Transaction, used: UsedKey) -> bool:
        if self._database.sqlite:
            return tx.execute(TAKE, used._asdict()).rowcount == 1
        # PostgreSQL waits here for the end of a transaction that has taken the same key.
        tx.execute(text(f"SET LOCAL lock_timeout = {int(self._database.wait_s * 1000)}"))
        taken = tx.execute(TAKE, used._asdict()).rowcount == 1
        tx.execute(_NO_WAIT)
        return taken
