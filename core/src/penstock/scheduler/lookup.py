"""Connections and Variables as users' code is given them: the environment's come before the database's."""

from collections.abc import Callable, Mapping

import msgspec

from penstock.errors import NotFoundError, PenstockError
from penstock.execute.wire import Reply
from penstock.model.connection import Connection
from penstock.model.secret import variable_secrets
from penstock.store.store import Store


def find_connection(store: Store, conn_id: str, environment: Mapping[str, Connection]) -> Connection:
    """The connection that a task would get, with its secrets; raises NotFoundError."""
    given = environment.get(conn_id.lower())
    if given is not None:
        return msgspec.structs.replace(given, conn_id=conn_id)
    stored = store.connection(conn_id)
    if stored is None:
        hint = f"Create it with: penstock connections set {conn_id} URI, or set PENSTOCK_CONN_{conn_id.upper()}"
        raise NotFoundError("connection", conn_id, {*store.connection_ids(), *environment}, hint=hint)
    return stored


def find_variable(store: Store, key: str, environment: Mapping[str, str]) -> str | None:
    """The text of the Variable that a task would get, or None."""
    given = environment.get(key.lower())
    return store.variable(key) if given is None else given


class Lookup:
    """Answers what tasks and plugin modules of providers may ask alike.

    Args:
        store: The open store.
        connections: Connections of the environment, by lower-case id.
        variables: Variables of the environment, by lower-case key.
        secrets: Values of a connection that must not appear in a log.
    """

    def __init__(
        self,
        store: Store,
        connections: Mapping[str, Connection],
        variables: Mapping[str, str],
        secrets: Callable[[Connection], tuple[str, ...]] = Connection.secrets,
    ) -> None:
        self._store, self._connections, self._variables, self._secrets = store, connections, variables, secrets

    def connection(self, conn_id: str) -> Reply:
        """A connection with word of its secrets; raises NotFoundError."""
        found = find_connection(self._store, conn_id, self._connections)
        return Reply(msgspec.to_builtins(found), secrets=self._secrets(found))

    def variable(self, key: str) -> Reply:
        """A Variable with word of its secrets; the reply holds None if there is none."""
        value = find_variable(self._store, key, self._variables)
        return Reply(value, secrets=variable_secrets(key, value))


def answered(method: Callable[..., Reply], *arguments: object) -> Reply:
    """What a method replies; the error that it raised if the question cannot be answered."""
    try:
        return method(*arguments)
    except PenstockError as error:
        return Reply(error=str(error), error_type=type(error).__name__)
