"""Checks of a table's columns and rows, after those of Apache Airflow's provider ``common.sql``."""

# ruff: noqa: S608 - tables, columns and clauses are the author's own SQL

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from penstock.spec.sql.compare import COMPARE, TOLERANCE, compare_problems, unmet
from penstock.spec.sql.sql_task import SQLCheckTask

_MEASURES = {
    "null_check": "COUNT(*) - COUNT({0})",
    "distinct_check": "COUNT(DISTINCT {0})",
    "unique_check": "COUNT({0}) - COUNT(DISTINCT {0})",
    "min": "MIN({0})",
    "max": "MAX({0})",
}
_OUTSIDE = {("min", "geq_to"): "<", ("min", "greater_than"): "<=", ("max", "leq_to"): ">", ("max", "less_than"): ">="}


class SQLColumnCheckOperator(SQLCheckTask):
    """Checks columns of a table, in one query for all that have the same ``partition_clause``.

    ```python
    {"id": {"null_check": {"equal_to": 0}, "unique_check": {"equal_to": 0}},
     "price": {"min": {"geq_to": 0}, "max": {"leq_to": 900, "tolerance": 0.1}}}
    ```

    ``null_check`` counts NULLs, ``distinct_check`` different values, ``unique_check`` repeated ones; ``min`` and ``max`` are the
    column's. Compared is by ``equal_to``, ``greater_than``, ``geq_to``, ``less_than``, ``leq_to``, with a ``tolerance`` as a part
    of the bound. For a failed check, rows that do not pass are printed (not for ``distinct_check``, which no row fails).

    Args:
        table: The table, as it is written in SQL.
        column_mapping: The checks by column; a column as it is written in SQL.
        partition_clause: A condition; rows that do not meet it are left out. A check may have one besides.
        accept_none: Whether ``min`` and ``max`` pass if there is no value at all. Unless told they do not: rows that are missing would
            pass every check.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("table", "column_mapping", "partition_clause")

    def __init__(
        self,
        *,
        table: str,
        column_mapping: dict[str, dict[str, Any]],
        partition_clause: str | None = None,
        accept_none: bool = False,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.table, self.column_mapping, self.partition_clause = table, column_mapping, partition_clause
        self.accept_none = accept_none
        refuse_wrong(column_mapping, column_problems)

    def check(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Ask; returns the measures by column and check, and a sentence for each check that failed."""
        if problems := column_problems(self.column_mapping):  # once more, of what templates have made of it
            raise self._refusal(problems, retry=False)
        by_clause: dict[str, list[tuple[str, str]]] = {}
        for column, checks in self.column_mapping.items():
            for check, expected in checks.items():
                clause = where(self.partition_clause, expected.get("partition_clause"))
                by_clause.setdefault(clause, []).append((column, check))
        found: dict[str, dict[str, Any]] = {column: {} for column in self.column_mapping}
        problems = []
        for clause, wanted in by_clause.items():
            measures = ", ".join(_MEASURES[check].format(column) for column, check in wanted)
            row = self._first_row(f"SELECT {measures} FROM {self.table}{clause}")
            for (column, check), value in zip(wanted, row, strict=True):
                found[column][check] = value
                problems += self._problems(column, check, value, clause)
        return found, problems

    def _problems(self, column: str, check: str, value: Any, clause: str) -> list[str]:  # noqa: ANN401 - of a database
        expected = self.column_mapping[column][check]
        if value is None:
            return [] if self.accept_none else [f"{check} of {column}: {self.table} has no value there"]
        failed = unmet(value, expected)
        for comparison, bound in failed[:1]:
            self._show_rows(column, check, value, (comparison, bound), clause)
        near = f" (tolerance {expected[TOLERANCE]})" if expected.get(TOLERANCE) else ""
        return [
            f"{check} of {self.table}.{column} is {value}, not {COMPARE[each][0]} {expected[each]}{near}"
            for each, _ in failed
        ]

    def _show_rows(self, column: str, check: str, value: Any, failed: tuple[str, Any], clause: str) -> None:  # noqa: ANN401 - as above
        comparison, bound = failed
        joint = f"{clause} AND" if clause else " WHERE"
        rows = f"SELECT * FROM {self.table}{joint} {column}"
        name = f"{check} of {column}"
        if check == "null_check":
            self._show(name, f"{rows} IS NULL")
        elif check == "unique_check":
            grouped = f"SELECT {column}, COUNT(*) AS occurrences FROM {self.table}{joint} {column} IS NOT NULL"
            self._show(name, f"{grouped} GROUP BY {column} HAVING COUNT(*) > 1 ORDER BY 2 DESC")
        elif check in ("min", "max"):
            outside = _OUTSIDE.get((check, comparison))
            text = rows.replace("%", "%%")
            self._show(name, f"{text} {outside or '='} %s", [bound if outside else value])


class SQLTableCheckOperator(SQLCheckTask):
    """Checks conditions on a table's rows, or on aggregates of them, all in one query.

    ```python
    {"there are rows": {"check_statement": "COUNT(*) > 0"},
     "sums are right": {"check_statement": "net + tax = gross", "partition_clause": "day = '2026-01-01'"}}
    ```

    A condition on rows must hold for each; one that is NULL does not hold, and a table without rows meets it.

    Args:
        table: The table, as it is written in SQL.
        checks: The conditions by name: each has a ``check_statement``, and may have a ``partition_clause``.
        partition_clause: A condition; rows that do not meet it are left out.
        **kwargs: What every check takes.
    """

    template_fields: ClassVar[Sequence[str]] = ("table", "checks", "partition_clause")

    def __init__(
        self,
        *,
        table: str,
        checks: dict[str, dict[str, str]],
        partition_clause: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> None:
        super().__init__(**kwargs)
        self.table, self.checks, self.partition_clause = table, checks, partition_clause
        refuse_wrong(checks, condition_problems)

    def check(self) -> tuple[dict[str, bool], list[str]]:
        """Ask; returns which checks passed, and a sentence for each that did not."""
        if problems := condition_problems(self.checks):  # once more, of what templates have made of them
            raise self._refusal(problems, retry=False)
        parts, clauses = [], {}
        for number, (name, given) in enumerate(self.checks.items()):
            clauses[name] = where(self.partition_clause, given.get("partition_clause"))
            met = f"SELECT CASE WHEN {_statement(given)} THEN 1 ELSE 0 END AS met FROM {self.table}{clauses[name]}"
            parts.append(f"SELECT {number} AS number, MIN(met) AS met FROM ({met}) AS c{number}")
        answers = {int(row[0]): row[1] for row in self.fetch(" UNION ALL ".join(parts)).rows}
        found = {name: answers[number] in (1, None) for number, name in enumerate(self.checks)}
        failed = [name for name, passed in found.items() if not passed]
        for name in failed:
            statement = _statement(self.checks[name])
            joint = f"{clauses[name]} AND" if clauses[name] else " WHERE"
            self._show(name, f"SELECT * FROM {self.table}{joint} CASE WHEN {statement} THEN 1 ELSE 0 END = 0")
        return found, [f"{self.table} fails {name!r}: {_statement(self.checks[name])}" for name in failed]


def column_problems(mapping: Any) -> list[str]:  # noqa: ANN401 - a template may have made anything of it
    """What is wrong with checks of columns."""
    if not isinstance(mapping, Mapping) or not all(isinstance(each, Mapping) for each in mapping.values()):
        return ["column_mapping is no dict of checks by column"]
    found = [] if mapping else ["column_mapping names no column"]
    for column, checks in mapping.items():
        for check, expected in checks.items():
            name = f"{check} of {column}"
            if check not in _MEASURES:
                found.append(f"{name} is unknown; write one of {', '.join(_MEASURES)}")
            elif isinstance(expected, Mapping):
                found += compare_problems(name, expected)
            else:
                found.append(f'{name} is no dict, such as {{"equal_to": 0}}')
    return found


def condition_problems(checks: Any) -> list[str]:  # noqa: ANN401 - as above
    """What is wrong with conditions."""
    if not isinstance(checks, Mapping) or not all(isinstance(each, Mapping) for each in checks.values()):
        return ["checks is no dict of conditions by name"]
    found = [] if checks else ["checks has no check"]
    return found + [f"the check {name!r} has no check_statement" for name in checks if not _statement(checks[name])]


def refuse_wrong(given: Any, problems: Callable[[Any], list[str]]) -> None:  # noqa: ANN401 - a dict, or what will be one
    """Refuse checks that are wrong already in the DAG file; what an upstream task or a template gives is seen later.

    Raises:
        ValueError: With all that is wrong.
    """
    if isinstance(given, Mapping) and (found := problems(given)):
        raise ValueError("; ".join(found))


def where(*conditions: str | None) -> str:
    """The WHERE clause of the conditions that are given, with a blank before it; "" for none."""
    given = [f"({each})" for each in conditions if each]
    return f" WHERE {' AND '.join(given)}" if given else ""


def _statement(check: Mapping[str, str]) -> str:
    return str(check.get("check_statement") or "").strip()
