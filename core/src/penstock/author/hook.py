"""The base of hooks: clients of an external service that find their credentials by a connection id."""

from typing import ClassVar, NamedTuple

from penstock.author.log import LoggingMixin
from penstock.author.runtime import current
from penstock.model.connection import Connection


class ConnectionReport(NamedTuple):
    """What `Hook.test_connection` found.

    Attributes:
        ok: Whether the service answered and let us in.
        identity: Who the service says we are; "" if it does not say.
        endpoint: Where it was reached.
        latency_ms: Round trip of the test in milliseconds.
        detail: A sentence for a person; names the fault and the remedy if not ok.
    """

    ok: bool
    identity: str
    endpoint: str
    latency_ms: float
    detail: str


class Hook(LoggingMixin):
    """A client of an external service; usable in a task, in a test and, with a `Connection`, anywhere.

    Making a hook opens nothing: the first call that needs the service does.

    Args:
        conn_id: Name of the connection; the class's ``default_conn_id`` unless given.
        connection: The connection itself, in place of its name.
    """

    connection_type: ClassVar[str] = ""
    default_conn_id: ClassVar[str] = ""

    def __init__(self, conn_id: str | None = None, *, connection: Connection | None = None) -> None:
        self.conn_id = connection.conn_id if connection else conn_id or self.default_conn_id
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection, looked up on first use; raises `penstock.errors.NotFoundError` if there is none."""
        if self._connection is None:
            self._connection = current.get().connection(self.conn_id)
        return self._connection

    def test_connection(self) -> ConnectionReport:
        """Reach the service with the least privilege that proves the connection, and report what was found."""
        raise NotImplementedError(f"{type(self).__name__} has no connection test")
