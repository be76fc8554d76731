"""Reads for people: lists, pages and searches, each by an index; and what people do to a DAG's row."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select, text, update

from penstock.model.dag import DagSpec, from_json
from penstock.model.request import DagChanged
from penstock.model.run import Run, TaskInstance, Try
from penstock.model.state import Outcome, RunState
from penstock.store import rows, tables
from penstock.store.rows import Codec
from penstock.store.writer import Writer

T = TypeVar("T")


class DagRow(msgspec.Struct, frozen=True):
    """A DAG for people.

    Attributes:
        runs: Number of its runs by state; states without a run are absent.
        cursor: End of the last data interval for which a run was created.
    """

    dag_id: str
    file: str
    paused: bool
    active: bool
    version: str
    cursor: datetime | None
    changed_at: datetime
    spec: DagSpec
    runs: dict[RunState, int]


class PastTry(msgspec.Struct, frozen=True):
    """A try with what it answered after it was given up, if it did."""

    attempt: Try
    late_outcome: Outcome | None
    late_at: datetime | None


class People(Writer):
    """Reads for people; a part of `penstock.store.Store`."""

    codec: Codec

    def dag_rows(self, *, search: str = "", retired: bool = False) -> list[DagRow]:
        """DAGs by id.

        Args:
            search: Part of the id, in any case; "" for all.
            retired: Whether to include those that no file defines any more.
        """
        d, v, s = tables.dag.c, tables.dag_version.c, tables.dag_spec.c
        query = (
            select(*tables.dag.c, s.data)
            .join_from(tables.dag, tables.dag_version, v.version == d.version)
            .join(tables.dag_spec, s.spec == v.spec)
            .order_by(d.dag_id)
        )
        if search:
            query = query.where(d.dag_id.icontains(search, autoescape=True))
        if not retired:
            query = query.where(d.active)
        with self.database.read() as connection:
            found = connection.execute(query).mappings().all()
            counts: dict[str, dict[RunState, int]] = {}
            for dag_id, state, number in connection.execute(
                text("SELECT dag_id, state, count(*) FROM run GROUP BY dag_id, state")
            ):
                counts.setdefault(dag_id, {})[RunState(state)] = number
        return [_dag_row(row, counts.get(row["dag_id"], {})) for row in found]

    def dag_row(self, dag_id: str) -> DagRow | None:
        """One DAG, retired or not; None if there is none."""
        sql = (
            "SELECT d.dag_id, d.file, d.paused, d.active, d.version, d.cursor, d.changed_at, s.data FROM dag d "
            "JOIN dag_version v ON v.version = d.version JOIN dag_spec s ON s.spec = v.spec WHERE d.dag_id = :dag_id"
        )
        with self.database.read() as connection:
            row = connection.execute(text(sql).columns(*_DAG_COLUMNS), {"dag_id": dag_id}).mappings().fetchone()
            counted = connection.execute(
                text("SELECT state, count(*) FROM run WHERE dag_id = :dag_id GROUP BY state"), {"dag_id": dag_id}
            )
            counts = {RunState(state): number for state, number in counted}
        return _dag_row(row, counts) if row else None

    def dag_ids(self) -> list[str]:
        """The ids of all DAGs that a file defines."""
        with self.database.read() as connection:
            return list(connection.execute(select(tables.dag.c.dag_id).where(tables.dag.c.active)).scalars())

    def set_paused(self, dag_id: str, now: datetime, *, paused: bool) -> bool:
        """Pause or unpause a DAG and tell the scheduler; returns whether the DAG exists."""
        with self.transaction() as tx:
            statement = update(tables.dag).where(tables.dag.c.dag_id == dag_id).values(paused=paused, changed_at=now)
            known = tx.execute(statement).rowcount > 0
            tx.submit([DagChanged(dag_id)] if known else [], now)
        return known

    def runs(
        self, *, dag_id: str = "", state: RunState | None = None, before: int | None = None, limit: int = 50
    ) -> list[Run]:
        """A page of runs, newest first.

        Args:
            dag_id: Only runs of this DAG; "" for all.
            state: Only runs in this state; None for all.
            before: Only runs with a smaller number: the last number of the page before; None for the first page.
            limit: Length of the page.
        """
        wanted: dict[str, Any] = {"dag_id": dag_id, "state": state and state.value, "before": before}
        given = {name: value for name, value in wanted.items() if value not in ("", None)}
        conditions = [f"{'run < ' if name == 'before' else name + ' = '}:{name}" for name in given]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT {', '.join(rows.RUN.split())} FROM run {where} ORDER BY run DESC LIMIT :limit"
        with self.database.read() as connection:
            return [self.codec.read_run(row) for row in connection.execute(text(sql), {**given, "limit": limit})]

    def run(self, number: int) -> Run | None:
        """The run of this number, or None."""
        return self._one_run("run = :run", {"run": number})

    def run_named(self, dag_id: str, run_id: str) -> Run | None:
        """The run of this DAG and run id, or None."""
        return self._one_run("dag_id = :dag_id AND run_id = :run_id", {"dag_id": dag_id, "run_id": run_id})

    def tasks(self, run: int, task_id: str = "") -> list[TaskInstance]:
        """Task instances of a run, by task id and index; of one task if ``task_id`` is given."""
        return self._of_run(tables.task_instance.name, rows.TASK, self.codec.read_task, (run, task_id), "map_index")

    def tries(self, run: int, task_id: str = "") -> list[PastTry]:
        """Tries of a run, by task id, index and epoch; of one task if ``task_id`` is given."""
        columns = rows.TRY + " late_outcome late_at"

        def read(row: Any) -> PastTry:  # noqa: ANN401 - a row
            late = Outcome(row[-2]) if row[-2] else None
            return PastTry(self.codec.read_try(row[:-2]), late, self.codec.read_at(row[-1]))

        return self._of_run('"try"', columns, read, (run, task_id), "map_index, epoch")

    def problems(self) -> dict[str, tuple[str, ...]]:
        """What is wrong with DAG files, by file; files without problems are absent."""
        sql = "SELECT file, problems FROM source_file WHERE problems <> '[]' ORDER BY file"
        with self.database.read() as connection:
            found = connection.execute(text(sql)).fetchall()
        return {file: msgspec.json.decode(problems, type=tuple[str, ...]) for file, problems in found}

    def _one_run(self, where: str, given: Mapping[str, Any]) -> Run | None:
        sql = f"SELECT {', '.join(rows.RUN.split())} FROM run WHERE {where}"
        with self.database.read() as connection:
            row = connection.execute(text(sql), given).fetchone()
        return self.codec.read_run(row) if row else None

    def _of_run(self, table: str, columns: str, read: Callable[[Any], T], of: tuple[int, str], order: str) -> list[T]:
        number, task_id = of
        given: dict[str, Any] = {"run": number, "task_id": task_id} if task_id else {"run": number}
        where = " AND ".join(f"{name} = :{name}" for name in given)
        sql = f"SELECT {', '.join(columns.split())} FROM {table} WHERE {where} ORDER BY task_id, {order}"
        with self.database.read() as connection:
            return [read(row) for row in connection.execute(text(sql), given)]


_DAG_COLUMNS = [
    tables.dag.c[name] for name in ("dag_id", "file", "paused", "active", "version", "cursor", "changed_at")
] + [tables.dag_spec.c.data]


def _dag_row(row: Mapping[Any, Any], runs: dict[RunState, int]) -> DagRow:
    return DagRow(
        dag_id=row["dag_id"],
        file=row["file"],
        paused=row["paused"],
        active=row["active"],
        version=row["version"],
        cursor=row["cursor"],
        changed_at=row["changed_at"],
        spec=from_json(row["data"]),
        runs=runs,
    )
