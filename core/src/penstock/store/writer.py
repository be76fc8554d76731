"""The one way into a write: a transaction that respects the hold, then rings the bells."""

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.store import bell
from penstock.store.database import Database
from penstock.store.hold import Hold
from penstock.store.ledger import SCHEDULER, Statements, Transaction


class Writer:
    """Opens transactions for writing, and listens for those of others; a part of `penstock.store.Store`."""

    database: Database
    _statements: Statements
    _hold: Hold | None

    def listen(self, topic: str = SCHEDULER) -> bell.Bell:
        """A bell that rings when something under this topic was written: ``"scheduler"``, ``"variables"`` or ``"notices"``."""
        return bell.listen(self.database, topic)

    def ring(self, topic: str = SCHEDULER) -> None:
        """Wake the listeners of a topic, without anything written."""
        with self.transaction() as tx:
            tx.ring(topic)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: all of it is durable when the block has ended, or none of it if the block raised.

        Raises:
            StoreHeldError: This store held the scheduler's role and has lost it.
            StoreError: The database cannot take it; nothing was written.
        """
        with self.database.write() as connection:
            if self._hold is not None:
                self._hold.confirm(connection)
            tx = Transaction(connection, self._statements)
            yield tx
        for topic in tx.rung:
            bell.ring(self.database, topic)
