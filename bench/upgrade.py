"""How long a database of the first schema is out of use while it is upgraded, beside a plain copy of what is in it.

Run: ``.venv/bin/python bench/upgrade.py [--tasks 1000000] [--postgres]``.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from penstock.store import upgrade
from penstock.store.sql import schema
from penstock.store.sql.database import Database
from penstock_testkit.postgres import postgres

TASKS_A_RUN = 100


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1_000_000, metavar="N", help="task instances, each with a try")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server, and not on SQLite")
    given = parser.parse_args()
    with _url(on_server=given.postgres) as url:
        database = Database(url)
        if database.path is not None:
            database.path.parent.mkdir(parents=True, exist_ok=True)
        with database.write() as connection:
            schema.migrate(connection, "0001")
            _fill(connection, given.tasks)
        began = time.perf_counter()
        with database.write() as connection:
            connection.execute(text("CREATE TABLE copied AS SELECT * FROM task_instance"))
        floor = time.perf_counter() - began
        with database.write() as connection:
            connection.execute(text("DROP TABLE copied"))
        database.close()
        began = time.perf_counter()
        before, after = upgrade(url)
        took = time.perf_counter() - began
    where = "PostgreSQL" if given.postgres else "SQLite"
    told = f"{where}: {given.tasks} task instances from schema {before} to {after} in {took:.2f} s"
    print(f"{told}, a copy of their table takes {floor:.2f} s ({took / floor:.2f})")


@contextlib.contextmanager
def _url(*, on_server: bool) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="penstock-upgrade-") as folder:
        if not on_server:
            yield f"sqlite:///{Path(folder) / 'penstock.db'}"
            return
        with postgres() as server:
            yield server.create_database()


def _fill(connection: Connection, tasks: int) -> None:
    """Finished runs, and one that is running with a live try."""
    at = "1767225600000000" if connection.dialect.name == "sqlite" else "TIMESTAMPTZ '2026-01-01 00:00:00+00'"
    runs = tasks // TASKS_A_RUN
    number = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
    state = f"CASE WHEN i = {runs} THEN 'running' ELSE 'success' END"
    outcome = "CASE WHEN state = 'running' THEN NULL ELSE 'success' END"
    rows = {
        "run (dag_id, run_id, kind, state, created_at, logical_date, started_at)": (
            f"{number.format(runs)} SELECT 'd', 'r' || i, 'scheduled', {state}, {at}, {at}, {at} FROM n"
        ),
        "task_instance (run, task_id, map_index, state, try_number, epoch, failures)": (
            f"{number.format(TASKS_A_RUN)} SELECT run, 't' || i, -1, state, 1, 1, 0 FROM run, n"
        ),
        '"try" (run, task_id, map_index, epoch, try_number, executor, queued_at, outcome)': (
            f"SELECT run, task_id, -1, 1, 1, 'local', {at}, {outcome} FROM task_instance"
        ),
    }
    for table, found in rows.items():
        connection.execute(text(f"INSERT INTO {table} {found}"))


if __name__ == "__main__":
    main()
