"""One transaction for all that a thread writes, though the code that writes would have made several of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from penstock.store.sql.database import Database

if TYPE_CHECKING:
    from penstock.store.transaction import Transaction  # which joins it


class UnitOfWork:
    """One transaction, from the first write of a thread to the end of the ``with`` block: all of it is durable then, or nothing.

    What would have been a transaction is a part of it, which fails alone: whoever takes an error of one for an answer may go on. What is
    read meanwhile in this thread sees what was written.

    Args:
        database: The database.
        opened: Opens the transaction.
        first: What is done first in it.
    """

    def __init__(
        self,
        database: Database,
        opened: "Callable[[], AbstractContextManager[Transaction]]",
        first: "Callable[[Transaction], None]",
    ) -> None:
        self._database, self._opened, self._first = database, opened, first
        self._stack = ExitStack()
        self._tx: Transaction | None = None

    @contextmanager
    def part(self) -> "Iterator[Transaction]":
        """What would have been a transaction of its own; raises StoreError, and what `first` raises."""
        tx = self._begun()
        before = len(tx.deltas)
        try:
            with self._database.savepoint(tx.connection):
                yield tx
                tx.send()
        except BaseException:
            del tx.deltas[before:]
            raise

    def _begun(self) -> "Transaction":
        if self._tx is None:
            tx = self._stack.enter_context(self._opened())
            self._first(tx)
            self._stack.enter_context(self._database.seen_by_this_thread(tx.connection))
            self._tx = tx
        return self._tx

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class SeveralTransactions:
    """Transactions of a thread, of which the first does something besides.

    Args:
        opened: Opens a transaction.
        first: What is done first in the first of them.
    """

    def __init__(
        self,
        opened: "Callable[[], AbstractContextManager[Transaction]]",
        first: "Callable[[Transaction], None]",
    ) -> None:
        self._opened, self._first, self._begun = opened, first, False

    @contextmanager
    def part(self) -> "Iterator[Transaction]":
        """One of them; raises StoreError, and what `first` raises."""
        with self._opened() as tx:
            if not self._begun:
                self._first(tx)
            yield tx
        self._begun = True
