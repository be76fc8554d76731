"""Checks of what a query gives, after those of Apache Airflow's provider ``common.sql``."""

# ruff: noqa: S608 - tables, columns and metrics are the author's own SQL

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

from penstock.spec.sql.compare import within
from penstock.spec.sql.sql_task import SQLCheckTask

RATIOS = ("max_over_min", "relative_diff")


class SQLCheckOperator(SQLCheckTask):
    """Checks that every value of a query's first row is true: not 0, not empty, not NULL, not false.

    Args:
        sql: The query, or the name of a ``.sql`` file.
        parameters: Values for ``%s`` in it.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sql", "parameters")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(self, *, sql: str, parameters: list[Any] | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(**kwargs)
        self.sql, self.parameters = sql, parameters

    def check(self) -> tuple[list[Any], list[str]]:
        """Ask; returns the first row, and a sentence if it has a value that is not true."""
        row = list(self._first_row(self.sql, self.parameters))
        return row, [] if all(row) else [f"the first row has a value that is not true: {row}"]


class SQLValueCheckOperator(SQLCheckTask):
    """Checks that the values of a query's first row are equal to one.

    Args:
        sql: The query, or the name of a ``.sql`` file.
        pass_value: The value. Unless it is a number, texts are compared.
        tolerance: By how much a number may differ, as a part of ``pass_value``.
        parameters: Values for ``%s`` in the query.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sql", "pass_value", "parameters")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(
        self,
        *,
        sql: str,
        pass_value: Any,  # noqa: ANN401 - any value of a database
        tolerance: float = 0.0,
        parameters: list[Any] | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.pass_value, self.tolerance, self.parameters = sql, pass_value, tolerance, parameters

    def check(self) -> tuple[list[Any], list[str]]:
        """Ask; returns the first row, and a sentence for each value that differs."""
        row = list(self._first_row(self.sql, self.parameters))
        wrong = [each for each in row if not self._equal(each)]
        near = f" (tolerance {self.tolerance})" if self.tolerance else ""
        return row, [f"the query gave {each!r}, not {self.pass_value!r}{near}" for each in wrong]

    def _equal(self, value: Any) -> bool:  # noqa: ANN401 - as above
        try:
            expected = float(self.pass_value)
        except (TypeError, ValueError):
            return str(value) == str(self.pass_value)
        try:
            return within(value, expected, self.tolerance)
        except (TypeError, ValueError):
            return False


class SQLThresholdCheckOperator(SQLCheckTask):
    """Checks that the first value of a query lies between two thresholds, both included.

    Args:
        sql: The query, or the name of a ``.sql`` file.
        min_threshold: A number, or a query for one.
        max_threshold: A number, or a query for one.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("sql", "min_threshold", "max_threshold")
    template_ext: ClassVar[Sequence[str]] = (".sql",)

    def __init__(
        self,
        *,
        sql: str,
        min_threshold: float | str,
        max_threshold: float | str,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.sql, self.min_threshold, self.max_threshold = sql, min_threshold, max_threshold

    def check(self) -> tuple[dict[str, Any], list[str]]:
        """Ask; returns the value and its thresholds, and a sentence if it lies outside."""
        value = self._first_row(self.sql)[0]
        least, most = self._threshold(self.min_threshold), self._threshold(self.max_threshold)
        passed = value is not None and least <= float(value) <= most
        found = {"value": value, "min_threshold": least, "max_threshold": most}
        return found, [] if passed else [f"the query gave {value}, which is not between {least} and {most}"]

    def _threshold(self, given: float | str) -> float:
        try:
            return float(given)
        except ValueError:
            return float(self._first_row(str(given))[0])


class SQLIntervalCheckOperator(SQLCheckTask):
    """Checks that metrics of a day are near those of another, such as a week ago.

    Args:
        table: The table, as it is written in SQL.
        metrics_thresholds: By metric, an aggregate such as ``COUNT(*)``, the ratio that it must stay below.
        date_filter_column: The column of the day.
        days_back: How many days before the other day lies; 7 and -7 are the same.
        ratio_formula: ``max_over_min``, or ``relative_diff``: the difference as a part of the other day's.
        ignore_zero: Whether a metric passes that is 0 or NULL on one of the days.
        date: The day, ``YYYY-MM-DD``.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("table", "date_filter_column", "date")

    def __init__(
        self,
        *,
        table: str,
        metrics_thresholds: dict[str, float],
        date_filter_column: str = "ds",
        days_back: int = -7,
        ratio_formula: str = "max_over_min",
        ignore_zero: bool = True,
        date: str = "{{ ds }}",
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        if ratio_formula not in RATIOS:
            raise ValueError(f"ratio_formula is {ratio_formula!r}; write one of {', '.join(RATIOS)}")
        self.table, self.metrics_thresholds, self.date_filter_column = table, metrics_thresholds, date_filter_column
        self.days_back, self.ratio_formula, self.ignore_zero = days_back, ratio_formula, ignore_zero
        self.date = date

    def check(self) -> tuple[dict[str, list[Any]], list[str]]:
        """Ask; returns each metric on both days, and a sentence for each whose ratio is too large."""
        day = dt.date.fromisoformat(self.date)
        days = [day, day - dt.timedelta(days=abs(self.days_back))]
        metrics = ", ".join(self.metrics_thresholds)
        text = f"SELECT {metrics} FROM {self.table} WHERE {self.date_filter_column}".replace("%", "%%")
        now, then = (self._first_row(f"{text} = %s", [each]) for each in days)
        found = {name: [now[at], then[at]] for at, name in enumerate(self.metrics_thresholds)}
        problems = []
        for name, (value, other) in found.items():
            ratio = self._ratio(value, other)
            if ratio is None and self.ignore_zero:
                continue
            if ratio is None or ratio >= self.metrics_thresholds[name]:
                why = "has no ratio" if ratio is None else f"{self.ratio_formula} is {ratio:.4g}"
                problems.append(
                    f"{name} is {value} on {days[0]} and {other} on {days[1]}: {why}, "
                    f"not below {self.metrics_thresholds[name]}"
                )
        return found, problems

    def _ratio(self, value: Any, other: Any) -> float | None:  # noqa: ANN401 - as above
        if not value or not other:
            return None
        if self.ratio_formula == "relative_diff":
            return abs(float(value) - float(other)) / abs(float(other))
        return max(float(value), float(other)) / min(float(value), float(other))
