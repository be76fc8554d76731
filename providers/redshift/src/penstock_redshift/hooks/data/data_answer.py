"""What a statement of the Data API answered, in the form of a cursor, with the values that the driver would give."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks.data.data_client import DataApi
from penstock_redshift.hooks.literals import adapters


class DataColumn(NamedTuple):
    """A column of an answer.

    Attributes:
        name: Its name.
        type_name: Its type as the service names it, such as ``numeric``.
    """

    name: str
    type_name: str


class DataAnswer:
    """The answer of one statement; its rows are fetched page by page as they are asked for.

    Attributes:
        rowcount: Rows that were given or changed; -1 if the service does not say.
        statusmessage: The statement's first word.
        description: The columns; None if the statement has no answer.
    """

    def __init__(self, api: DataApi, found: Mapping[str, Any], statusmessage: str) -> None:
        self.rowcount = int(found.get("ResultRows", -1))
        self.statusmessage = statusmessage
        self.description: list[DataColumn] | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        if found.get("HasResultSet"):
            pages = api.pages(found["Id"])
            first = next(pages)
            self.description = [DataColumn(each["name"], each.get("typeName", "")) for each in first["ColumnMetadata"]]
            loaders = [_loader(each.type_name) for each in self.description]
            self._rows = _converted(first, pages, loaders)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The rows that are left."""
        self._expect_rows()
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, None if there is none."""
        return next(iter(self), None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return list(self)

    def _expect_rows(self) -> None:
        if self.description is None:
            raise ProviderError(
                f"{self.statusmessage} has no rows to fetch",
                service="redshift", operation="GetStatementResult", kind=ErrorKind.INVALID,
            )  # fmt: skip


def _converted(
    page: Mapping[str, Any], pages: Iterator[Mapping[str, Any]], loaders: list[Callable[[str], Any]]
) -> Iterator[tuple[Any, ...]]:
    while True:
        for record in page["Records"]:
            yield tuple(_value(field, load) for field, load in zip(record, loaders, strict=True))
        following = next(pages, None)
        if following is None:
            return
        page = following


def _value(field: Mapping[str, Any], load: Callable[[str], Any]) -> Any:  # noqa: ANN401 - any value of a database
    if field.get("isNull"):
        return None
    value = next(iter(field.values()))
    return load(value) if isinstance(value, str) else value


def _loader(type_name: str) -> Callable[[str], Any]:
    """How the driver reads a text of a type; texts of types that it does not know stay texts."""
    from psycopg.pq import Format  # noqa: PLC0415 - on first use

    known = adapters().types.get(type_name)
    found = adapters().get_loader(known.oid, Format.TEXT) if known is not None else None
    if known is None or found is None:
        return str
    loader = found(known.oid, None)
    return lambda text: loader.load(text.encode())
