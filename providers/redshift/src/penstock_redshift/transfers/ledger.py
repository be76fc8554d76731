"""The ledger of loads: what was loaded is written down in the transaction that loads it.

A load that is repeated, by a retry or after a kill, finds itself in the ledger and does nothing: the rows are there
exactly once. Two runs of one load at the same moment wait for each other at the ledger's lock.
"""

# ruff: noqa: S608 - statements are built from names that are quoted; values are parameters

from collections.abc import Mapping
from typing import NamedTuple

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.hooks import RedshiftHook, Session
from penstock_redshift.hooks.literals import literal_of
from penstock_redshift.hooks.quoting import escaped, quoted

LONGEST_KEY = 512
"""Bytes that a load key may have."""

_COLUMNS = (
    f"target varchar(260) NOT NULL, load_key varchar({LONGEST_KEY}) NOT NULL, loaded_rows bigint, files integer, "
    "bytes bigint, dag_id varchar(250), run_id varchar(250), task_id varchar(250), loaded_at timestamp"
)


class Entry(NamedTuple):
    """A line of the ledger that was found."""

    rows: int
    loaded_at: str


class Ledger:
    """A table that tells which loads were done.

    Args:
        schema: Its schema.
        table: Its name. Loads that share a ledger are done one after the other, because each holds its lock.
        target: The table that is loaded, ``schema.table``.
        load_key: What the load is called; the same key is loaded into the same target once.
    """

    def __init__(self, schema: str, table: str, target: str, load_key: str) -> None:
        self.name = quoted(schema, table)
        self.target, self.load_key = target, load_key

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

    def find(self, session: Session) -> Entry | None:
        """Lock the ledger until the transaction ends, and look for this load.

        The lock comes before the first SELECT: a transaction sees what was committed before that.
        """
        session.run(f"LOCK {self.name}")
        rows = session.rows(
            f"SELECT loaded_rows, loaded_at FROM {escaped(self.name)} WHERE target = %s AND load_key = %s",
            (self.target, self.load_key),
        )
        return Entry(rows[0][0], str(rows[0][1])) if rows else None

    def write(self, session: Session, *, rows: int, files: int, size: int, who: Mapping[str, str]) -> None:
        """Write the load down; it counts when the transaction is committed."""
        session.run(
            f"INSERT INTO {escaped(self.name)} VALUES (%s, %s, %s, %s, %s, %s, %s, %s, getdate())",
            (self.target, self.load_key, rows, files, size, who.get("dag"), who.get("run_id"), who.get("task")),
        )

    def how_to_forget(self) -> str:
        """The statement with which a person lets the load be done again."""
        return f"DELETE FROM {self.name} WHERE target = {literal_of(self.target)} AND load_key = {literal_of(self.load_key)}"

    def _exists(self, hook: RedshiftHook) -> bool:
        try:
            with hook.session("SELECT") as session:
                session.run(f"SELECT 1 FROM {self.name} LIMIT 0")
        except ProviderError as error:
            if error.kind is ErrorKind.NOT_FOUND:
                return False
            raise
        return True
