"""What the loader keeps: DAG files as they were imported last, and every version of every DAG that a run may need."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, select, update

from penstock.decoders import decode_json
from penstock.model.dag import DagSpec, to_json
from penstock.model.feed.delta import FileDelta
from penstock.model.request import DagChanged
from penstock.model.source import ParsedFile
from penstock.model.values.content_hashes import content_hash
from penstock.store.assets.asset_uses import publish_assets
from penstock.store.sql import tables
from penstock.store.sql.wakeup import VARIABLES
from penstock.store.store import Store
from penstock.store.transaction import Transaction

_NAMES_PER_READ = 500

_d, _v = tables.dag.c, tables.dag_version.c
FILES = select(tables.source_file).order_by(tables.source_file.c.file)
DAGS_OF_FILES = select(_d.file, _d.dag_id).where(_d.active).order_by(_d.dag_id)
CURSORS = select(_d.file, _d.dag_id, _d.cursor).where(_d.active, _d.planned.is_not(None), _d.cursor.is_not(None))
SNAPSHOTS = select(_v.snapshot).distinct()


class LoaderCatalog:
    """The loader's view of the store, which is woken when Variables change.

    Args:
        store: The open store.
        variables: Finds the present text of Variables by their keys; None for those that do not exist.
        clock: Tells the present.
        saved: Called with the DAGs of files that were saved.
    """

    def __init__(
        self,
        store: Store,
        variables: Callable[[Collection[str]], dict[str, str | None]],
        clock: Callable[[], datetime],
        saved: Callable[[list[DagSpec]], None] = lambda _: None,
    ) -> None:
        self._store, self._variables, self._clock, self._saved = store, variables, clock, saved
        self._wakeup = store.wakeups.listen(VARIABLES)

    def close(self) -> None:
        """Stop listening; the store stays open."""
        self._wakeup.close()

    def files(self) -> dict[str, ParsedFile]:
        """Every file that is known, by its path."""
        with self._store.database.read() as connection:
            owned: dict[str, list[str]] = {}
            for file, dag_id in connection.execute(DAGS_OF_FILES):
                owned.setdefault(file, []).append(dag_id)
            found = connection.execute(FILES).mappings().all()
        return {row["file"]: self._known(dict(row), tuple(owned.get(row["file"], ()))) for row in found}

    def save(self, *parsed: ParsedFile) -> None:
        """Keep the results of some imports; see `penstock.load.loader_store.LoaderStore.save`."""
        now = self._clock()
        encrypted = [(each, self._encrypted(each.variables)) for each in parsed]
        good = [(each, variables) for each, variables in encrypted if not each.problems]
        with self._store.transaction() as tx:
            tx.replace(tables.source_file, [_record(each, variables) for each, variables in encrypted])
            writer = _VersionWriter(tx, [each for each, _ in good], now)
            for each, variables in good:
                writer.put(each, variables)
            tx.submit([DagChanged(dag_id) for dag_id in writer.write()], now)
            tx.add_deltas([FileDelta(each.file, len(each.problems)) for each in parsed], now)
        self._saved([dag for each, _ in good for dag in each.dags])

    def adopt(self, snapshots: Mapping[str, str]) -> None:
        """Let new runs of files' DAGs use other snapshots; see `penstock.load.loader_store.LoaderStore.adopt`.

        Each DAG of these files gets a version, although neither its structure nor what its import read has changed: what
        its runs may read while they run has (a query, a template, a module imported inside a task). A version costs a row;
        its structure is stored once under its own hash, and versions that nothing needs are deleted.
        """
        now = self._clock()
        with self._store.transaction() as tx:
            changed: list[str] = []
            for some in _portions(sorted(snapshots)):
                changed += self._adopt(tx, snapshots, some, now)
            tx.submit([DagChanged(dag_id) for dag_id in changed], now)

    def retire(self, file: str) -> None:
        """Forget a file that is gone and retire the DAGs it owns: no new runs, and live ones go on."""
        now = self._clock()
        with self._store.transaction() as tx:
            tx.execute(tables.source_file.delete().where(tables.source_file.c.file == file))
            tx.submit([DagChanged(dag_id) for dag_id in _retire(tx, file, set(), now)], now)
            tx.add_deltas([FileDelta(file)], now)

    def cursors(self) -> dict[str, dict[str, datetime]]:
        """By file, when the last run of each of its DAGs whose timetable is code fell due."""
        found: dict[str, dict[str, datetime]] = {}
        with self._store.database.read() as connection:
            for file, dag_id, cursor in connection.execute(CURSORS):
                found.setdefault(file, {})[dag_id] = cursor
        return found

    def snapshots(self) -> set[str]:
        """Hashes of the snapshots of all versions that are stored: those of the DAGs, and of the runs that are kept."""
        with self._store.database.read() as connection:
            return {snapshot for snapshot in connection.execute(SNAPSHOTS).scalars() if snapshot}

    def variables(self, keys: Collection[str]) -> dict[str, str | None]:
        """The present text of these Variables, None for those that do not exist; raises ConfigError or StoreError."""
        return self._variables(keys)

    def fileno(self) -> int:
        """A descriptor that is readable when some Variable may have changed, in whichever process that was done."""
        return self._wakeup.fileno()

    @property
    def cut(self) -> bool:
        """Whether `fileno` hears nothing any more before `drain` is called."""
        return self._wakeup.cut

    def drain(self) -> None:
        """Make `fileno` quiet until the next change; never blocks."""
        self._wakeup.drain()

    def _encrypted(self, variables: Mapping[str, str | None]) -> bytes:
        if not variables:
            return b""
        return self._store.keyring.encrypt(msgspec.json.encode(variables, order="sorted"))

    def _known(self, row: Mapping[str, Any], dag_ids: tuple[str, ...]) -> ParsedFile:
        encrypted = row["variables"]
        decrypted = (
            self._store.keyring.decrypt(encrypted, f"the Variables of DAG file {row['file']!r}") if encrypted else b"{}"
        )
        return ParsedFile(
            file=row["file"],
            snapshot="",
            sources=decode_json(row["sources"], dict[str, str]),
            variables=decode_json(decrypted, dict[str, str | None]),
            refresh_s=row["refresh_s"],
            parsed_at=row["parsed_at"],
            duration_s=row["duration_s"],
            problems=decode_json(row["problems"], tuple[str, ...]),
            notes=decode_json(row["notes"], tuple[str, ...]),
            dag_ids=dag_ids,
        )

    def _adopt(self, tx: Transaction, snapshots: Mapping[str, str], files: Sequence[str], now: datetime) -> list[str]:
        query = (
            select(_d.dag_id, _v.spec, _v.snapshot, _d.file, _v.variables)
            .join_from(tables.dag, tables.dag_version, _v.version == _d.version)
            .where(_d.file.in_(files), _d.active)
            .order_by(_d.dag_id)
        )
        rows, moves = [], []
        for row in tx.execute(query).mappings().all():
            snapshot = snapshots[row["file"]]
            if row["snapshot"] == snapshot:
                continue
            encrypted = row["variables"]
            decrypted = (
                self._store.keyring.decrypt(encrypted, f"the Variables of DAG {row['dag_id']!r}")
                if encrypted
                else b"{}"
            )
            version = _VersionContent(snapshot, msgspec.json.decode(decrypted), encrypted).version(row["spec"])
            rows.append({**row, "snapshot": snapshot, "version": version, "created_at": now})
            moves.append({"dag_id": row["dag_id"], "version": version, "changed_at": now})
        tx.insert_absent(tables.dag_version, rows)
        tx.update_many(tables.dag, "dag_id", moves)
        return [move["dag_id"] for move in moves]


def _record(parsed: ParsedFile, encrypted: bytes) -> dict[str, Any]:
    return {
        "file": parsed.file,
        "sources": msgspec.json.encode(parsed.sources).decode(),
        "variables": encrypted,
        "refresh_s": parsed.refresh_s,
        "parsed_at": parsed.parsed_at,
        "duration_s": parsed.duration_s,
        "problems": msgspec.json.encode(parsed.problems).decode(),
        "notes": msgspec.json.encode(parsed.notes).decode(),
    }


class _VersionWriter:
    """The current versions of the DAGs that some files define or defined, changed in memory and written at once.

    Args:
        tx: The transaction.
        parsed: The files, each without problems.
        now: When it happens.
    """

    def __init__(self, tx: Transaction, parsed: Sequence[ParsedFile], now: datetime) -> None:
        self._tx, self._now = tx, now
        self._before: dict[str, _Current] = {}
        query = select(_d.dag_id, _d.version, _d.file, _d.active, _d.planned, _d.alerting)
        for files in _portions([each.file for each in parsed]):
            self._read(query.where(_d.file.in_(files)))
        for dag_ids in _portions([dag.dag_id for each in parsed for dag in each.dags]):
            self._read(query.where(_d.dag_id.in_(dag_ids)))
        self._current = dict(self._before)
        self._specs: list[dict[str, Any]] = []
        self._versions: list[dict[str, Any]] = []
        self._paused: dict[str, bool] = {}
        self._changed: list[DagSpec] = []

    def put(self, parsed: ParsedFile, encrypted: bytes) -> None:
        """Make a file's DAGs current, and retire those that it owned and defines no longer."""
        content = _VersionContent(parsed.snapshot, parsed.variables, encrypted)
        owned = [name for name, current in self._current.items() if current.file == parsed.file and current.active]
        for dag in parsed.dags:
            data = to_json(dag)
            spec = content_hash(data)
            planned = _planned(parsed, dag.dag_id)
            current = _Current(content.version(spec), parsed.file, True, planned, dag.alerting)
            self._paused[dag.dag_id] = dag.paused_upon_creation
            before = self._current.get(dag.dag_id)
            self._current[dag.dag_id] = current
            if before is None or before._replace(planned=current.planned) != current:
                self._changed.append(dag)
                self._specs.append({"spec": spec, "data": data})
                self._versions.append(
                    {
                        "version": current.version, "dag_id": dag.dag_id, "spec": spec, "snapshot": content.snapshot,
                        "file": parsed.file, "variables": encrypted, "created_at": self._now,
                    }
                )  # fmt: skip
        for gone in set(owned) - {dag.dag_id for dag in parsed.dags}:
            self._current[gone] = self._current[gone]._replace(active=False)

    def write(self) -> list[str]:
        """Write what is different now; returns the ids of the DAGs that changed."""
        changed = {dag_id: current for dag_id, current in self._current.items() if self._before.get(dag_id) != current}
        rows = [{"dag_id": dag_id, **current._asdict(), "changed_at": self._now} for dag_id, current in changed.items()]
        self._tx.insert_absent(tables.dag_spec, self._specs)
        self._tx.insert_absent(tables.dag_version, self._versions)
        fresh = [{**row, "paused": self._paused[row["dag_id"]]} for row in rows if row["dag_id"] not in self._before]
        self._tx.execute_many(tables.dag.insert(), fresh)
        self._tx.update_many(tables.dag, "dag_id", [row for row in rows if row["dag_id"] in self._before])
        publish_assets(self._tx, self._changed, [d.dag_id for d in self._changed if d.dag_id in self._before])
        return list(changed)

    def _read(self, query: Select[Any]) -> None:
        for row in self._tx.execute(query).all():
            self._before[row.dag_id] = _Current(row.version, row.file, row.active, row.planned, row.alerting)


class _Current(NamedTuple):
    """Which version of a DAG is current, which file it is from, its planned runs, and whether anybody is to be told of it."""

    version: str
    file: str
    active: bool
    planned: str | None
    alerting: bool


class _VersionContent(msgspec.Struct, frozen=True):
    """What a version holds beside the DAG's structure."""

    snapshot: str
    variables: Mapping[str, str | None]
    encrypted: bytes

    def version(self, spec: str) -> str:
        """The name of a version: the hash of all that it holds. The encrypted form differs at each encryption."""
        return content_hash(msgspec.json.encode([spec, self.snapshot, self.variables], order="sorted"))


def _planned(parsed: ParsedFile, dag_id: str) -> str | None:
    found = parsed.planned.get(dag_id)
    return None if found is None else msgspec.json.encode(found).decode()


def _retire(tx: Transaction, file: str, keep: set[str], now: datetime) -> list[str]:
    owned = tx.execute(select(_d.dag_id).where(_d.file == file, _d.active).order_by(_d.dag_id)).scalars()
    gone = [dag_id for dag_id in owned.all() if dag_id not in keep]
    for some in _portions(gone):
        tx.execute(update(tables.dag).where(_d.dag_id.in_(some)).values(active=False, changed_at=now))
    return gone


def _portions(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + _NAMES_PER_READ] for start in range(0, len(names), _NAMES_PER_READ)]
