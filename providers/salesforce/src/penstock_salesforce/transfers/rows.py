"""Pages as files: CSV and newline-delimited JSON, with nothing altered.

Airflow's export goes through pandas, which loses newlines in texts, and makes None a word and whole numbers fractions.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

from penstock.errors import ErrorKind, ProviderError
from penstock_salesforce.hooks.queries import rows_of

_INTEGERS, _NUMBERS = ("int", "long"), ("double", "currency", "percent")


def write_records(
    records: Iterable[Mapping[str, Any]],
    names: Sequence[str],
    types: Mapping[str, str],
    file: BinaryIO,
    *,
    as_json: bool,
) -> None:
    """Write the records of a REST page.

    Args:
        records: As Salesforce gives them; what is selected from a parent stands in an object of its own.
        names: The columns, with dots for those of a parent.
        types: Salesforce's types, as far as they are known: instants are written as Bulk API writes them.
        file: Where to.
        as_json: Whether it is JSON, a record a line.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if not as_json:
        writer.writerow(names)
    for record in records:
        values = [_instant(_value(record, name), types.get(name, "")) for name in names]
        if as_json:
            text.write(json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, default=float) + "\n")
        else:
            writer.writerow([_cell(each) for each in values])
    text.detach()


def json_of_csv(source: BinaryIO, rows: int, types: Mapping[str, str], file: BinaryIO) -> None:
    """Write a page of a query job as JSON, a record a line.

    Args:
        source: The page.
        rows: How many rows it should have.
        types: Salesforce's types by column: an empty value is null.
        file: Where to.

    Raises:
        penstock.errors.ProviderError: Of kind ``transient``: it has another number of rows.
    """
    found = 0
    text = io.TextIOWrapper(source, encoding="utf-8", newline="")
    reader = rows_of(text)
    header = next(reader)
    for row in reader:
        values = {name: _typed(each, types.get(name, "")) for name, each in zip(header, row, strict=True)}
        file.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
        found += 1
    text.detach()
    if found != rows:
        raise ProviderError(
            f"a page of {rows} rows has {found}",
            service="salesforce",
            operation="GetQueryResults",
            kind=ErrorKind.TRANSIENT,
        )


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
        **dict.fromkeys(_NUMBERS, float),
    }
    return None if not text else converted.get(kind, str)(text)
