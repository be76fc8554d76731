"""Opening a connection to Redshift, with the driver settings that work against it.

Why each setting: Redshift speaks the protocol of PostgreSQL 8.0 and calls its encoding UNICODE (``client_encoding``);
it knows no ``DEALLOCATE ALL`` and takes no server-side parameters in COPY, UNLOAD and DDL (``ClientCursor``, no
prepared statements); it reads literals in a way of its own (``context``, see `literals`); idle connections are cut
after five minutes (``keepalives_idle``).
"""

import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock_redshift.connections import PostgresFields, RedshiftFields
from penstock_redshift.hooks.credentials import temporary_credentials
from penstock_redshift.hooks.literals import adapters

if TYPE_CHECKING:
    import psycopg


def connect(fields: RedshiftFields, *, autocommit: bool) -> "psycopg.Connection[Any]":
    """A new connection, set up for the session; raises what the driver raises. The caller closes it."""
    import psycopg  # noqa: PLC0415 - on first use

    user, password = temporary_credentials(fields) if fields.iam else (fields.user, fields.password)
    connection = psycopg.connect(
        host=fields.host,
        port=fields.port,
        dbname=fields.database,
        user=user,
        password=password,
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
        prepare_threshold=None,
        context=adapters(),
        client_encoding="utf8",
        connect_timeout=fields.connect_timeout_s,
        keepalives_idle=60,
        keepalives_interval=10,
        keepalives_count=6,
        gssencmode="disable",
        application_name=fields.application_name,
        **tls(fields),
    )
    try:
        for statement in settings(fields, {"query_group": fields.query_group}):
            connection.execute(statement)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def settings(fields: RedshiftFields | PostgresFields, further: Mapping[str, Any]) -> list[Any]:
    """Statements that set up a session: what the connection says, and further settings; those without a value are left out."""
    from psycopg import sql  # noqa: PLC0415 - on first use

    wanted = {"statement_timeout": int(fields.statement_timeout_s * 1000), **further, "timezone": fields.timezone}
    found: list[Any] = [
        sql.SQL("SET {} TO {}").format(sql.SQL(name), sql.Literal(value)) for name, value in wanted.items() if value
    ]
    if fields.search_path:
        names = [sql.Identifier(name.strip()) for name in fields.search_path.split(",")]
        found.append(sql.SQL("SET search_path TO {}").format(sql.SQL(", ").join(names)))
    return found


def tls(fields: RedshiftFields | PostgresFields) -> dict[str, Any]:
    """How libpq is to encrypt and to verify."""
    if not fields.sslmode.startswith("verify"):
        return {"sslmode": fields.sslmode}
    bundle = fields.sslrootcert or ssl.get_default_verify_paths().cafile or "system"
    return {"sslmode": fields.sslmode, "sslrootcert": bundle}
