"""Which code may work on a schema: all from its *floor* on, a version that stands in the schema itself.

A migration that only adds what older code need not know *expands* the schema: it is made while schedulers run, and older ones go on
beside newer. Any other is made when none of the older code runs any more. The floor is raised first: older schedulers see it, let what
runs end, and leave ("expand and contract": D. Sato, "ParallelChange", 2014).
"""

from sqlalchemy import Connection, bindparam, delete, insert, inspect, select, text

from penstock.store.sql import tables

EXPANDING = frozenset({"0022", "0023", "0026", "0028", "0029", "0030", "0031", "0032"})
"""The migrations of `tables.REVISIONS` that only add what older code need not know: columns with a default or none, tables, indexes."""
HALF_COPY = "copy"
"""The floor of a database into which another one is being copied, or was not copied to the end: no code works on it."""
_FLOOR = "schema_floor"
FLOOR_SQL = f"SELECT value FROM meta WHERE key = '{_FLOOR}'"
_READ = select(tables.meta.c.value).where(tables.meta.c.key == _FLOOR)
_WORKING = text(
    "SELECT holder, host, pid FROM scheduler WHERE fenced_at IS NULL AND expires_at >= clock_timestamp() ORDER BY number"
)


def floor_of(revision: str) -> str:
    """The oldest version of the schema whose code may work on one of this version."""
    known = tables.REVISIONS[: tables.REVISIONS.index(revision) + 1]
    newest_first = (each for each in reversed(known) if each not in EXPANDING)
    return next(newest_first, known[0])


def pending(found: str | None) -> tuple[str, ...]:
    """The migrations that a schema of this version has yet to see; none for an empty database."""
    return () if found is None else tables.REVISIONS[tables.REVISIONS.index(found) + 1 :]


def online(found: str | None) -> bool:
    """Whether schedulers may go on while a schema of this version is upgraded."""
    return EXPANDING.issuperset(pending(found))


def found_floor(connection: Connection) -> str | None:
    """The floor that stands in the database; None if it has none."""
    return connection.execute(_READ).scalar()


def set_floor(connection: Connection, floor: str | None) -> None:
    """Write the floor of the schema into it; None takes it out."""
    connection.execute(delete(tables.meta).where(tables.meta.c.key == bindparam("known")), {"known": _FLOOR})
    if floor is not None:
        connection.execute(insert(tables.meta).values(key=_FLOOR, value=floor))


def admits(found: str | None, floor: str | None, head: str) -> bool:
    """Whether code that works on ``head`` may go on with a schema of version ``found`` and this floor."""
    if floor is None:
        return found == head
    if floor not in tables.REVISIONS[: tables.REVISIONS.index(head) + 1]:
        return False
    return found == head or found not in tables.REVISIONS


def schedulers_at_work(connection: Connection) -> list[str]:
    """Who schedules on a database of PostgreSQL of any version, as sentences name them."""
    columns = (
        {each["name"] for each in inspect(connection).get_columns("scheduler")} if _has_table(connection) else set()
    )
    if "fenced_at" not in columns:
        return []
    return [f"{holder} (process {pid} on {host})" for holder, host, pid in connection.execute(_WORKING)]


def _has_table(connection: Connection) -> bool:
    return inspect(connection).has_table("scheduler")
