"""The hook of PostgreSQL: the database beside the warehouse, which holds its cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity
from penstock_redshift.connections import PostgresFields
from penstock_redshift.hooks.database import DatabaseHook
from penstock_redshift.hooks.login import settings, tls
from penstock_redshift.hooks.session import Session


class PostgresHook(DatabaseHook[PostgresFields]):
    """A client of PostgreSQL.

    A connection is opened for each transaction and closed after it, so none is idle, shared or carried over a fork.
    Every method raises `penstock.errors.ProviderError` with the kind of the failure.

    Args:
        postgres_conn_id: The connection, of type ``postgres``.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = "postgres"
    default_conn_id: ClassVar[str] = "postgres_default"
    fields_class: ClassVar[type[PostgresFields]] = PostgresFields

    def __init__(self, postgres_conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(postgres_conn_id, connection=connection)

    @contextmanager
    def session(self, operation: str = "Query", *, autocommit: bool = True) -> Iterator[Session]:
        """A connection that is closed at the end; what the driver raises inside becomes a provider error."""
        import psycopg  # noqa: PLC0415 - on first use

        fields = self.fields
        with self.errors(operation):
            connection = psycopg.connect(
                host=fields.host,
                port=fields.port,
                dbname=fields.database,
                user=fields.user,
                password=fields.password,
                autocommit=True,
                # DDL takes no parameters of the server's, and poolers lose what was prepared
                cursor_factory=psycopg.ClientCursor,
                prepare_threshold=None,
                client_encoding="utf8",
                connect_timeout=fields.connect_timeout_s,
                keepalives_idle=60,
                keepalives_interval=10,
                keepalives_count=6,
                application_name=fields.application_name,
                **tls(fields),
            )
        with self._during(connection, operation):
            # a process that was killed has its statement ended, of a server that can (PostgreSQL 14)
            watched = {"client_connection_check_interval": "2s"} if connection.info.server_version >= 140000 else {}
            for statement in settings(fields, watched):
                connection.execute(statement)
            connection.autocommit = autocommit
            yield Session(connection, "none", {})

    @property
    def endpoint(self) -> str:
        """The address of the server, and the database."""
        return f"{self.fields.host}:{self.fields.port}/{self.fields.database}"

    def identify(self) -> Identity:
        """Log in and ask who we are; needs no privilege but the login."""
        with self.session("Login") as session:
            user, version, now = session.rows("SELECT current_user, version(), clock_timestamp()")[0]
        return Identity(str(user), f"Logged in as {user}: {version}.", now)
