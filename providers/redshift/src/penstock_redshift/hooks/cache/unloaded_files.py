r"""The way for many rows: the warehouse writes files, all slices at once, and PostgreSQL is sent them as they are read.

The files are delimited by tabs and escaped, with ``\\N`` for NULL: what UNLOAD writes so, COPY of PostgreSQL reads as its text format.
Sources: "UNLOAD" (ESCAPE, NULL AS) of the Amazon Redshift Database Developer Guide; "COPY", "Text Format", of the documentation of
PostgreSQL: a backslash before a line end is a line end of the data. A SUPER is no CHAR or VARCHAR, which ESCAPE is for, and goes as text
(JSON_SERIALIZE).
"""

# ruff: noqa: S608 - statements are built from names that are quoted and queries of the author's; values are parameters

import gzip
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from penstock.errors import PenstockError
from penstock.spec.object_store import open_store
from penstock_redshift.hooks.cache.registry import Definition
from penstock_redshift.hooks.cache.stage import STAGE
from penstock_redshift.hooks.quoting import quoted
from penstock_redshift.hooks.redshift import RedshiftHook
from penstock_redshift.hooks.session import Session

_CHUNK = 1 << 18


class UnloadFolder(NamedTuple):
    """Where the files of refreshes are.

    Attributes:
        url: ``s3://`` URL of a folder that is the cache's alone.
        iam_role: ``default``, or ARNs of the roles by which the cluster writes.
        conn_id: Connection of the object store; its default unless given.
    """

    url: str
    iam_role: str
    conn_id: str | None


def fill(session: Session, redshift: RedshiftHook, definition: Definition, query: str, files: UnloadFolder) -> None:
    """Fill the stage with the query's rows by way of files, which are gone afterwards.

    What earlier refreshes of this relation left, because they were killed, is removed as well: the caller holds the relation.
    """
    folder = f"{files.url.rstrip('/')}/{definition.name}/"
    with _swept(folder, files):
        target = f"{folder}{uuid.uuid4().hex}/"
        _unload(redshift, definition, query, target, files.iam_role)
        store = open_store(target, files.conn_id)
        manifest = json.loads(store.read(f"{target}manifest"))
        with session.connection.cursor() as cursor, cursor.copy(f"COPY {STAGE} FROM STDIN") as copy:
            for entry in manifest["entries"]:
                with store.open(entry["url"]) as stream, gzip.open(stream) as rows:
                    while chunk := rows.read(_CHUNK):
                        copy.write(chunk)


def _unload(redshift: RedshiftHook, definition: Definition, query: str, target: str, iam_role: str) -> None:
    listed = ", ".join(
        f"JSON_SERIALIZE({quoted(each.name)}) AS {quoted(each.name)}" if each.is_json else quoted(each.name)
        for each in definition.columns
    )
    default = iam_role.lower() == "default"
    statement = (
        f"UNLOAD (%s) TO %s IAM_ROLE {'default' if default else '%s'} DELIMITER %s ESCAPE NULL AS %s GZIP MANIFEST"
    )
    select = f"SELECT {listed} FROM ({query}\n) AS answer"
    values = (select, target, *(() if default else (iam_role,)), "\t", "\\N")
    with redshift.session("UNLOAD") as unloading:
        unloading.run(statement, values)


@contextmanager
def _swept(folder: str, files: UnloadFolder) -> Iterator[None]:
    """Remove everything in the folder before and after; what cannot be removed afterwards is so before the next refresh."""
    _sweep(folder, files)
    try:
        yield
    finally:
        try:
            _sweep(folder, files)
        except PenstockError as error:
            print(f"{folder}: files of the refresh are left until the next one: {error}")  # noqa: T201 - the task's log


def _sweep(folder: str, files: UnloadFolder) -> None:
    store = open_store(folder, files.conn_id)
    for each in list(store.list(folder)):
        store.delete(each.url)
