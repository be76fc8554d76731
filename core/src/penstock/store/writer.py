"""The one way into a write: a transaction that respects the hold, then rings the bells."""

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.store import bell
from penstock.store.database import Database
from penstock.store.hold import Hold
from penstock.store.ledger import Statements, Transaction


class Writer:
    """Opens transactions for writing; a part of `penstock.store.Store`."""

    _database: Database
    _statements: Statements
    _hold: Hold | None

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: all of it is durable when the block has ended, or none of it if the block raised.

        Raises:
            StoreHeldError: This store held the scheduler's role and has lost it.
            StoreError: The database cannot take it; nothing was written.
        """
        with self._database.write() as connection:
            if self._hold is not None:
                self._hold.confirm(connection)
            tx = Transaction(connection, self._statements)
            yield tx
        for topic in tx.rung:
            bell.ring(self._database, topic)
