"""Pages as Parquet, each column with the type that Salesforce describes; the only room that imports pyarrow, which an extra brings.

Source of the types: "Field Types" of the Object Reference; a time of Salesforce has milliseconds.
"""

import importlib.util
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Context, Decimal
from typing import Any, BinaryIO

from penstock_salesforce.errors import invalid
from penstock_salesforce.hooks.columns import Column

_ROWS_AT_ONCE = 10_000


def check_parquet() -> None:
    """Tell whether Parquet can be written here.

    Raises:
        penstock.errors.ProviderError: Of kind ``invalid``: pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise invalid("file_format='parquet' needs pyarrow", "Plan", "plugin-manager install 'salesforce[parquet]'")


def write_parquet(rows: Iterable[Sequence[Any]], columns: Sequence[Column], file: BinaryIO) -> None:
    """Write rows, some thousands of them in memory.

    Args:
        rows: Values of the columns: texts, numbers, booleans, None.
        columns: The columns.
        file: Where to.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use
    from pyarrow.parquet import ParquetWriter  # type: ignore[import-untyped]  # noqa: PLC0415 - on first use

    schema = pa.schema([pa.field(each.name, _type(pa, each)) for each in columns])
    converted = [_conversion(each) for each in columns]
    with ParquetWriter(file, schema) as writer:
        for block in _blocks(rows):
            values = (
                [None if value is None else convert(value) for value in column]
                for convert, column in zip(converted, zip(*block, strict=True), strict=True)
            )
            arrays = [pa.array(each, kind) for each, kind in zip(values, schema.types, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _type(pa: Any, column: Column) -> Any:  # noqa: ANN401 - pyarrow has no types for us
    types = {
        "boolean": pa.bool_(), "int": pa.int64(), "long": pa.int64(), "date": pa.date32(),
        "datetime": pa.timestamp("ms", "UTC"), "time": pa.time32("ms"),
        **dict.fromkeys(("double", "currency", "percent"), pa.float64()),
    }  # fmt: skip
    if column.precision:
        return pa.decimal128(column.precision, column.scale)
    return types.get(column.salesforce, pa.string())


def _conversion(column: Column) -> Callable[[Any], Any]:
    if column.precision:
        # A number set through the API may have more digits than its field shows: rounded, as a DECIMAL of a warehouse rounds it.
        unit = Decimal(1).scaleb(-column.scale)
        return lambda value: Decimal(value).quantize(unit, context=_WIDE)
    return _CONVERTED.get(column.salesforce, lambda value: value)


_WIDE = Context(prec=76)
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": lambda value: time.fromisoformat(value).replace(tzinfo=None),
    **dict.fromkeys(("double", "currency", "percent"), float),
}


def _blocks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while block := list(itertools.islice(left, _ROWS_AT_ONCE)):
        yield block
