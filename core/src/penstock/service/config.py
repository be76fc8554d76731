"""What people ask of connections, variables and pools; what the environment sets comes first."""

import re
from datetime import datetime
from typing import Any

import msgspec

from penstock.errors import NotFoundError, RequestError
from penstock.model.connection import Connection
from penstock.processes.masking import MASK, hide_values
from penstock.service.names import check_name
from penstock.store import DEFAULT_POOL, Pool, Store
from penstock.tries.vault import DATABASE, Found, Vault

_CONN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,250}")


class ConnectionSummary(msgspec.Struct, frozen=True):
    """A connection for people, without its secrets: each is shown as ``***``.

    Attributes:
        source: Name of the source that it is from, such as ``environment`` or ``database``.
        shadowed: True if an earlier source has a connection of this id, too, so that this one is not used.
    """

    conn_id: str
    conn_type: str
    host: str
    port: int | None
    login: str
    password: str
    schema: str
    extra: dict[str, Any]
    description: str
    source: str
    shadowed: bool = False


class VariableSummary(msgspec.Struct, frozen=True):
    """A Variable for people; ``source`` and ``shadowed`` as for connections."""

    key: str
    value: str
    description: str
    changed_at: datetime | None
    source: str
    shadowed: bool = False


def list_connections(vault: Vault) -> list[ConnectionSummary]:
    """Every connection by id, without secrets; raises ConfigError if the key does not fit."""
    found = map(_without_secrets, vault.all_connections())
    return sorted(found, key=lambda each: each.conn_id)


def show_connection(vault: Vault, conn_id: str) -> ConnectionSummary:
    """The connection that a task would get, without its secrets; raises NotFoundError."""
    return _without_secrets(vault.connection(conn_id))


def set_connection(store: Store, connection: Connection, now: datetime) -> None:
    """Store a connection in place of any of the same id; raises RequestError for an id that cannot be used."""
    if not _CONN_ID.fullmatch(connection.conn_id):
        raise RequestError(f"connection {connection.conn_id!r}: an id has letters, digits and any of _ . : - only.")
    store.config.put_connection(connection, now)


def delete_connection(store: Store, conn_id: str) -> None:
    """Delete a stored connection; raises NotFoundError."""
    store.config.delete_connection(conn_id)


def list_variables(store: Store, vault: Vault) -> list[VariableSummary]:
    """Every Variable by key, with ``***`` for a value that holds secrets; raises ConfigError if the keyring does not fit."""
    stored = {each.key: each for each in store.config.variables()}
    found = []
    for key, each in vault.all_variables():
        about = stored.get(key) if each.source == DATABASE else None
        description, changed_at = (about.description, about.changed_at) if about else ("", None)
        text = MASK if each.secrets else each.value
        found.append(VariableSummary(key, text, description, changed_at, each.source, each.shadowed))
    return sorted(found, key=lambda each: each.key)


def get_variable(vault: Vault, key: str) -> str:
    """The text of the Variable that a task would get; raises NotFoundError."""
    value = vault.variable(key).value
    if value is None:
        raise NotFoundError("variable", key, vault.variable_keys())
    return value


def set_variable(store: Store, key: str, value: str, now: datetime, description: str = "") -> None:
    """Store a Variable in place of any of the same key; raises RequestError for a key that cannot be used."""
    check_name("variable", key)
    store.config.put_variable(key, value, now, description)


def delete_variable(store: Store, key: str) -> None:
    """Delete a stored Variable; raises NotFoundError."""
    store.config.delete_variable(key)


def list_pools(store: Store) -> list[Pool]:
    """Every pool by name."""
    return store.config.pools()


def set_pool(store: Store, pool: Pool, now: datetime) -> None:
    """Store a pool in place of any of the same name; raises RequestError for a name or number that cannot be used."""
    check_name("pool", pool.name)
    if not 0 <= pool.slots < 2**31:
        raise RequestError(f"pool {pool.name!r}: {pool.slots} slots are not possible. Choose 0 (closed) or more.")
    store.config.put_pool(pool, now)


def delete_pool(store: Store, name: str, now: datetime) -> None:
    """Delete a pool; raises NotFoundError, or RequestError for the default pool and for one that DAGs use."""
    if name == DEFAULT_POOL[0]:
        raise RequestError(f"{name!r} is the pool of every task that names none, so it stays. Resize it instead.")
    users = sorted(row.dag_id for row in store.dags.rows() if any(task.pool == name for task in row.spec.tasks))
    if users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        raise RequestError(f"pool {name!r} is used by DAG {', '.join(users[:3])}{more}. Change these first.")
    store.config.delete_pool(name, now)


def _without_secrets(found: Found[Connection]) -> ConnectionSummary:
    given, hidden = found.value, set(found.secrets)
    return ConnectionSummary(
        conn_id=given.conn_id,
        conn_type=given.conn_type,
        host=hide_values(given.host, hidden),
        port=given.port,
        login=hide_values(given.login, hidden),
        password=MASK if given.password else "",
        schema=hide_values(given.schema, hidden),
        extra=hide_values(given.extra, hidden),
        description=given.description,
        source=found.source,
        shadowed=found.shadowed,
    )
