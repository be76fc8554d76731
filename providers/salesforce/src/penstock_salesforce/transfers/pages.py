"""Pages as files: CSV, newline-delimited JSON and Parquet, with nothing altered.

Airflow's export goes through pandas, which loses newlines in texts, and makes None a word and whole numbers fractions.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

from penstock.errors import ErrorKind, ProviderError
from penstock_salesforce.hooks.parquet import write_parquet
from penstock_salesforce.hooks.queries import rows_of
from penstock_salesforce.transfers.plan import Plan

_INTEGERS, _NUMBERS = ("int", "long"), ("double", "currency", "percent")


def write_records(records: Iterable[Mapping[str, Any]], plan: Plan, file: BinaryIO, form: str) -> None:
    """Write the records of a REST page.

    Args:
        records: As Salesforce gives them; what is selected from a parent stands in an object of its own.
        plan: Names and types of the columns: instants are written as Bulk API writes them.
        file: Where to.
        form: ``csv``, ``ndjson`` or ``parquet``.
    """
    types = plan.types
    rows = ([_instant(_value(each, name), types.get(name, "")) for name in plan.names] for each in records)
    if form == "csv":
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(plan.names)
        writer.writerows([_cell(each) for each in row] for row in rows)
        text.detach()
    else:
        _write_typed(rows, plan, plan.names, file, form)


def write_page(source: BinaryIO, rows: int, plan: Plan, file: BinaryIO, form: str) -> None:
    """Write a page of a query job in another form.

    Args:
        source: The page, which is CSV.
        rows: How many rows it should have.
        plan: Types of the columns: an empty value is null.
        file: Where to.
        form: ``ndjson`` or ``parquet``.

    Raises:
        penstock.errors.ProviderError: Of kind ``transient``: it has another number of rows.
    """
    found, types = 0, plan.types
    text = io.TextIOWrapper(source, encoding="utf-8", newline="")
    reader = rows_of(text)
    header = next(reader)

    def typed() -> Iterator[list[object]]:
        nonlocal found
        for row in reader:
            found += 1
            yield [_typed(each, types.get(name, "")) for name, each in zip(header, row, strict=True)]

    _write_typed(typed(), plan, header, file, form)
    text.detach()
    if found != rows:
        raise ProviderError(
            f"a page of {rows} rows has {found}",
            service="salesforce",
            operation="GetQueryResults",
            kind=ErrorKind.TRANSIENT,
        )


def _write_typed(rows: Iterable[Sequence[Any]], plan: Plan, names: Sequence[str], file: BinaryIO, form: str) -> None:
    if form == "parquet":
        by_name = {each.name: each for each in plan.columns}
        write_parquet(rows, [by_name[each] for each in names], file)
        return
    for row in rows:
        values = dict(zip(names, row, strict=True))
        file.write(json.dumps(values, ensure_ascii=False, default=float).encode() + b"\n")


def _value(record: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON value
    """A value by its column's name; Salesforce answers with names of its own case."""
    value: Any = record
    for part in name.lower().split("."):
        if value is None:
            return None
        value = {key.lower(): each for key, each in value.items()}[part]
    return value


def _instant(value: Any, kind: str) -> Any:  # noqa: ANN401 - any JSON value
    return value.replace("+0000", "Z") if kind == "datetime" and isinstance(value, str) else value


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value).replace("\0", "")


def _typed(text: str, kind: str) -> object:
    converted: dict[str, Callable[[str], object]] = {
        "boolean": lambda each: each == "true",
        **dict.fromkeys(_INTEGERS, lambda each: int(float(each))),
        **dict.fromkeys(_NUMBERS, Decimal),
    }
    return None if not text else converted.get(kind, str)(text)
