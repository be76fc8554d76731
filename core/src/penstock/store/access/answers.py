"""KeptAnswers that are kept by ``Idempotency-Key``: who asks again is told the same, and nothing is done twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from penstock.errors import RequestError
from penstock.store.sql.access.access_tables import kept_answer
from penstock.store.sql.database import Database
from penstock.store.transaction import Transaction, Writer, beside

_k = kept_answer.c
_NAMED = (_k.person == bindparam("of_person"), _k.key == bindparam("of_key"))


class KeptAnswer(msgspec.Struct, frozen=True):
    """What was asked for with a key, and what came of it.

    Attributes:
        operation: The operation.
        fingerprint: A hash of its arguments: the same key with others is an error.
        answer: What was answered; None if it was done, and the answer was lost.
        at: When.
    """

    operation: str
    fingerprint: bytes
    answer: bytes | None
    at: datetime


KEPT = select(_k.operation, _k.fingerprint, _k.answer, _k.at).where(*_NAMED)


class KeptAnswers:
    """Reads and writes kept answers. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def find(self, person: str, key: str) -> KeptAnswer | None:
        """What somebody was answered for a key; None if nothing was done for it."""
        with self._database.read() as connection:
            row = connection.execute(KEPT, {"of_person": person, "of_key": key}).one_or_none()
        return None if row is None else KeptAnswer(*row)

    @contextmanager
    def noting(self, person: str, key: str, operation: str, fingerprint: bytes, now: datetime) -> Iterator[None]:
        """Have the first transaction that this thread commits in the block note that the key was used: both or neither.

        Raises:
            RequestError: Another request has used the key meanwhile; nothing was changed.
        """
        row = {"person": person, "key": key, "operation": operation, "fingerprint": fingerprint, "at": now}

        def note(tx: Transaction) -> None:
            tx.keep_order()  # of two that use it together, the second finds it used
            if tx.execute(KEPT, {"of_person": person, "of_key": key}).first() is not None:
                raise RequestError(
                    f"the key {key!r} was used by another request a moment ago. Ask again for its answer."
                )
            tx.execute(insert(kept_answer).values(row))

        token = beside.set(note)
        try:
            yield
        finally:
            beside.reset(token)

    def keep(self, person: str, key: str, answer: bytes) -> None:
        """Keep what was answered."""
        with self._writer.transaction() as tx:
            tx.execute(update(kept_answer).where(*_NAMED).values(answer=answer), {"of_person": person, "of_key": key})

    def delete_before(self, before: datetime) -> int:
        """Delete the answers of before an instant; returns how many there were."""
        with self._writer.transaction() as tx:
            return tx.execute(delete(kept_answer).where(_k.at < before)).rowcount
