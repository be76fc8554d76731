"""Connections, Variables and pools: small tables that users edit; secrets are encrypted at rest."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, delete, exists, func, or_, select, update

from penstock.decoders import decode_json
from penstock.errors import ConfigError, NotFoundError
from penstock.model.connection import Connection
from penstock.model.history.audit import AuditEntry
from penstock.model.limits.rate import LONGEST_PERIOD_S, Rate
from penstock.model.request import PoolsChanged
from penstock.store.keyring import Keyring
from penstock.store.sql import tables
from penstock.store.sql.database import Database
from penstock.store.sql.wakeup import VARIABLES
from penstock.store.transaction import Transaction, Writer

_KEY_CHECK = "key_check"
_CHECK = b"penstock"

T = TypeVar("T")
Audited = Callable[[T | None], AuditEntry]
_c, _v, _p, _m = tables.connection.c, tables.variable.c, tables.pool.c, tables.meta.c
CONNECTIONS = select(_c.conn_id, _c.encrypted).order_by(_c.conn_id)
CONNECTION = select(_c.encrypted).where(_c.conn_id == bindparam("conn_id"))
CONNECTION_IDS = select(_c.conn_id).order_by(_c.conn_id)
VARIABLE_ROWS = select(_v.key, _v.encrypted, _v.description, _v.changed_at).order_by(_v.key)
VARIABLE_VALUES = select(_v.key, _v.encrypted).where(_v.key.in_(bindparam("keys", expanding=True)))
VARIABLE_KEYS = select(_v.key).order_by(_v.key)
POOLS = select(_p.name, _p.slots, _p.description, _p.rate_count, _p.rate_period_s, _p.next_at).order_by(_p.name)
ENCRYPTED = select(
    or_(
        exists().where(_m.key == _KEY_CHECK),
        exists().where(_c.conn_id.is_not(None)),
        exists().where(_v.key.is_not(None)),
        exists().where(func.length(tables.dag_version.c.variables) > 0),
        exists().where(func.length(tables.source_file.c.variables) > 0),
    )
)
KEY_CHECK = select(_m.value).where(_m.key == _KEY_CHECK)


class UnreadableSecrets(msgspec.Struct, frozen=True):
    """What no key of the keyring decrypts.

    Attributes:
        connections: Ids of connections.
        variables: Keys of Variables.
        versions: Versions of DAGs, by the values that their files read of Variables.
        files: DAG files, by the same.
    """

    connections: list[str]
    variables: list[str]
    versions: list[str]
    files: list[str]


class Pool(msgspec.Struct, frozen=True):
    """A named number of slots that tasks share.

    Attributes:
        rate: How many of them may start in which time; None for any number.
        next_at: When the next one may start by that; the scheduler's, and not written with the pool.
    """

    name: str
    slots: int
    description: str = ""
    rate: Rate | None = None
    next_at: datetime | None = None


class Variable(msgspec.Struct, frozen=True):
    """A Variable, for people: its text, and when it was last set."""

    key: str
    value: str
    description: str
    changed_at: datetime


class Config:
    """Reads and writes what users configure; with the entry of the audit, if a person changes it, which is made of what was before.

    Every method raises StoreError if the database cannot serve, and one that reads or writes the value of a connection
    or Variable raises ConfigError if no key of the keyring fits.
    """

    def __init__(self, database: Database, writer: Writer, keyring: Keyring) -> None:
        self._database, self._writer, self._keyring = database, writer, keyring

    def connection(self, conn_id: str) -> Connection | None:
        """One connection with its secrets, or None."""
        with self._database.read() as connection:
            encrypted = connection.execute(CONNECTION, {"conn_id": conn_id}).scalar()
        return None if encrypted is None else self._decrypted(conn_id, encrypted)

    def stamp(self, given: Connection) -> str:
        """What differs as soon as anything of a connection does, its secrets included, and tells nothing of them."""
        return self._keyring.digest(msgspec.json.encode(given, order="deterministic"))

    def connections(self) -> list[Connection]:
        """Every connection with its secrets, by id."""
        with self._database.read() as connection:
            found = connection.execute(CONNECTIONS).all()
        return [self._decrypted(conn_id, encrypted) for conn_id, encrypted in found]

    def connection_ids(self) -> list[str]:
        """The ids of all connections; needs no key."""
        with self._database.read() as connection:
            return list(connection.execute(CONNECTION_IDS).scalars())

    def put_connection(self, given: Connection, now: datetime, audit: Audited[Connection] | None = None) -> None:
        """Store a connection in place of any of the same id."""
        self._check_key()
        row = {
            "conn_id": given.conn_id,
            "conn_type": given.conn_type,
            "description": given.description,
            "encrypted": self._keyring.encrypt(msgspec.json.encode(given)),
            "changed_at": now,
        }
        with self._writer.transaction() as tx:
            if audit is not None:
                encrypted: Any = tx.execute(CONNECTION, {"conn_id": given.conn_id}).scalar()
                lost = encrypted is None or self._fails(encrypted)
                tx.audit(audit(None if lost else self._decrypted(given.conn_id, encrypted)))
            tx.replace(tables.connection, [row])

    def delete_connection(self, conn_id: str, audit: AuditEntry | None = None) -> None:
        """Delete a connection; raises NotFoundError if there is none."""
        with self._writer.transaction() as tx:
            if not tx.execute(delete(tables.connection).where(_c.conn_id == conn_id)).rowcount:
                raise NotFoundError("connection", conn_id, self.connection_ids())
            _audit(tx, audit)

    def variable(self, key: str) -> str | None:
        """The text of a Variable, or None if there is none."""
        return self.variable_values([key])[key]

    def variable_values(self, keys: Iterable[str]) -> dict[str, str | None]:
        """The text of each of these Variables; None for those that do not exist."""
        wanted = list(keys)
        values: dict[str, str | None] = dict.fromkeys(wanted)
        if not wanted:
            return values
        with self._database.read() as connection:
            found = connection.execute(VARIABLE_VALUES, {"keys": wanted}).all()
        for key, encrypted in found:
            values[key] = self._keyring.decrypt(encrypted, f"variable {key!r}").decode()
        return values

    def variables(self) -> list[Variable]:
        """Every Variable, by key."""
        with self._database.read() as connection:
            found = connection.execute(VARIABLE_ROWS).all()
        return [
            Variable(key, self._keyring.decrypt(encrypted, f"variable {key!r}").decode(), description, at)
            for key, encrypted, description, at in found
        ]

    def variable_keys(self) -> list[str]:
        """The keys of all Variables; needs no key of the keyring."""
        with self._database.read() as connection:
            return list(connection.execute(VARIABLE_KEYS).scalars())

    def put_variable(
        self, key: str, value: str, now: datetime, description: str = "", audit: Audited[str] | None = None
    ) -> None:
        """Store a Variable in place of any of the same key, and wake who waits for a change of Variables."""
        self._check_key()
        row = {
            "key": key,
            "description": description,
            "encrypted": self._keyring.encrypt(value.encode()),
            "changed_at": now,
        }
        with self._writer.transaction() as tx:
            if audit is not None:
                found: Any = tx.execute(VARIABLE_VALUES, {"keys": [key]}).first()
                lost = found is None or self._fails(found[1])
                tx.audit(audit(None if lost else self._keyring.decrypt(found[1], key).decode()))
            tx.replace(tables.variable, [row])
            tx.wake(VARIABLES)

    def delete_variable(self, key: str, audit: AuditEntry | None = None) -> None:
        """Delete a Variable; raises NotFoundError if there is none."""
        with self._writer.transaction() as tx:
            if not tx.execute(delete(tables.variable).where(_v.key == key)).rowcount:
                raise NotFoundError("variable", key, self.variable_keys())
            _audit(tx, audit)
            tx.wake(VARIABLES)

    def pools(self) -> list[Pool]:
        """Every pool, by name."""
        with self._database.read() as connection:
            return [_pool(*row) for row in connection.execute(POOLS)]

    def put_pool(self, pool: Pool, now: datetime, audit: Audited[Pool] | None = None) -> None:
        """Store a pool in place of any of the same name, and request the scheduler to use it."""
        with self._writer.transaction() as tx:
            count, period_s = (None, None) if pool.rate is None else (pool.rate.count, pool.rate.period_s)
            facts = {"name": pool.name, "slots": pool.slots, "description": pool.description}
            if audit is not None:
                rows: Iterable[Any] = tx.execute(POOLS)
                found = [_pool(*row) for row in rows if row[0] == pool.name]
                tx.audit(audit(found[0] if found else None))
            tx.replace(tables.pool, [{**facts, "rate_count": count, "rate_period_s": period_s}])
            tx.submit([PoolsChanged()], now)

    def delete_pool(self, name: str, now: datetime, audit: AuditEntry | None = None) -> None:
        """Delete a pool and request the scheduler to drop it; raises NotFoundError if there is none."""
        with self._writer.transaction() as tx:
            if not tx.execute(delete(tables.pool).where(_p.name == name)).rowcount:
                raise NotFoundError("pool", name, [pool.name for pool in self.pools()])
            _audit(tx, audit)
            tx.submit([PoolsChanged()], now)

    def holds_secrets(self) -> bool:
        """Whether anything is stored that some key has encrypted; needs no key."""
        with self._database.read() as connection:
            return bool(connection.execute(ENCRYPTED).scalar())

    def rotate_keys(self, audit: AuditEntry | None = None) -> int:
        """Encrypt everything again with the keyring's first key; returns how many values were."""
        with self._writer.transaction() as tx:
            _audit(tx, audit)
            check = self._keyring.encrypt(_CHECK).decode()
            tx.execute(update(tables.meta).where(_m.key == _KEY_CHECK).values(value=check))
            return (
                self._rotate(tx, tables.connection, "conn_id", "encrypted")
                + self._rotate(tx, tables.variable, "key", "encrypted")
                + self._rotate(tx, tables.dag_version, "version", "variables")
                + self._rotate(tx, tables.source_file, "file", "variables")
            )

    def _rotate(self, tx: Transaction, table: Table, key: str, column: str) -> int:
        rows = tx.execute(select(table.c[key].label("name"), table.c[column].label("encrypted"))).mappings()
        found = [(row["name"], row["encrypted"]) for row in rows if row["encrypted"]]
        for name, encrypted in found:
            again = self._keyring.rotate(encrypted, f"{table.name} {name!r}")
            tx.execute(update(table).where(table.c[key] == name).values({column: again}))
        return len(found)

    def unreadable(self) -> UnreadableSecrets:
        """What no key of the keyring decrypts; all that is encrypted, if there is no key. Raises ConfigError if a key is unusable."""
        with self._database.read() as connection:
            return self._unreadable(connection.execute)

    def forget_unreadable(self, audit: AuditEntry | None = None) -> UnreadableSecrets:
        """Delete what no key decrypts, for good; returns what that was.

        A version of a DAG stays, without what its file read of Variables; a DAG file is imported anew.

        Raises:
            ConfigError: A key is unusable; nothing was deleted.
        """
        with self._writer.transaction() as tx:
            _audit(tx, audit)
            found = self._unreadable(tx.execute)
            _each(tx, delete(tables.connection), _c.conn_id, found.connections)
            _each(tx, delete(tables.variable), _v.key, found.variables)
            _each(tx, delete(tables.source_file), tables.source_file.c.file, found.files)
            _each(tx, update(tables.dag_version).values(variables=b""), tables.dag_version.c.version, found.versions)
            if self._fails(tx.execute(KEY_CHECK).scalar()):
                tx.execute(
                    delete(tables.meta).where(_m.key == _KEY_CHECK)
                )  # the next secret is stored with another one
            tx.wake(VARIABLES)
        return found

    def _unreadable(self, execute: Callable[[Any], Any]) -> UnreadableSecrets:
        if not self._keyring.missing:
            self._keyring.encrypt(_CHECK)  # raises if a key is no key: what it sealed is not lost for that
        sealed = (
            (_c.conn_id, _c.encrypted),
            (_v.key, _v.encrypted),
            (tables.dag_version.c.version, tables.dag_version.c.variables),
            (tables.source_file.c.file, tables.source_file.c.variables),
        )
        found = [
            [name for name, encrypted in execute(select(*columns).order_by(columns[0])) if self._fails(encrypted)]
            for columns in sealed
        ]
        return UnreadableSecrets(*found)

    def _fails(self, encrypted: bytes | str | None) -> bool:
        """Whether something is encrypted, and no key decrypts it."""
        if not encrypted:
            return False
        try:
            self._keyring.decrypt(encrypted.encode() if isinstance(encrypted, str) else encrypted, "a secret")
        except ConfigError:
            return True
        return False

    def _check_key(self) -> None:
        """Refuse to encrypt with a key that does not decrypt what is already stored: two keys must not mix unnoticed."""
        with self._database.read() as connection:
            token = connection.execute(KEY_CHECK).scalar()
        if token is None:
            with self._writer.transaction() as tx:
                tx.replace(tables.meta, [{"key": _KEY_CHECK, "value": self._keyring.encrypt(_CHECK).decode()}])
        else:
            self._keyring.decrypt(token.encode(), f"database {self._database.name}")

    def _decrypted(self, conn_id: str, encrypted: bytes) -> Connection:
        data = self._keyring.decrypt(encrypted, f"connection {conn_id!r}")
        return decode_json(data, Connection)


def _pool(
    name: str, slots: int, description: str, count: int | None, period_s: float | None, next_at: datetime | None
) -> Pool:
    """A pool of its row; a rate that is none, which somebody else has written, counts as none."""
    rate = Rate(count, period_s) if count and period_s and count > 0 and 0 < period_s <= LONGEST_PERIOD_S else None
    return Pool(name, slots, description, rate, next_at)


def _audit(tx: Transaction, audit: AuditEntry | None) -> None:
    if audit is not None:
        tx.audit(audit)


def _each(tx: Transaction, statement: Any, column: ColumnElement[str], names: Iterable[str]) -> None:  # noqa: ANN401 - either kind
    for name in names:
        tx.execute(statement.where(column == name))
