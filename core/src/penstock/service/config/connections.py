"""Operations on connections; what the environment sets comes first."""

import re
from typing import Any

import msgspec

from penstock.decoders import decode_json
from penstock.errors import RequestError
from penstock.model.access.permission import Permission
from penstock.model.connection import Connection
from penstock.model.history.audit import NOBODY, AskedBy, AuditAction, AuditEntry
from penstock.model.names import check_name
from penstock.processes.masking import MASK, Mask, hide_values
from penstock.service.config.used import why_unused
from penstock.service.config.vault_page import VaultPage
from penstock.service.installation import Installation
from penstock.service.operations.operation import operation
from penstock.service.operations.page import PagedList, PageSize
from penstock.service.providers import hook_for
from penstock.tries import vault_listing
from penstock.tries.vault import VaultValue
from penstock.tries.vault_sources import DATABASE

_CONN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,250}")


class ConnectionSummary(msgspec.Struct, frozen=True):
    """A connection for people, without its secrets: each is shown as ``***``.

    Attributes:
        source: Name of the source that it is from: ``environment``, ``database``, or a secrets backend.
        shadowed: True if an earlier source has a connection of this id, too, so that this one is not used.
        withheld: Name of an earlier source that fails: nobody is given this connection until that answers.
        stamp: Of a stored one that is shown by itself, what differs as soon as anything of it does, its secrets included; else "".
    """

    conn_id: str
    conn_type: str = ""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    schema: str = ""
    extra: dict[str, Any] = {}
    description: str = ""
    source: str = ""
    shadowed: bool = False
    withheld: str = ""
    stamp: str = ""


class ConnectionTest(msgspec.Struct, frozen=True):
    """What the service of a connection answered; secrets are masked."""

    conn_id: str
    ok: bool
    identity: str
    endpoint: str
    latency_ms: float
    detail: str


_LIST = PagedList("connections", tuple[str, bool, str])


@operation("GET", "/connections", needs=Permission.CONNECTIONS_READ, subject="")
def list_connections(
    installation: Installation, *, after: str = "", limit: PageSize = 200
) -> VaultPage[ConnectionSummary]:
    """List a page of the connections by id, without secrets; of a secrets backend the ids alone, for each value costs a question.

    Raises:
        PageError: No page ended with ``after``.
        StoreError: The database failed.
    """
    listing = vault_listing.list_connections(installation.vault)
    found = [
        msgspec.structs.replace(
            ConnectionSummary(each.name, source=each.source) if each.found is None else _without_secrets(each.found),
            shadowed=each.shadowed,
            withheld=each.withheld,
        )
        for each in listing.things
        if installation.may(Permission.CONNECTIONS_READ, each.name)
    ]
    page = _LIST.page_of_all(found, after, limit, lambda each: (each.conn_id, each.shadowed, each.source))
    return VaultPage(items=page.items, next=page.next, failures=listing.failures, silent=listing.silent)


@operation("GET", "/connections/{conn_id}", needs=Permission.CONNECTIONS_READ)
def show_connection(installation: Installation, conn_id: str) -> ConnectionSummary:
    """Show the connection that a task would get, without its secrets.

    Raises:
        NotFoundError: No source has it.
        ConfigError: A source failed.
        StoreError: The database failed.
    """
    found = installation.vault.connection(conn_id)
    stamp = installation.store.config.stamp(found.value) if found.source == DATABASE else ""
    return msgspec.structs.replace(_without_secrets(found), stamp=stamp)


@operation("PUT", "/connections/{conn_id}", needs=Permission.CONNECTIONS_WRITE)
def set_connection(
    installation: Installation,
    conn_id: str,
    connection: Connection,
    *,
    keep_secrets: bool = False,
    by: AskedBy = NOBODY,
) -> str:
    """Store a connection in place of any of the same id.

    Args:
        installation: The installation.
        conn_id: Its id.
        connection: The connection, which says the same.
        keep_secrets: Whether a field that holds ``***`` keeps the secret that is stored in it, which nobody is shown. Where the
            connection leads to must stay as it is then: a secret is not sent elsewhere by somebody who does not know it.
        by: Who asks, for the audit.

    Returns:
        Why it is not used, for another source that comes first may have a connection of this id, or fail; "" if it is.

    Raises:
        RequestError: The id cannot be used, or a secret cannot be kept.
        ConfigError: The key does not fit what is stored.
        StoreError: The database failed.
    """
    if connection.conn_id != conn_id:
        raise RequestError(
            f"connection {conn_id!r}: what is to be stored calls itself {connection.conn_id!r}. Say one."
        )
    if not _CONN_ID.fullmatch(connection.conn_id):
        raise RequestError(f"connection {connection.conn_id!r}: an id has letters, digits and any of _ . : - only.")
    if connection.conn_type:
        check_name("connection type", connection.conn_type)
    if keep_secrets:
        connection = _with_secrets(installation, connection)
    _check_fields(connection)
    now = installation.now()

    def entry(before: Connection | None) -> AuditEntry:
        words = "" if before is None else _kind(before)
        changed = f"{_kind(connection)}; changed: {_changed(before, connection)}"
        return by.entry(now, AuditAction.SET, subject=f"connection {connection.conn_id!r}", before=words, after=changed)

    unused = why_unused(installation.vault, "connection", conn_id, f"PENSTOCK_CONN_{conn_id.upper()}")
    installation.store.config.put_connection(connection, now, entry)
    return unused


def _with_secrets(installation: Installation, given: Connection) -> Connection:
    """A connection with the secrets that are stored wherever it has the sign for one; raises RequestError."""
    stored = installation.store.config.connection(given.conn_id)
    if stored is None:
        raise RequestError(
            f"connection {given.conn_id!r} is not stored, so that none of its secrets can be kept. Give all."
        )
    shown = _without_secrets(VaultValue(stored, installation.vault.secrets(stored), DATABASE))
    parts = {
        name: getattr(stored, name)
        for name in ("host", "login", "password", "schema")
        if getattr(given, name) == getattr(shown, name) == MASK
    }
    extra = {
        key: stored.extra[key] if key in stored.extra and value == shown.extra[key] != stored.extra[key] else value
        for key, value in given.extra.items()
    }
    made = msgspec.structs.replace(given, **parts, extra=extra)
    if made == given or _place(made, shown) == _place(stored, shown):
        return made
    raise RequestError(
        f"connection {given.conn_id!r}: its secrets are kept only while type, host, port and further fields stay as they are, so that "
        "nobody sends them elsewhere. Give the secrets anew."
    )


def _place(connection: Connection, shown: ConnectionSummary) -> object:
    """Where a connection leads to: all that is no secret, but for what names an account or is for people."""
    hidden = {key for key in connection.extra if key in shown.extra and shown.extra[key] == MASK}
    extra = {key: value for key, value in connection.extra.items() if key not in hidden}
    return connection.conn_type, connection.host, connection.port, connection.schema, extra


def _kind(connection: Connection) -> str:
    return f"of type {connection.conn_type or 'none'}"


def _changed(before: Connection | None, after: Connection) -> str:
    """The names of the fields that differ; no value, for any may hold a secret."""
    old = None if before is None else msgspec.structs.asdict(before)
    fields = msgspec.structs.asdict(after)
    names = [
        name for name, value in fields.items() if (value if old is None else old[name] != value) and name != "conn_id"
    ]
    return ", ".join(names) or "nothing"


def _check_fields(connection: Connection) -> None:
    """Refuse a connection that would come back as another one; raises RequestError, which shows no value."""
    try:
        same = decode_json(msgspec.json.encode(connection), Connection) == connection
    except (ValueError, TypeError, OverflowError, RecursionError):
        same = False
    if not same:
        raise RequestError(
            f"connection {connection.conn_id!r}: a field would not come back as it is: half a character, a number that is "
            "none, or an extra that is no JSON. Write it otherwise."
        )


@operation("DELETE", "/connections/{conn_id}", needs=Permission.CONNECTIONS_WRITE)
def delete_connection(installation: Installation, conn_id: str, *, by: AskedBy = NOBODY) -> None:
    """Delete a stored connection; raises NotFoundError or StoreError."""
    entry = by.entry(installation.now(), AuditAction.DELETE, subject=f"connection {conn_id!r}")
    installation.store.config.delete_connection(conn_id, entry)


@operation("POST", "/connections/{conn_id}/test", needs=Permission.CONNECTIONS_WRITE, reads=True)
def test_connection(installation: Installation, conn_id: str) -> ConnectionTest:
    """Reach the service of a connection, by the hook of the provider that reads it.

    Raises:
        NotFoundError: No source has the connection.
        RequestError: The core reads it itself, and cannot test it.
        MissingProviderError: No installed provider reads it.
        PluginError: The provider's hook cannot be used.
        ConfigError: A source failed.
        StoreError: The database failed.
    """
    found = installation.vault.connection(conn_id)
    hook = hook_for(installation, found.value)
    started = installation.now()
    report = hook(connection=found.value).test_connection()
    latency_ms = report.latency_ms or (installation.now() - started).total_seconds() * 1000
    detail = Mask(found.secrets).hide(report.detail)
    return ConnectionTest(conn_id, report.ok, report.identity, report.endpoint, round(latency_ms, 1), detail)


def _without_secrets(found: VaultValue[Connection]) -> ConnectionSummary:
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
    )
