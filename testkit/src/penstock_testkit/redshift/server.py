"""The Redshift test server: the proxy in a thread, in front of a PostgreSQL, beside an S3 server."""

import asyncio
import contextlib
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from penstock_testkit.postgres import PostgresServer
from penstock_testkit.redshift.alter import FixedColumns
from penstock_testkit.redshift.catalog import DEFINITIONS
from penstock_testkit.redshift.copying import Place
from penstock_testkit.redshift.faults import Faults
from penstock_testkit.redshift.objects import Objects
from penstock_testkit.redshift.procedures import Procedures
from penstock_testkit.redshift.session import Session, Upstream
from penstock_testkit.s3 import S3Server

_TEMPLATE = "penstock_redshift"
_USER = "awsuser"
_PASSWORD = "Passw0rd-of-tests"  # noqa: S105 - a throw-away server's
_START_SECONDS = 60


@dataclass(frozen=True)
class ReceivedStatement:
    """A statement as a client sent it.

    Attributes:
        session_id: What `pg_backend_pid()` tells in that session.
        user: Who sent it.
        sql: The text, comments included.
    """

    session_id: int
    user: str
    sql: str


class RedshiftServer:
    """A server that speaks Redshift's dialect on Redshift's wire protocol.

    Attributes:
        host: `127.0.0.1`.
        port: Its TCP port.
        user: A superuser.
        password: Its password.
        s3: The S3 server that COPY reads and UNLOAD writes.
        faults: What shall fail next, for all sessions.
    """

    def __init__(self, postgres: PostgresServer, s3: S3Server) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.user = _USER
        self.password = _PASSWORD
        self.s3 = s3
        self.faults = Faults()
        self._postgres = postgres
        self._objects = Objects(s3)
        self._received: list[ReceivedStatement] = []
        self._seen: dict[str, tuple[FixedColumns, Procedures]] = {}
        self._loop = asyncio.new_event_loop()
        self._sessions: set[asyncio.Task[None]] = set()

    @property
    def statements(self) -> list[ReceivedStatement]:
        """All statements received since the start or the last `forget()`."""
        return list(self._received)

    def forget(self) -> None:
        """Empty `statements` and clear all faults."""
        self._received.clear()
        self.faults.clear()

    def prepare(self) -> None:
        """Create the superuser and the template of Redshift's databases in PostgreSQL."""
        url = self._postgres.create_database(_TEMPLATE)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(DEFINITIONS)
        self.create_user(self.user, self.password, superuser=True)

    def create_user(self, name: str, password: str, *, superuser: bool = False, valid_until: str = "infinity") -> None:
        """Create a user, or change an old one's password.

        Args:
            name: Its name, as the client will send it (`IAM:name` for temporary credentials).
            password: Its password.
            superuser: Whether it may do everything.
            valid_until: When the password expires: a timestamp with time zone.
        """
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
            verb = "ALTER" if known else "CREATE"
            kind = "SUPERUSER" if superuser else "NOSUPERUSER"
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN {} PASSWORD {} VALID UNTIL {}").format(
                    sql.SQL(verb), sql.Identifier(name), sql.SQL(kind), password, valid_until
                )
            )

    def create_database(self, name: str | None = None) -> "RedshiftDatabase":
        """Create a database with Redshift's system views and return its handle."""
        database = name or f"test_{uuid.uuid4().hex[:12]}"
        self._postgres.create_database(database, template=_TEMPLATE)
        return RedshiftDatabase(self, database)

    def drop_database(self, name: str) -> None:
        """Drop a database and end the sessions in it."""
        self._postgres.drop_database(name)

    def start(self, port: int = 0) -> None:
        """Listen, in a thread of this process.

        Args:
            port: TCP port on 127.0.0.1; 0 takes a free one.

        Raises:
            TimeoutError: The thread did not start in 10 s.
            OSError: The port is taken.
        """
        self._thread = threading.Thread(target=self._loop.run_forever, name="redshift", daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(port), self._loop)
        self.port = listening.result(_START_SECONDS)

    def stop(self) -> None:
        """Close all sessions and stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()
        self._objects.close()

    async def _listen(self, port: int) -> int:
        upstream = Upstream(self.host, self._postgres.port, self._place, self._record)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine runs in a task
            self._sessions.add(task)
            task.add_done_callback(self._sessions.discard)
            with contextlib.suppress(asyncio.CancelledError):
                await Session(reader, writer, upstream).serve()

        self._server = await asyncio.start_server(serve, self.host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _close(self) -> None:
        self._server.close()
        sessions = list(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    def _place(self, database: str) -> Place:
        url = self._postgres.database_url(urllib.parse.quote(database, safe=""))
        seen = self._seen.setdefault(database, (FixedColumns(), Procedures()))
        return Place(self._objects, self.faults, url, *seen)

    def _record(self, session_id: int, user: str, text: str) -> None:
        self._received.append(ReceivedStatement(session_id, user, text))


class RedshiftDatabase:
    """A database of the Redshift test server: where it is and how to get in.

    Attributes:
        server: The server.
        host: Its address.
        port: Its port.
        user: A superuser.
        password: Its password.
        dbname: The database.
        s3: The S3 server that COPY reads and UNLOAD writes.
        faults: What shall fail next.
        iam_role: An ARN for COPY and UNLOAD; any `arn:aws...` is accepted.
    """

    iam_role = "arn:aws:iam::123456789012:role/penstock-tests"

    def __init__(self, server: RedshiftServer, dbname: str) -> None:
        self.server = server
        self.host = server.host
        self.port = server.port
        self.user = server.user
        self.password = server.password
        self.dbname = dbname
        self.s3 = server.s3
        self.faults = server.faults

    @property
    def url(self) -> str:
        """The `postgresql://` URL with user and password; add `client_encoding=utf8` for old drivers."""
        password = urllib.parse.quote(self.password, safe="")
        return f"postgresql://{self.user}:{password}@{self.host}:{self.port}/{self.dbname}"

    @property
    def statements(self) -> list[ReceivedStatement]:
        """All statements the server received in this test."""
        return self.server.statements

    def connect(self, **parameters: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's own parameters
        """Open a psycopg connection as Redshift needs it: client encoding set, no prepared statements.

        Args:
            **parameters: Passed to `psycopg.connect` over those defaults, such as `autocommit=True`.
        """
        defaults: dict[str, Any] = {
            "client_encoding": "utf8",
            "prepare_threshold": None,
            "cursor_factory": psycopg.ClientCursor,
        }
        return psycopg.connect(self.url, **(defaults | parameters))


@contextlib.contextmanager
def redshift(postgres: PostgresServer, s3: S3Server, port: int = 0) -> Iterator[RedshiftServer]:
    """Run the Redshift test server.

    Args:
        postgres: The server that holds the data.
        s3: The S3 server for COPY and UNLOAD.
        port: TCP port on 127.0.0.1; 0 takes a free one.

    Yields:
        The running server.
    """
    server = RedshiftServer(postgres, s3)
    server.prepare()
    server.start(port)
    try:
        yield server
    finally:
        server.stop()
