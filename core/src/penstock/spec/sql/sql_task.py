"""Where the tasks of this package get their rows, and what they have in common."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

from penstock.author.operator import Operator
from penstock.errors import ErrorKind, ProviderError


class Records(NamedTuple):
    """What a query answered.

    Attributes:
        columns: Names, in order.
        rows: Values, in the same order.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class SQLTask(Operator):
    """A task that asks a database; a provider's class says how, in `fetch`."""

    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset({"fetch"})

    def fetch(self, sql: str, parameters: Sequence[Any] | None = None) -> Records:
        """Run one query.

        Args:
            sql: The query. With parameters, ``%s`` stands for each, and ``%%`` for a percent sign.
            parameters: Values.

        Raises:
            ProviderError: It was refused, or the database is away.
        """
        raise NotImplementedError(f"{type(self).__name__} has no fetch()")

    def _first_row(self, sql: str, parameters: Sequence[Any] | None = None) -> Sequence[Any]:
        rows = self.fetch(sql, parameters).rows
        if not rows:
            raise self._refusal([f"the query gave no row: {sql}"])
        return rows[0]

    def _refusal(self, problems: Iterable[str], *, retry: bool = True) -> ProviderError:
        return ProviderError(
            "; ".join(problems),
            service="sql",
            operation="Check",
            kind=ErrorKind.JOB_FAILED if retry else ErrorKind.INVALID,
        )


class SQLCheckTask(SQLTask):
    """A task that fails unless the data are as they should be.

    Args:
        retry_on_failure: Whether a check that failed is tried again, as other failures are; if not, the task fails at once.
        samples: How many of the rows that do not pass are printed into the task's log; 0 for none.
        **kwargs: What every task takes.
    """

    _OVERRIDABLE: ClassVar[frozenset[str]] = frozenset({"check"})

    def __init__(self, *, retry_on_failure: bool = True, samples: int = 5, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.retry_on_failure, self.samples = retry_on_failure, samples

    def check(self) -> tuple[Any, list[str]]:
        """Ask; returns what was found and a sentence for each check that failed."""
        raise NotImplementedError(f"{type(self).__name__} has no check()")

    def execute(self, context: Any) -> Any:  # noqa: ANN401, ARG002 - the spec's signature
        """Check; returns what was found."""
        found, problems = self.check()
        self.log.info("Found %s.", found)
        if problems:
            raise self._refusal(problems, retry=self.retry_on_failure)
        return found

    def _show(self, name: str, sql: str, parameters: Sequence[Any] | None = None) -> None:
        """Print a sample of the rows that failed a check; that it cannot be read changes nothing about the check."""
        if self.samples < 1:
            return
        try:
            found = self.fetch(f"{sql} LIMIT {int(self.samples)}", parameters)
        except ProviderError as error:
            self.log.info("Of %s, no rows can be shown: %s", name, error.detail)
            return
        for row in found.rows:
            self.log.warning("%s: %s", name, dict(zip(found.columns, row, strict=True)))
