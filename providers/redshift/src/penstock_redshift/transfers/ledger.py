"""The ledger of loads: what was loaded is written down, file by file, in the transaction that loads it.

A load that is repeated, by a retry or after a kill, finds itself in the ledger and does nothing: the rows are there
exactly once. Two runs of one load at the same moment wait for each other at the ledger's lock.
"""

# ruff: noqa: S608 - statements are built from names that are quoted; values are parameters

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock.spec.object_store import ObjectInfo
from penstock_redshift.hooks import RedshiftHook, Session
from penstock_redshift.hooks.literals import literal_of
from penstock_redshift.hooks.quoting import escaped, quoted

LONGEST_KEY = 512
"""Bytes that a load key may have."""

_LONGEST_ID = 250
_BATCH = 500  # files in a statement, which may have 16 MB
_COLUMNS = (
    f"target varchar(260) NOT NULL, load_key varchar({LONGEST_KEY}) NOT NULL, url varchar(1200) NOT NULL, "
    "etag varchar(260) NOT NULL, bytes bigint, load_rows bigint, "
    f"dag_id varchar({_LONGEST_ID}), run_id varchar({_LONGEST_ID}), task_id varchar({_LONGEST_ID}), loaded_at timestamp"
)


class Entry(NamedTuple):
    """A line of the ledger: a file that was loaded, and the load in which it was."""

    url: str
    etag: str
    load_key: str
    load_rows: int
    loaded_at: str


class Ledger:
    """A table that tells which files were loaded.

    Args:
        schema: Its schema.
        table: Its name. Loads that share a ledger are done one after the other, because each holds its lock.
        target: The table that is loaded, ``schema.table``.
    """

    def __init__(self, schema: str, table: str, target: str) -> None:
        self.name = quoted(schema, table)
        self.target = target

    def prepare(self, hook: RedshiftHook) -> None:
        """Create the table unless it is there; of two tasks that do at once, one wins and both go on."""
        if self._exists(hook):
            return
        try:
            with hook.session("CREATE TABLE") as session:
                session.run(f"CREATE TABLE IF NOT EXISTS {self.name} ({_COLUMNS})")
        except ProviderError:
            if not self._exists(hook):
                raise

    def lock(self, session: Session) -> None:
        """Lock the ledger until the transaction ends.

        The lock comes before the first SELECT: a transaction sees what was committed before that.
        """
        session.run(f"LOCK {self.name}")

    def of_key(self, session: Session, load_key: str) -> list[Entry]:
        """Lines of the load that is called so."""
        return self._lines(session, "load_key", [load_key])

    def of_files(self, session: Session, files: Sequence[ObjectInfo]) -> list[Entry]:
        """Lines of these files, as they are now; those that were rewritten since have none."""
        now = {(each.url, each.etag) for each in files}
        found = [
            line for batch in _batches(files) for line in self._lines(session, "url", [each.url for each in batch])
        ]
        return [line for line in found if (line.url, line.etag) in now]

    def write(
        self, session: Session, load_key: str, files: Sequence[ObjectInfo], *, rows: int, who: Mapping[str, str]
    ) -> None:
        """Write the load down; it counts when the transaction is committed."""
        by = [_cut(who[name]) if name in who else None for name in ("dag", "run_id", "task")]
        for batch in _batches(files):
            values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s, getdate())"] * len(batch))
            lines = [(self.target, load_key, each.url, each.etag, each.size, rows, *by) for each in batch]
            session.run(f"INSERT INTO {escaped(self.name)} VALUES {values}", [part for line in lines for part in line])

    def how_to_forget(self, load_keys: Iterable[str]) -> str:
        """The statement with which a person lets loads be done again."""
        keys = ", ".join(map(literal_of, sorted(load_keys)))
        return f"DELETE FROM {self.name} WHERE target = {literal_of(self.target)} AND load_key IN ({keys})"

    def _lines(self, session: Session, column: str, values: Sequence[str]) -> list[Entry]:
        rows = session.rows(
            f"SELECT url, etag, load_key, load_rows, loaded_at FROM {escaped(self.name)} "
            f"WHERE target = %s AND {column} IN ({', '.join(['%s'] * len(values))})",
            (self.target, *values),
        )
        return [Entry(url, etag, load_key, count or 0, str(at)) for url, etag, load_key, count, at in rows]

    def _exists(self, hook: RedshiftHook) -> bool:
        try:
            with hook.session("SELECT") as session:
                session.run(f"SELECT url, etag FROM {self.name} LIMIT 0")
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            raise
        return True


def _batches(files: Sequence[ObjectInfo]) -> Iterator[Sequence[ObjectInfo]]:
    return (files[at : at + _BATCH] for at in range(0, len(files), _BATCH))


def _cut(text: str) -> str:
    """As much of a text as its column holds, which counts bytes."""
    return text.encode()[:_LONGEST_ID].decode(errors="ignore")
