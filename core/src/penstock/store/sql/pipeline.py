"""What a writing transaction sends: statements wait until an answer is needed, and PostgreSQL is then asked once for all of them.

A turn of the scheduler needs no answer before its end. So it takes two round trips: what begins the transaction, the proof that it may
write, all of its statements and the transaction's number; then the commit, which alone waits for the disk.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from penstock.store.sql.bulk import BulkStatement

# https://www.postgresql.org/docs/14/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
_NUMBER = "SELECT pg_current_xact_id_if_assigned()::text"


class Proof(NamedTuple):
    """What shows that a transaction may write: the first thing that it asks.

    Attributes:
        sql: The question, in the driver's form; "" if the database is not asked.
        given: Values for it.
        judge: Takes the first row of the answer, if there is one; raises if the transaction may not write.
        everywhere: Whether SQLite is asked, too, rather than PostgreSQL alone.
    """

    sql: str
    given: Mapping[str, Any]
    judge: Callable[[Sequence[Any] | None], None]
    everywhere: bool = False


class Pipeline:
    """The statements of one open transaction.

    Args:
        connection: SQLAlchemy's, in a transaction.
        proofs: What shows that it may write; what one raises is raised with the first statement that is carried out.
    """

    def __init__(self, connection: Connection, proofs: Sequence[Proof] = ()) -> None:
        self._connection, self._proofs = connection, proofs
        self._waiting: list[tuple[BulkStatement, list[Sequence[Any]]]] = []
        self._last: list[tuple[str, Sequence[Any]]] = []
        self._at_end: Callable[[], None] | None = None

    @property
    def connection(self) -> Connection:
        """For statements with answers; what was added is carried out before them.

        Raises:
            DataRefusedError: As `send`.
        """
        self.send()
        return self._connection

    def add(self, statement: BulkStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Carry a statement out for each row, after those added before; the same key must not appear twice."""
        if given := list(rows):
            self._waiting.append((statement, given))

    def add_last(self, sql: str, given: Sequence[Any]) -> None:
        """Carry out a statement without an answer when all others have been (PostgreSQL)."""
        self._last.append((sql, given))

    def at_end(self, call: Callable[[], None]) -> None:
        """Call something once the proof has been judged and all else is carried out; it may add statements."""
        self._at_end = call

    def send(self) -> None:
        """Carry out what was added.

        Raises:
            DataRefusedError: A row cannot be stored for what is in it; the error names it, and the transaction is over.
        """
        if self._waiting or self._proofs:
            self._execute(())

    def finish(self) -> str | None:
        """Carry out all that is left; returns the number of a transaction of PostgreSQL that has written.

        Raises:
            DataRefusedError: As `send`.
        """
        if self._connection.dialect.name != "postgresql":
            self.send()
            return None
        found: tuple[str | None] = self._execute([*self._last, (_NUMBER, ())])
        if self._at_end is not None:
            self._at_end()
            self.send()
        return found[0]

    def _execute(self, more: Sequence[tuple[str, Any]]) -> Any:  # noqa: ANN401 - a row
        """Carry out what waits, and then more statements; returns the first row of the last one."""
        (waiting, self._waiting), (proofs, self._proofs) = (self._waiting, []), (self._proofs, ())
        connection, dialect = self._connection, cast("Any", self._connection.dialect)
        base = dialect.loaded_dbapi.Error
        driver: Any = connection.connection.driver_connection
        try:
            if dialect.name != "postgresql":
                for proof in proofs:
                    proof.judge(driver.execute(proof.sql, proof.given).fetchone() if proof.everywhere else None)
                for statement, rows in waiting:
                    statement.run(connection, rows)
                return None
            # Source: https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
            with driver.pipeline():
                asked = [driver.execute(proof.sql, proof.given) if proof.sql else None for proof in proofs]
                for statement, rows in waiting:
                    statement.run(connection, rows)
                answers = [driver.execute(sql, given) for sql, given in more]
        except (DBAPIError, ValueError, OverflowError, base) as found:
            error = DBAPIError.instance("", None, found, base) if isinstance(found, base) else found
            for statement, rows in waiting:
                statement.blame(connection, rows, error)
            raise error from found
        for proof, answer in zip(proofs, asked, strict=True):
            proof.judge(None if answer is None else answer.fetchone())
        return answers[-1].fetchone() if answers else None
