"""The hook of Amazon Redshift."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import penstock
from penstock.errors import RequestError
from penstock.spec.fields import Connection
from penstock.spec.hooks.service_hook import Identity
from penstock_redshift.connections import RedshiftFields
from penstock_redshift.hooks.data.data_session import DataSession, refused
from penstock_redshift.hooks.database import DatabaseHook
from penstock_redshift.hooks.login import connect
from penstock_redshift.hooks.progress import Progress
from penstock_redshift.hooks.session import Parameters, Session


class RedshiftHook(DatabaseHook[RedshiftFields]):
    """A client of Amazon Redshift.

    A connection is opened for each transaction and closed after it, so none is idle, shared or carried over a fork.
    Every method raises `penstock.errors.ProviderError` with the kind of the failure.

    Args:
        redshift_conn_id: The connection, of type ``redshift``.
        connection: The connection itself, in place of its name.
        query_group: Routes to a queue of the workload management; the connection's own unless given.
    """

    connection_type: ClassVar[str] = "redshift"
    default_conn_id: ClassVar[str] = "redshift_default"
    fields_class: ClassVar[type[RedshiftFields]] = RedshiftFields

    def __init__(
        self, redshift_conn_id: str | None = None, *, connection: Connection | None = None, query_group: str = ""
    ) -> None:
        super().__init__(redshift_conn_id, connection=connection)
        self._query_group = query_group

    @contextmanager
    def session(self, operation: str = "Query", *, autocommit: bool = True) -> Iterator[Session]:
        """A connection that is closed at the end; what the driver raises inside becomes a provider error.

        With the Data API it is a session there, in which each statement is committed by itself.
        """
        if not self._has_transactions:
            if not autocommit:
                raise refused("a transaction in which a statement depends on the one before needs a connection")
            yield self._data_session(autocommit=True)
            return
        fields = self._own_fields
        with self.errors(operation):
            connection = connect(fields, autocommit=autocommit)
        with self._during(connection, operation):
            yield Session(connection, fields.sql_tagging, _tags())

    @property
    def endpoint(self) -> str:
        """The address of the leader node or workgroup, and the database."""
        if not self._has_transactions:
            name = self.fields.cluster_identifier or self.fields.workgroup_name
            return f"{self.fields.endpoint_url or 'the Data API'}, {name}/{self.fields.database}"
        return f"{self.fields.host}:{self.fields.port}/{self.fields.database}"

    def identify(self) -> Identity:
        """Log in and ask who we are; needs no privilege but the login."""
        user, version, now = self.get_records("SELECT current_user, version(), EXTRACT(epoch FROM getdate())")[0]
        return Identity(str(user), f"Logged in as {user}: {version}.", datetime.fromtimestamp(float(now), UTC))

    @property
    def _own_fields(self) -> RedshiftFields:
        return replace(self.fields, query_group=self._query_group or self.fields.query_group)

    @property
    def _has_transactions(self) -> bool:
        return self.fields.transport == "wire"

    def _at_once(self, statements: Sequence[str], parameters: Parameters, seen: list[Progress]) -> Sequence[Any]:
        session = self._data_session(autocommit=False)
        seen.append(session.progress)
        return session.run_all(statements, parameters)

    def _data_session(self, *, autocommit: bool) -> DataSession:
        return DataSession(self._own_fields, _tags(), self.conn_id, autocommit=autocommit)


def _tags() -> dict[str, str]:
    """What a comment says of the task that runs; empty outside of a task."""
    try:
        context = penstock.get_current_context()
    except RequestError:
        return {}
    facts = context.facts
    return {
        "app": "penstock",
        "app_ver": penstock.__version__,
        "dag": facts.dag_id,
        "task": facts.task_id,
        "run_id": facts.run_id,
        "try": str(facts.try_number),
    }
