"""DAGs and their versions, as the loader stored them: read by the scheduler and for users."""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_, update

from penstock.decoders import decode_json
from penstock.errors import DataUnreadableError
from penstock.model.dag import DagSpec, from_json
from penstock.model.history.audit import AuditEntry
from penstock.model.request import DagChanged
from penstock.model.schedule import PlannedRun, Schedule
from penstock.model.source import FileProblems
from penstock.model.state import RunState
from penstock.store.keyring import Keyring
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.transaction import Writer

VERSIONS_IN_MEMORY = 500


class DagState(msgspec.Struct, frozen=True):
    """A DAG as the scheduler knows it.

    Attributes:
        version: Version that new runs are pinned to.
        active: False once no file defines it any more: no new runs, live ones go on.
        cursor: When the last scheduled run that was created fell due; None before the first.
        planned: Upcoming runs as JSON, if its timetable is code.
    """

    dag_id: str
    version: str
    file: str
    paused: bool
    active: bool
    cursor: datetime | None
    planned: str | None = None


class UnreadableDag(msgspec.Struct, frozen=True):
    """A DAG whose row cannot be read."""

    dag_id: str
    fault: str


class DagRow(msgspec.Struct, frozen=True):
    """A DAG for people.

    Attributes:
        runs: Number of its runs by state; states without a run are absent.
        cursor: When the last scheduled run that was created fell due.
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


class Version(msgspec.Struct, frozen=True):
    """What a run is pinned to.

    Attributes:
        version: Content hash of all the other attributes.
        spec: The DAG's structure.
        snapshot: Hash of the snapshot of the file's closure, which its tries import.
        file: DAG file inside the snapshot.
        variables: Value of each Variable that the file read while it was imported; None for one that did not exist.
    """

    version: str
    spec: DagSpec
    snapshot: str
    file: str
    variables: dict[str, str | None]


class StoredVersion(msgspec.Struct, frozen=True):
    """A version of a DAG, as a list shows it."""

    version: str
    created_at: datetime


class _DagTags(msgspec.Struct):
    tags: tuple[str, ...] = ()


def tags_of(data: bytes) -> tuple[str, ...]:
    """The tags in a DAG's JSON; of its structure nothing else is read."""
    return decode_json(data, _DagTags).tags


_d, _v, _s, _f, _r = tables.dag.c, tables.dag_version.c, tables.dag_spec.c, tables.source_file.c, tables.run.c

STATES = select(*tables.columns(tables.dag, DagState)).order_by(_d.dag_id)
STATE = STATES.where(_d.dag_id == bindparam("of"))
IDS = select(_d.dag_id).order_by(_d.dag_id)
ROWS: Select[Any] = (
    select(*tables.dag.c, _s.data)
    .join_from(tables.dag, tables.dag_version, _v.version == _d.version)
    .join(tables.dag_spec, _s.spec == _v.spec)
    .order_by(_d.dag_id)
)
TAGGED = (
    select(_d.dag_id, _s.data)
    .join_from(tables.dag, tables.dag_version, _v.version == _d.version)
    .join(tables.dag_spec, _s.spec == _v.spec)
)
RUN_COUNTS = select(_r.dag_id, _r.state, func.count()).group_by(_r.dag_id, _r.state)
ROW = ROWS.where(_d.dag_id == bindparam("of"))
RUN_COUNTS_OF = RUN_COUNTS.where(_r.dag_id == bindparam("of"))
VERSION: Select[Any] = (
    select(_v.spec, _s.data, _v.snapshot, _v.file, _v.variables)
    .join_from(tables.dag_version, tables.dag_spec, _s.spec == _v.spec)
    .where(_v.version == bindparam("version"))
)
VERSIONS_OF = (
    select(*tables.columns(tables.dag_version, StoredVersion))
    .where(_v.dag_id == bindparam("dag_id"))
    .order_by(_v.created_at.desc(), _v.version.desc())
)
PROBLEMS = select(_f.file, _f.problems, _f.notes).where((_f.problems != "[]") | (_f.notes != "[]")).order_by(_f.file)


class Dags:
    """Reads DAGs, and pauses them. Every method raises StoreError if the database cannot serve."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database, self._writer = database, writer

    def states(self) -> list[DagState | UnreadableDag]:
        """Every DAG, retired ones included, by id."""
        with self._database.read() as connection:
            try:
                return [DagState(*row) for row in connection.execute(STATES).all()]
            except DataUnreadableError:
                return [_state(connection, dag_id) for dag_id in connection.execute(IDS).scalars().all()]

    def state(self, dag_id: str) -> DagState | None:
        """One DAG, or None."""
        with self._database.read() as connection:
            row = connection.execute(STATE, {"of": dag_id}).one_or_none()
        return None if row is None else DagState(*row)

    def rows(self) -> list[DagRow]:
        """All DAGs that a file defines, by id, for what looks at each of them; lists for people are read by `penstock.store.views`."""
        with self._database.read() as connection:
            found = connection.execute(ROWS.where(_d.active)).all()
            counts = counts_by_dag(connection.execute(RUN_COUNTS))
        return [dag_row(row, counts) for row in found]

    def row(self, dag_id: str) -> DagRow | None:
        """One DAG for people, retired or not; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(ROW, {"of": dag_id}).one_or_none()
            counts = counts_by_dag(connection.execute(RUN_COUNTS_OF, {"of": dag_id}))
        return None if row is None else dag_row(row, counts)

    def ids(self) -> list[str]:
        """The ids of all DAGs that a file defines."""
        with self._database.read() as connection:
            return list(connection.execute(select(_d.dag_id).where(_d.active)).scalars())

    def by_file(self, *, file: str = "", retired: bool = False) -> dict[str, set[str]]:
        """The DAGs that each file defines, or one that is named; and those that it defined last if retired ones are asked for, too."""
        found: dict[str, set[str]] = {}
        query = select(_d.dag_id, _d.file).where(_d.active | retired)
        with self._database.read() as connection:
            for dag_id, name in connection.execute(query.where(_d.file == file) if file else query):
                found.setdefault(name, set()).add(dag_id)
        return found

    def set_paused(self, dag_id: str, now: datetime, *, paused: bool, audit: AuditEntry | None = None) -> bool:
        """Pause or unpause a DAG and request the scheduler to follow; returns whether the DAG exists."""
        with self._writer.transaction() as tx:
            statement = update(tables.dag).where(_d.dag_id == dag_id).values(paused=paused, changed_at=now)
            known = tx.execute(statement).rowcount > 0
            tx.submit([DagChanged(dag_id)] if known else [], now)
            if known and audit is not None:
                tx.audit(audit)
        return known

    def problems(self) -> dict[str, FileProblems]:
        """What is wrong with DAG files, or worth a note, by file; files with neither are absent."""
        with self._database.read() as connection:
            found = connection.execute(PROBLEMS).all()
        return {file: FileProblems(_sentences(problems), _sentences(notes)) for file, problems, notes in found}


class Versions:
    """Reads what runs are pinned to, and keeps in memory what was asked for last.

    An edit of a query gives DAGs a new version with the same structure. So versions share their structure as long as
    anybody uses it, and no more than some versions are kept: a live run's is asked for at each of its tries, so it stays,
    and one that fell out is read again.

    Args:
        database: The database.
        keyring: Decrypts the Variables that a version is pinned to.
        kept: How many versions are kept in memory.
    """

    def __init__(self, database: Database, keyring: Keyring, kept: int = VERSIONS_IN_MEMORY) -> None:
        self._database, self._keyring, self._kept = database, keyring, kept
        self._versions: OrderedDict[str, Version] = OrderedDict()
        self._specs: WeakValueDictionary[str, DagSpec] = WeakValueDictionary()
        self._lock = Lock()

    def get(self, version: str) -> Version | None:
        """What this version holds; None if there is none.

        Raises:
            ConfigError: Its Variables were encrypted with another key.
            StoreError: The database cannot serve.
        """
        with self._lock:
            if version in self._versions:
                self._versions.move_to_end(version)
                return self._versions[version]
        with self._database.read() as connection:
            row = connection.execute(VERSION, {"version": version}).one_or_none()
        if row is None:
            return None
        with self._lock:
            found = self._versions[version] = self._decoded(version, row)
            if len(self._versions) > self._kept:
                self._versions.popitem(last=False)
        return found

    def of(
        self, dag_id: str, *, after: tuple[datetime, str] | None = None, limit: int | None = None
    ) -> list[StoredVersion]:
        """The stored versions of a DAG, newest first, behind the last one of the page before; raises StoreError."""
        query = VERSIONS_OF if limit is None else VERSIONS_OF.limit(limit)
        if after is not None:
            query = query.where(tuple_(_v.created_at, _v.version) < after)
        with self._database.read() as connection:
            return [StoredVersion(*row) for row in connection.execute(query, {"dag_id": dag_id}).all()]

    def spec(self, version: str) -> DagSpec | None:
        """The structure of a version; None if there is none. Raises as `get`."""
        found = self.get(version)
        return found.spec if found else None

    def _decoded(self, version: str, row: Row[Any]) -> Version:
        spec = self._specs.get(row.spec)
        if spec is None:
            spec = self._specs[row.spec] = from_json(row.data)
        what = f"the Variables of DAG file {row.file!r}"
        decrypted = self._keyring.decrypt(row.variables, what) if row.variables else b"{}"
        return Version(version, spec, row.snapshot, row.file, decode_json(decrypted, dict[str, str | None]))


def planned_dag(spec: DagSpec, planned: str | None) -> DagSpec:
    """The structure of a DAG with its planned runs, as they are stored beside its versions.

    Raises:
        DataUnreadableError: They cannot be read.
    """
    return spec if planned is None else replace(spec, schedule=planned_runs(spec.schedule, planned))


def planned_runs(schedule: Schedule, planned: str) -> Schedule:
    """A schedule with its planned runs; raises DataUnreadableError if they cannot be read."""
    try:
        runs = decode_json(planned, tuple[PlannedRun, ...])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise DataUnreadableError(f"{planned!r:.200} are no planned runs: {error}") from None
    return replace(schedule, planned=runs)


def _state(connection: Connection, dag_id: str) -> DagState | UnreadableDag:
    try:
        return DagState(*connection.execute(STATES.where(_d.dag_id == dag_id)).one())
    except DataUnreadableError as error:
        return UnreadableDag(dag_id, str(error))


def _sentences(text: str) -> tuple[str, ...]:
    return decode_json(text, tuple[str, ...])


def counts_by_dag(counted: Iterable[Any]) -> dict[str, dict[RunState, int]]:
    """Numbers of runs by DAG and state, of rows of `RUN_COUNTS`."""
    counts: dict[str, dict[RunState, int]] = {}
    for dag_id, state, number in counted:
        counts.setdefault(dag_id, {})[state] = number
    return counts


def dag_row(row: Row[Any], counts: dict[str, dict[RunState, int]]) -> DagRow:
    """A DAG for people, of a row of `ROWS` and the numbers of runs."""
    return DagRow(
        dag_id=row.dag_id,
        file=row.file,
        paused=row.paused,
        active=row.active,
        version=row.version,
        cursor=row.cursor,
        changed_at=row.changed_at,
        spec=planned_dag(from_json(row.data), row.planned),
        runs=counts.get(row.dag_id, {}),
    )
