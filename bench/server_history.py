"""An installation with a long history, written once: DAGs by the loader's catalog, runs and task instances by statements of SQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, text

from penstock.app.compose import installation
from penstock.model.changes import Changes, DagCursor
from penstock.model.dag import DagSpec, TaskSpec
from penstock.model.schedule import Schedule, ScheduleKind
from penstock.model.source import ParsedFile
from penstock.service.installation import Installation
from penstock.settings import load_settings
from penstock.store import LoaderCatalog

BIG, BIG_TASKS, BIG_RUNS = "big", 5_000, 100
SMALL_TASKS = 10
DAGS_A_FILE = 20
SINCE = datetime.now(UTC) - timedelta(days=BIG_RUNS)
_SINCE = int(SINCE.timestamp()) * 1_000_000
_DAY = 86_400 * 1_000_000


class Amount(NamedTuple):
    """How much there is.

    Attributes:
        dags: Small DAGs, of ten tasks each.
        instances: Task instances of all DAGs together.
        big_runs: Runs of the large DAG, of 5,000 tasks each.
    """

    dags: int = 2_000
    instances: int = 1_000_000
    big_runs: int = BIG_RUNS

    @property
    def small_runs(self) -> int:
        """Runs of each small DAG."""
        return max(1, (self.instances - self.big_runs * BIG_TASKS) // (self.dags * SMALL_TASKS))


@contextmanager
def history(folder: Path, environ: dict[str, str], amount: Amount) -> Iterator[Installation]:
    """Make the installation in an empty folder, and give it; it is closed at the end."""
    subprocess.run([sys.executable, "-m", "penstock", "init"], cwd=folder, env=environ, check=True, capture_output=True)
    with installation(load_settings(environ, folder)) as found:
        specs = _store_dags(found, amount)
        found.store.apply(Changes(cursors=_cursors(specs)), found.now())
        with found.store.database.write() as connection:
            _fill(connection, amount)
        yield found


def _store_dags(found: Installation, amount: Amount) -> list[DagSpec]:
    stored: list[DagSpec] = []
    catalog = LoaderCatalog(found.store, found.store.config.variable_values, lambda: SINCE)
    for first in range(0, amount.dags, DAGS_A_FILE):
        file = f"team_{first // DAGS_A_FILE:03}.py"
        numbers = range(first, min(first + DAGS_A_FILE, amount.dags))
        specs = tuple(_small(f"dag_{number:04}", file, number) for number in numbers)
        catalog.save(ParsedFile(file, "snapshot", {}, {}, None, SINCE, 0.1, specs))
        stored += specs
    big = DagSpec(BIG, "big.py", tuple(TaskSpec(f"t{number:04}") for number in range(BIG_TASKS)))
    catalog.save(ParsedFile("big.py", "snapshot", {}, {}, None, SINCE, 0.1, (big,)))
    catalog.close()
    return stored


def _cursors(specs: list[DagSpec]) -> list[DagCursor]:
    """Those of DAGs of which nothing is overdue, as a scheduler leaves them."""
    ticks = {each.dag_id: each.schedule.tick_at_or_before(datetime.now(UTC)) for each in specs}
    return [DagCursor(dag_id, tick) for dag_id, tick in ticks.items() if tick is not None]


def _small(dag_id: str, file: str, number: int) -> DagSpec:
    # A chain, as most pipelines are; half of the DAGs have a schedule.
    tasks = [TaskSpec(f"t{each:04}", upstream=(f"t{each - 1:04}",) if each else ()) for each in range(SMALL_TASKS)]
    cron = Schedule(ScheduleKind.CRON, crons=(f"{number % 60} {number % 24} * * *",))
    schedule = cron if number % 2 else Schedule(ScheduleKind.NONE)
    return DagSpec(dag_id, file, tuple(tasks), schedule=schedule, start_date=SINCE, tags=(f"team_{number % 20:02}",))


def _fill(connection: Connection, amount: Amount) -> None:
    runs = f"CASE WHEN dag_id = '{BIG}' THEN {amount.big_runs} ELSE {amount.small_runs} END"
    day = f"{_SINCE} + i * {_DAY}"
    state = "CASE WHEN i % 17 = 0 THEN 'failed' ELSE 'success' END"
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {BIG_TASKS}) "
    tasks = f"CASE WHEN run.dag_id = '{BIG}' THEN {BIG_TASKS} ELSE {SMALL_TASKS} END"
    rows = {
        # By day, as they came: the runs of one DAG do not lie beside each other.
        "run (dag_id, run_id, kind, state, version, created_at, logical_date, started_at, ended_at)": (
            f"{numbers} SELECT dag_id, 'r' || i, 'scheduled', {state}, version, {day}, {day}, {day}, {day} + 60000000 "
            f"FROM n, dag WHERE i < {runs} ORDER BY i, dag_id"
        ),
        "task_instance (run, task_id, map_index, state, try_number, epoch, failures, queued_at, started_at, ended_at)": (
            f"{numbers} SELECT run, 't' || substr('0000' || i, -4), -1, state, 1, 1, 0, started_at, started_at, ended_at "
            f"FROM run, n WHERE i < {tasks}"
        ),
        '"try" (run, task_id, map_index, epoch, try_number, executor, queued_at, started_at, ended_at, outcome)': (
            "SELECT run, task_id, -1, 1, 1, 'local', queued_at, started_at, ended_at, state FROM task_instance"
        ),
    }
    for table, found in rows.items():
        connection.execute(text(f"INSERT INTO {table} {found}"))
    connection.execute(text("ANALYZE"))
