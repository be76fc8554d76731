"""A table as files: how a transfer of one provider hands a table to a transfer of another, over any object store.

The folder holds ``part-*.csv``, each with a header row, where an empty value is none; and ``schema.json``: ``{"columns": [{"name":
"Id", "redshift": "VARCHAR(18)", "postgres": "varchar(18)"}, ...]}``, the type of each column by the name of the database. Its other
keys are the writer's own, as are other files; but ``deleted-*``, keys of rows that are gone, are refused: no load obeys them.
"""

import csv
import io
import json
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo, ObjectStore

_SCHEMA, _PART, _DELETED, _ENDING = "schema.json", "part-", "deleted-", ".csv"


class TableFiles(NamedTuple):
    """A table as files.

    Attributes:
        columns: Types by column, in one database; names as the writer has them.
        parts: The files, sorted by URL.
        header: The columns of every file, in their order; those of `columns` if there is no file.
    """

    columns: dict[str, str]
    parts: tuple[ObjectInfo, ...]
    header: tuple[str, ...]


def read_table(store: ObjectStore, folder: str, database: str) -> TableFiles:
    """What a folder holds.

    Args:
        store: The store of the folder.
        folder: Its URL.
        database: Whose types are wanted, such as ``redshift`` or ``postgres``.

    Raises:
        penstock.errors.ProviderError: Of kind ``not_found``: the folder has no description. Of kind ``invalid``: the description
            knows nothing of the database, or a file is no CSV or has other columns, or names rows that are gone.
    """
    folder = folder if folder.endswith("/") else folder + "/"
    columns = _columns(store, folder, database)
    gone = next(iter(store.list(folder + _DELETED)), None)
    if gone is not None:
        raise _invalid(
            f"{gone.url} names rows that are gone, and loads do not delete", folder, "Mark such rows by a column"
        )
    parts = tuple(sorted(store.list(folder + _PART)))
    headers = {each.url: _header(store, each.url) for each in parts}
    header = headers[parts[0].url] if parts else tuple(columns)
    for url, found in headers.items():
        if found != header or sorted(found) != sorted(columns):
            expected = header if found != header else tuple(columns)
            raise _invalid(f"{url} has the columns {', '.join(found)}, and not {', '.join(expected)}", folder)
    return TableFiles(columns, parts, header)


def _columns(store: ObjectStore, folder: str, database: str) -> dict[str, str]:
    url = folder + _SCHEMA
    try:
        found = {str(each["name"]): str(each[database]) for each in json.loads(store.read(url))["columns"]}
    except (ValueError, TypeError, KeyError) as error:
        raise _invalid(f"{url} does not tell the types of columns in {database}: {error!r}", folder) from None
    if not found:
        raise _invalid(f"{url} has no column", folder)
    return found


def _header(store: ObjectStore, url: str) -> tuple[str, ...]:
    if not url.endswith(_ENDING):
        raise _invalid(f"{url} is no CSV", url)
    with store.open(url) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        return tuple(next(csv.reader(text), ()))


def _invalid(detail: str, folder: str, hint: str = "") -> ProviderError:
    hint = hint or f"Let one transfer alone write into {folder}, as CSV with a header row"
    return ProviderError(detail, service="object store", operation="ReadTable", kind=ErrorKind.INVALID, hint=hint)
