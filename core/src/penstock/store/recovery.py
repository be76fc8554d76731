"""What the scheduler reads: everything that lives, so that a new process goes on where a killed one stopped."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from penstock.model.dag import DagSpec, from_json
from penstock.model.request import Request
from penstock.model.run import Run, TaskInstance, TaskKey, Try
from penstock.model.state import RunState
from penstock.store import rows
from penstock.store.database import Database
from penstock.store.keyring import Keyring
from penstock.store.rows import Codec

_LIVE_RUN = "(r.state IN ('queued', 'running') OR r.run IN (SELECT run FROM \"try\" WHERE outcome IS NULL))"
_KEYS_PER_READ = 200


class DagState(msgspec.Struct, frozen=True):
    """A DAG as the scheduler knows it.

    Attributes:
        version: Version that new runs are pinned to.
        active: False once no file defines it any more: no new runs, live ones go on.
        cursor: End of the last data interval for which a run was created; None before the first.
    """

    dag_id: str
    version: str
    file: str
    paused: bool
    active: bool
    cursor: datetime | None


class Version(msgspec.Struct, frozen=True):
    """What a run is pinned to.

    Attributes:
        version: Content hash of all the other attributes.
        spec: The DAG's structure.
        snapshot: Hash of the source folder's snapshot that its tries import.
        file: DAG file inside the snapshot.
        variables: Value of each Variable that the file read while it was imported; None for one that did not exist.
    """

    version: str
    spec: DagSpec
    snapshot: str
    file: str
    variables: dict[str, str | None]


class RunSnapshot(msgspec.Struct, frozen=True):
    """One run with all that belongs to it: its task instances and the newest try of each that is live."""

    run: Run
    tasks: list[TaskInstance]
    tries: list[Try]


class Recovery:
    """Reads for the scheduler; a part of `penstock.store.Store`."""

    def __init__(self, database: Database, codec: Codec, keyring: Keyring) -> None:
        self.database, self.codec, self.keyring = database, codec, keyring
        self._versions: dict[str, Version] = {}

    def live(self) -> list[RunSnapshot]:
        """Every run that is unfinished or has an open try, oldest first, in one consistent view.

        Costs what lives, whatever has finished. A finished run has an open try if that was told to end, by a cancel or
        a clear, and has not answered.
        """
        with self.database.read() as connection:
            return self._snapshots(connection, _LIVE_RUN, {})

    def run_snapshot(self, run: int) -> RunSnapshot | None:
        """One run, finished or not; None if there is none of this number."""
        with self.database.read() as connection:
            found = self._snapshots(connection, "r.run = :run", {"run": run})
        return found[0] if found else None

    def dags(self) -> list[DagState]:
        """Every DAG, retired ones included, by id."""
        sql = "SELECT dag_id, version, file, paused, active, cursor FROM dag ORDER BY dag_id"
        with self.database.read() as connection:
            return [self._dag(row) for row in connection.execute(text(sql))]

    def dag(self, dag_id: str) -> DagState | None:
        """One DAG, or None."""
        sql = "SELECT dag_id, version, file, paused, active, cursor FROM dag WHERE dag_id = :dag_id"
        with self.database.read() as connection:
            row = connection.execute(text(sql), {"dag_id": dag_id}).fetchone()
        return self._dag(row) if row else None

    def version(self, version: str) -> Version | None:
        """What this version holds, kept in memory once read; None if there is none.

        Raises:
            ConfigError: Its Variables were sealed with another key.
        """
        if version not in self._versions:
            sql = (
                "SELECT s.data, v.snapshot, v.file, v.variables FROM dag_version v JOIN dag_spec s ON s.spec = v.spec "
                "WHERE v.version = :version"
            )
            with self.database.read() as connection:
                row = connection.execute(text(sql), {"version": version}).fetchone()
            if row is None:
                return None
            self._versions[version] = self._version(version, row)
        return self._versions[version]

    def dag_spec(self, version: str) -> DagSpec | None:
        """The structure of a version; None if there is none."""
        found = self.version(version)
        return found.spec if found else None

    def forget_versions(self, keep: Iterable[str]) -> None:
        """Drop from memory every version but these."""
        wanted = set(keep)
        self._versions = {key: value for key, value in self._versions.items() if key in wanted}

    def requests(self, after: int = 0) -> list[tuple[int, Request]]:
        """Requests with a number above ``after`` that no step has handled, in their order."""
        sql = "SELECT number, body FROM request WHERE number > :after ORDER BY number"
        with self.database.read() as connection:
            found = connection.execute(text(sql), {"after": after}).fetchall()
        return [(number, msgspec.json.decode(body, type=Request)) for number, body in found]

    def xcoms(self, run: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[TaskKey, str], bytes]:
        """The JSON text of what tasks of a run left, for each (task id, key) asked, of all its instances.

        Returns:
            By task instance and key; what was never left is absent.
        """
        found = self._of_xcoms(run, keys, "value")
        return {(TaskKey(run, task_id, index), key): bytes(value) for task_id, index, key, value in found}

    def xcom_lengths(self, run: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, int, str], int]:
        """Numbers of elements of lists and dicts that tasks of a run left, for each (task id, key) asked.

        Returns:
            By task id, map index and key; a value of another type is absent.
        """
        found = self._of_xcoms(run, keys, "length")
        return {(task_id, index, key): length for task_id, index, key, length in found if length is not None}

    def run_state(self, dag_id: str, run_id: str) -> RunState | None:
        """State of the run of this DAG and run id; None if there is none."""
        sql = text("SELECT state FROM run WHERE dag_id = :dag_id AND run_id = :run_id")
        with self.database.read() as connection:
            state = connection.execute(sql, {"dag_id": dag_id, "run_id": run_id}).scalar()
        return RunState(state) if state else None

    def _of_xcoms(self, run: int, keys: Iterable[tuple[str, str]], column: str) -> list[Sequence[Any]]:
        wanted = sorted(set(keys))
        found: list[Sequence[Any]] = []
        if not wanted:
            return found
        with self.database.read() as connection:
            for start in range(0, len(wanted), _KEYS_PER_READ):
                found += _read_xcoms(connection, run, wanted[start : start + _KEYS_PER_READ], column)
        return found

    def _dag(self, row: Sequence[Any]) -> DagState:
        dag_id, version, file, paused, active, cursor = row
        return DagState(dag_id, version, file, bool(paused), bool(active), self.codec.read_at(cursor))

    def _version(self, version: str, row: Sequence[Any]) -> Version:
        data, snapshot, file, sealed = row
        opened = self.keyring.unseal(sealed, f"the Variables of DAG file {file!r}") if sealed else b"{}"
        variables = msgspec.json.decode(opened, type=dict[str, str | None])
        return Version(version, from_json(data), snapshot, file, variables)

    def _snapshots(self, connection: Connection, where: str, given: Mapping[str, Any]) -> list[RunSnapshot]:
        codec = self.codec
        runs = connection.execute(text(f"SELECT {_of('r', rows.RUN)} FROM run r WHERE {where} ORDER BY r.run"), given)
        found = {row[0]: RunSnapshot(codec.read_run(row), [], []) for row in runs}
        sql = f"SELECT {_of('t', rows.TASK)} FROM run r JOIN task_instance t ON t.run = r.run WHERE {where}"
        for row in connection.execute(text(sql), given):
            found[row[0]].tasks.append(codec.read_task(row))
        sql = (
            f'SELECT {_of("a", rows.TRY)} FROM run r JOIN "try" a ON a.run = r.run WHERE {where} AND a.outcome IS NULL'
        )
        for row in connection.execute(text(sql), given):
            found[row[0]].tries.append(codec.read_try(row))
        return list(found.values())


def _of(alias: str, columns: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns.split())


def _read_xcoms(
    connection: Connection, run: int, keys: Sequence[tuple[str, str]], column: str
) -> Sequence[Sequence[Any]]:
    wanted = " OR ".join(f"(task_id = :t{i} AND key = :k{i})" for i in range(len(keys)))
    given: dict[str, Any] = {"run": run}
    for i, (task_id, key) in enumerate(keys):
        given |= {f"t{i}": task_id, f"k{i}": key}
    sql = f"SELECT task_id, map_index, key, {column} FROM xcom WHERE run = :run AND ({wanted})"
    return connection.execute(text(sql), given).fetchall()
