"""One connection while a unit of work runs on it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock_redshift.errors import parameters_error
from penstock_redshift.hooks.literals import refuse_unwritable
from penstock_redshift.hooks.progress import Progress
from penstock_redshift.hooks.tagging import Tagging, tagged

if TYPE_CHECKING:
    import psycopg

Parameters = Sequence[Any] | Mapping[str, Any] | None


class Session:
    """One connection while a transaction is tried: it runs statements, tagged with the task they belong to.

    Attributes:
        connection: psycopg's connection, for what is not offered here.
        progress: What of the work may be committed.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", tagging: Tagging, tags: Mapping[str, str]) -> None:
        self.connection = connection
        self.progress = Progress(autocommit=connection.autocommit)
        self._tagging, self._tags = tagging, tags

    def run(self, statement: Any, parameters: Parameters = None) -> "psycopg.Cursor[Any]":  # noqa: ANN401 - text or psycopg.sql
        """Run one statement, a text or a composition of ``psycopg.sql``; returns the cursor with its answer.

        With parameters, be they none, a percent sign of the statement's own is written ``%%``.
        """
        text = statement if isinstance(statement, str) else statement.as_string(self.connection)
        refuse_unwritable(
            text, "the statement"
        )  # the driver would send what stands before a NUL, and nothing of the rest
        text = tagged(text, self._tags, self._tagging, has_parameters=parameters is not None)
        self.progress.begin(text, self._status)
        try:
            cursor = self.connection.execute(text, parameters)
        except TypeError as error:  # of psycopg, for parameters that are no list and no dict
            self.progress.end(self._status, failed=True)
            raise parameters_error(error) from error
        except BaseException:
            self.progress.end(self._status, failed=True)
            raise
        self.progress.end(self._status)
        return cursor

    def rows(self, statement: Any, parameters: Parameters = None) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
        """Run one statement; returns its rows."""
        return self.run(statement, parameters).fetchall()

    def value(self, statement: Any, parameters: Parameters = None) -> Any:  # noqa: ANN401 - as above, and any value
        """Run one statement; returns the first column of its first row, None if there is none."""
        row = self.run(statement, parameters).fetchone()
        return row[0] if row else None

    def rows_apart(self, statement: Any, parameters: Parameters = None) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as above
        """Run one query before the transaction, in one that is rolled back: it fixes no snapshot for what follows."""
        rows = self.rows(statement, parameters)
        self.connection.rollback()
        self.progress.rolled_back()
        return rows

    @property
    def _status(self) -> str:
        return self.connection.info.transaction_status.name
