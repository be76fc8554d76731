"""One transaction for all that a thread writes, though the code that writes would have made several of it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sqlalchemy import text

from penstock.errors import ChangedError, StoreUnavailableError
from penstock.store.sql.database import Database

if TYPE_CHECKING:
    from penstock.store.transaction import Transaction  # which joins it

_ONE_VIEW = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
_SERIALIZATION_FAILURE = "40001"  # https://www.postgresql.org/docs/14/errcodes-appendix.html


@contextmanager
def as_changed() -> Iterator[None]:
    """Tell by `ChangedError` that PostgreSQL has given up a transaction of one view, as another has changed what it changes."""
    try:
        yield
    except StoreUnavailableError as error:
        if is_overtaken(error.__cause__):
            raise ChangedError from None
        raise


def is_overtaken(error: BaseException | None) -> bool:
    """Whether an error says that another transaction has changed what one of one view changes."""
    return getattr(getattr(error, "orig", None), "sqlstate", "") == _SERIALIZATION_FAILURE


class UnitOfWork:
    """One transaction, from the first write of a thread to the end of the ``with`` block: all of it is durable then, or nothing.

    What would have been a transaction is a part of it, which fails alone: whoever takes an error of one for an answer may go on. What is
    read meanwhile in this thread sees what was written.

    Args:
        database: The database.
        opened: Opens the transaction.
        first: What is done first in it.
        check: What is read in it before all that is written, and refuses it: no other transaction changes meanwhile what this one does,
            or this one fails.
    """

    def __init__(
        self,
        database: Database,
        opened: "Callable[[], AbstractContextManager[Transaction]]",
        first: "Callable[[Transaction], None]",
        check: Callable[[], None] | None = None,
    ) -> None:
        self._database, self._opened, self._first, self._check = database, opened, first, check
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
            if self._check is not None and not self._database.sqlite:  # which lets one write at a time
                tx.execute(_ONE_VIEW)
            self._first(tx)
            self._stack.enter_context(self._database.seen_by_this_thread(lambda: tx.connection))
            if self._check is not None:
                self._check()
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
