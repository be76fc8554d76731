"""What hooks of both databases share: a transaction that is tried again as a whole, and statements in one session."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.hooks.service_hook import Fields, ServiceHook
from penstock.spec.sql.sql_task import Records
from penstock_redshift.errors import behind, is_repeatable, provider_error
from penstock_redshift.hooks.progress import Progress
from penstock_redshift.hooks.session import Parameters, Session
from penstock_redshift.hooks.statements import first_word, split_statements

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")


class DatabaseHook(ServiceHook[Fields]):
    """A client of a database that opens a connection for each transaction and closes it after it.

    None is idle, shared or carried over a fork. Every method raises `penstock.errors.ProviderError` with the kind of the failure.
    """

    def session(self, operation: str = "Query", *, autocommit: bool = True) -> AbstractContextManager[Session]:
        """A connection that is closed at the end; what the driver raises inside becomes a provider error."""
        raise NotImplementedError(f"{type(self).__name__} has no session()")

    def transaction(
        self, work: Callable[[Session], T], *, operation: str = "Transaction", repeatable: bool = False
    ) -> T:
        """Run ``work`` in one transaction; if it collides with another or the connection is lost, run all of it again.

        It is not run again once something of it was committed (TRUNCATE commits what came before it, too) or may have been
        (the connection is lost during the COMMIT): the error is then final and says so.

        Args:
            work: Gets a session, returns anything; must do nothing that cannot be repeated outside the database.
            operation: What to call it in errors.
            repeatable: Whether running it again is harmless even if the first run was committed, in part or whole (it
                checks by itself, or replaces what it wrote). Then it is repeated in these cases, too.
        """
        return self._repeated(lambda seen: self._attempt(work, operation, seen), operation, repeatable=repeatable)

    def _repeated(self, attempt_with: Callable[[list[Progress]], T], operation: str, *, repeatable: bool) -> T:
        first: ProviderError | None = None
        for attempt in range(1, self.retry.max_attempts + 1):
            seen = list[Progress]()
            try:
                return attempt_with(seen)
            except ProviderError as error:
                final = error if repeatable or not seen else seen[0].explained(error, operation)
                if final is not error or not is_repeatable(error) or attempt == self.retry.max_attempts:
                    final = behind(first, final)
                    if final is error:
                        raise
                    raise final from error
                first = first or error
                pause = random.uniform(0.05, 0.2) * 2**attempt
                print(f"{operation} is tried again in {pause:.1f} s (attempt {attempt}): {error.detail}")  # noqa: T201 - the task's log
                time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, work: Callable[[Session], T], operation: str, seen: list[Progress]) -> T:
        with self.session(operation, autocommit=False) as session:
            seen.append(session.progress)
            try:
                result = work(session)
                session.progress.commit()
                session.connection.commit()
            except BaseException:
                if not session.connection.closed:
                    session.progress.doubtful = ""  # the server has answered
                    with suppress(
                        Exception
                    ):  # the first cause is what counts, and the end of the connection undoes as well
                        session.connection.rollback()
                raise
        return result

    def run(
        self,
        sql: str | Sequence[str],
        parameters: Parameters = None,
        *,
        autocommit: bool = False,
        repeatable: bool = False,
        handler: Callable[[Any], T] | None = None,
    ) -> T | None:
        """Run statements: in one transaction, or each for itself.

        Args:
            sql: A script, taken apart at its semicolons, or a list of statements that are taken as they are.
            parameters: For ``%s`` or ``%(name)s`` in the statements; given to each.
            autocommit: Each statement for itself, as VACUUM and a few others need it.
            repeatable: Whether running all of it again is harmless whatever was committed. Otherwise an error is final
                once a statement is committed, or may be.
            handler: Gets the cursor of the last statement that has an answer; what it returns is returned.
        """
        statements = split(sql)

        def work(session: Session) -> T | None:
            return _results((session.run(each, parameters) for each in statements), len(statements), handler)

        operation = first_word(statements[0]) or "Query"
        if not autocommit and not self._has_transactions:
            return self._repeated(
                lambda seen: _results(self._at_once(statements, parameters, seen), len(statements), handler),
                operation, repeatable=repeatable,
            )  # fmt: skip
        if not autocommit:
            return self.transaction(work, operation=operation, repeatable=repeatable)
        seen = list[Progress]()
        try:
            with self.session(operation) as session:
                seen.append(session.progress)
                return work(session)
        except ProviderError as error:
            final = error if repeatable or not seen else seen[0].explained(error, operation)
            raise final from error.__cause__

    def query(self, sql: str, parameters: Parameters = None) -> Records:
        """The columns and all rows of a query; for large results, UNLOAD."""
        if not self._has_transactions:
            (cursor,) = self._at_once([sql], parameters, [])
            return _records(cursor)
        with self.session("SELECT") as session:
            return _records(session.run(sql, parameters))

    def get_records(self, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
        """All rows of a query; for large results, UNLOAD."""
        return [tuple(each) for each in self.query(sql, parameters).rows]

    def get_first(self, sql: str, parameters: Parameters = None) -> tuple[Any, ...] | None:
        """The first row of a query, None if there is none."""
        return next(iter(self.get_records(sql, parameters)), None)

    @property
    def _has_transactions(self) -> bool:
        """Whether a transaction may be left open between two statements; if not, `_at_once` runs several."""
        return True

    def _at_once(self, statements: Sequence[str], parameters: Parameters, seen: list[Progress]) -> Sequence[Any]:
        """Run statements in one transaction, all given at once; returns a cursor for each."""
        raise NotImplementedError(f"{type(self).__name__} has no _at_once()")

    def provider_error(self, error: Exception, operation: str, what: str) -> ProviderError:
        """What a failure of the driver means."""
        found = provider_error(error, operation=operation, conn_id=self.conn_id, service=self.connection_type)
        return found.with_detail(f"{what}: {found.detail}") if what else found

    @contextmanager
    def _during(self, connection: "psycopg.Connection[Any]", operation: str) -> Iterator[None]:
        """Close the connection at the end, and turn what the driver raises into a provider error."""
        try:
            with closing(connection), _cancelled(connection):
                yield
        except Exception as error:
            if not type(error).__module__.startswith("psycopg"):
                raise
            raise self.provider_error(error, operation, "") from error


def _results(cursors: Iterable[Any], statements: int, handler: Callable[[Any], T] | None) -> T | None:
    """Tell of each statement what became of it; returns what the handler makes of the last answer."""
    result = None
    for number, cursor in enumerate(cursors, start=1):
        rows = f", {cursor.rowcount} rows" if cursor.rowcount >= 0 else ""
        print(f"statement {number} of {statements}: {cursor.statusmessage}{rows}")  # noqa: T201 - the task's log
        if handler is not None and cursor.description is not None:
            result = handler(cursor)
    return result


def _records(cursor: Any) -> Records:  # noqa: ANN401 - a cursor
    return Records([each.name for each in cursor.description or ()], cursor.fetchall())


@contextmanager
def _cancelled(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """End a statement that still runs when its task is cancelled: the server would go on with it for nobody."""
    try:
        yield
    finally:
        if connection.info.transaction_status.name == "ACTIVE":
            with suppress(Exception):  # what ended the task is what counts
                connection.cancel_safe(timeout=5)


def split(sql: str | Sequence[str]) -> list[str]:
    """The statements to run; raises `penstock.errors.ProviderError` of kind ``invalid`` if there are none."""
    given: object = sql  # a template may have made anything of it
    if not isinstance(given, str | list | tuple) or not all(isinstance(each, str) for each in given):
        raise _invalid(f"sql is no text and no list of texts: {type(given).__name__}")
    try:
        statements = split_statements(sql) if isinstance(sql, str) else [each for each in sql if each.strip()]
    except ValueError as error:
        raise _invalid(str(error)) from None
    if not statements:
        raise _invalid("there is no statement in it")
    return statements


def _invalid(detail: str) -> ProviderError:
    return ProviderError(detail, service="redshift", operation="ParseSql", kind=ErrorKind.INVALID)
