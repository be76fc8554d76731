"""What is deleted when it is old: finished runs, and versions of DAGs that nothing needs; in small portions."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select, text

from penstock.model.run import Run
from penstock.store import rows, tables
from penstock.store.rows import Codec
from penstock.store.writer import Writer

_FINISHED = ("success", "failed", "cancelled")


class Upkeep(Writer):
    """Deletes what is old; a part of `penstock.store.Store`."""

    codec: Codec

    def finished_before(self, before: datetime, after: int = 0, limit: int = 100) -> list[Run]:
        """Finished runs that ended before an instant, oldest first.

        Args:
            before: Runs that ended earlier.
            after: Runs with a larger number: the last one of the portion before.
            limit: How many at most.
        """
        r = tables.run.c
        query = (
            select(r.run).where(r.state.in_(_FINISHED), r.ended_at < before, r.run > after).order_by(r.run).limit(limit)
        )
        with self.database.read() as connection:
            marks = ", ".join(str(number) for number in connection.execute(query).scalars())
            sql = f"SELECT {', '.join(rows.RUN.split())} FROM run WHERE run IN ({marks or 'NULL'}) ORDER BY run"
            return [self.codec.read_run(row) for row in connection.execute(text(sql))]

    def delete_runs(self, numbers: Sequence[int]) -> int:
        """Delete runs with all that belongs to them, except those that live again; returns how many were deleted."""
        r = tables.run.c
        with self.transaction() as tx:
            return tx.execute(delete(tables.run).where(r.run.in_(numbers), r.state.in_(_FINISHED))).rowcount

    def live_runs(self) -> set[tuple[str, str]]:
        """DAG id and run id of every unfinished run."""
        r = tables.run.c
        query = select(r.dag_id, r.run_id).where(r.state.in_(("queued", "running")))
        with self.database.read() as connection:
            return {(dag_id, run_id) for dag_id, run_id in connection.execute(query)}

    def unused_versions(self, before: datetime) -> list[str]:
        """Versions that are no DAG's present one and no run's, of DAGs that have not changed since an instant.

        The instant leaves time to whoever has just read that a version is the present one, and makes a run of it.
        """
        d, v = tables.dag.c, tables.dag_version.c
        old = (
            select(v.version)
            .join_from(tables.dag_version, tables.dag, d.dag_id == v.dag_id)
            .where(d.changed_at < before, d.version != v.version)
        )
        with self.database.read() as connection:
            return list(connection.execute(old.except_(select(tables.run.c.version))).scalars())

    def delete_versions(self, versions: Sequence[str]) -> None:
        """Delete versions, and the structures that no version has any more."""
        v, s = tables.dag_version.c, tables.dag_spec.c
        with self.transaction() as tx:
            specs = list(tx.execute(select(v.spec).where(v.version.in_(versions)).distinct()).scalars())
            tx.execute(delete(tables.dag_version).where(v.version.in_(versions)))
            used = select(v.spec).where(v.spec.in_(specs))
            tx.execute(delete(tables.dag_spec).where(s.spec.in_(specs), s.spec.not_in(used)))
