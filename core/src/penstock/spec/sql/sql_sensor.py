"""A sensor that asks a database, after that of Apache Airflow's provider ``common.sql``."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from penstock.author.sensor import PokeResult, Sensor
from penstock.errors import FailTask
from penstock.spec.sql.sql_task import SQLTask


class SQLSensor(SQLTask, Sensor):
    """Waits until the first value of a query is true: not 0, not "0", not empty, not NULL, not false.

    The value is what the task leaves for others.

    Args:
        sql: The query, or the name of a ``.sql`` file.
        parameters: Values for ``%s`` in it.
        selector: Takes the first row and returns the value that counts; the first one unless given.
        success: Says of the value whether the wait is over.
        failure: Says of the value whether the task fails at once; it is asked before ``success``.
        fail_on_empty: Whether a query without a row fails the task.
        **kwargs: What every sensor takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sql", "parameters")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(
        self,
        *,
        sql: str,
        parameters: list[Any] | None = None,
        selector: Callable[[Sequence[Any]], Any] | None = None,
        success: Callable[[Any], bool] | None = None,
        failure: Callable[[Any], bool] | None = None,
        fail_on_empty: bool = False,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.parameters, self.selector = sql, parameters, selector
        self.success, self.failure, self.fail_on_empty = success, failure, fail_on_empty

    def poke(self, context: Any) -> bool | PokeResult:  # noqa: ANN401, ARG002 - the spec's signature
        """Ask once.

        Raises:
            FailTask: ``failure`` says so, or there is no row and ``fail_on_empty``.
        """
        rows = self.fetch(self.sql, self.parameters).rows
        if not rows:
            if self.fail_on_empty:
                raise FailTask(f"The query gave no row: {self.sql}")
            return False
        value = self.selector(rows[0]) if self.selector else rows[0][0]
        if self.failure is not None and self.failure(value):
            raise FailTask(f"The query gave {value!r}, which fails the task: {self.sql}")
        passed = self.success(value) if self.success is not None else value not in (0, "0", "", None, False)
        return PokeResult(True, value) if passed else False
